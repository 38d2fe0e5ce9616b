namespace Skylight.Local.Journal;

/// <summary>Which objects the journal's files carry, and where.</summary>
internal sealed class JournalIndex : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, JournalPlace> _places = [];
    private readonly List<JournalFile> _files = [];

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

    public JournalPlace? Find(string name)
    {
        lock (_lock) return _places.GetValueOrDefault(name);
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

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (var file in _files) file.Dispose();
            _files.Clear();
            _places.Clear();
        }
    }
}
