namespace Skylight.Local.Journal;

/// <summary>Which objects the journal's files carry, and where.</summary>
internal sealed class JournalIndex : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, JournalPlace> _places = [];
    private readonly List<JournalFile> _files = [];
    private readonly HeldFiles _held = new();

    /// <summary>Objects that are nowhere but in the journal.</summary>
    public int Count
    {
        get
        {
            lock (_lock) return _places.Count;
        }
    }

    /// <summary>Oldest first; the last one may be the file being written.</summary>
    public JournalFile[] Files
    {
        get
        {
            lock (_lock) return [.. _files];
        }
    }

    /// <summary>Bytes and objects of the files that are held for readers only.</summary>
    public (long Bytes, int Objects) Held
    {
        get
        {
            lock (_lock) return (_held.Bytes, _held.Count);
        }
    }

    public JournalPlace? Find(string name)
    {
        lock (_lock) return _places.GetValueOrDefault(name) ?? _held.Find(name);
    }

    /// <summary>True when some file still carries bytes under this name, moved out or not.</summary>
    public bool Knows(string name)
    {
        lock (_lock) return _files.Exists(file => file.Names.Contains(name));
    }

    public string[] Names(string prefix)
    {
        lock (_lock) return [.. _places.Keys.Where(name => name.StartsWith(prefix, StringComparison.Ordinal))];
    }

    /// <summary>The objects of one file that are nowhere else.</summary>
    public (string Name, JournalPlace Place)[] Of(JournalFile file)
    {
        lock (_lock) return [.. file.Names.Where(name => _places.TryGetValue(name, out var place) && place.File == file).Select(name => (name, _places[name]))];
    }

    public void Add(JournalFile file)
    {
        lock (_lock) _files.Add(file);
    }

    public void Add(JournalFile file, IReadOnlyList<(string Name, long Offset, int Length)> objects)
    {
        lock (_lock)
        {
            foreach (var (name, offset, length) in objects)
            {
                file.Names.Add(name);
                _places[name] = new JournalPlace(file, offset, length);
            }
        }
    }

    /// <summary>The objects are deleted, or stand in the object store by now.</summary>
    public void Remove(IEnumerable<string> names)
    {
        lock (_lock)
        {
            foreach (var name in names) _places.Remove(name);
        }
    }

    /// <summary>Forgets the file; what was only in it is gone.</summary>
    public void Remove(JournalFile file)
    {
        lock (_lock)
        {
            foreach (var name in file.Names)
                if (_places.TryGetValue(name, out var place) && place.File == file) _places.Remove(name);
            _files.Remove(file);
        }
    }

    /// <summary>Forgets the file as <see cref="Remove(JournalFile)"/> does, but for these objects, which stay readable until they are released.</summary>
    public void Hold(JournalFile file, IReadOnlyCollection<(string Name, JournalPlace Place)> objects)
    {
        lock (_lock)
        {
            _held.Add(file, objects.Where(item => _places.ContainsKey(item.Name)));
            Remove(file);
        }
    }

    /// <summary>A held object is deleted; with its last one the file goes. False when it is not held.</summary>
    public bool Release(string name)
    {
        lock (_lock) return _held.Remove(name);
    }

    /// <summary>Lets the file go that has been held longest; false when none is.</summary>
    public bool ReleaseOldest()
    {
        lock (_lock) return _held.RemoveOldest();
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _held.Dispose();
            foreach (var file in _files) file.Dispose();
            _files.Clear();
            _places.Clear();
        }
    }
}
