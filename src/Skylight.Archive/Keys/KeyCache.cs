namespace Skylight.Archive.Keys;

/// <summary>Unwrapped keys in memory: bounded in number and in age, least recently used out first, zeroed when they leave.</summary>
internal sealed class KeyCache(int capacity, TimeSpan lifetime, TimeProvider time) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Institution, string Subject, KeyId Id), LinkedListNode<Entry>> _entries = [];
    private readonly Dictionary<(string Institution, string Subject), (KeyId Id, long At)> _current = [];
    private readonly LinkedList<Entry> _order = new();

    /// <summary>A copy of the key, or null.</summary>
    public DataKey? Get(string institution, string subject, KeyId id)
    {
        lock (_lock)
        {
            if (!_entries.TryGetValue((institution, subject, id), out var node)) return null;
            if (time.GetElapsedTime(node.Value.At) > lifetime)
            {
                Remove(node);
                return null;
            }

            _order.Remove(node);
            _order.AddFirst(node);
            return node.Value.Key.Copy();
        }
    }

    /// <summary>A copy of the subject's key for new objects, or null.</summary>
    public DataKey? GetCurrent(string institution, string subject)
    {
        lock (_lock)
        {
            return _current.TryGetValue((institution, subject), out var current) && time.GetElapsedTime(current.At) <= lifetime ? Get(institution, subject, current.Id) : null;
        }
    }

    /// <summary>Keeps a copy.</summary>
    public void Put(string institution, string subject, DataKey key, bool current)
    {
        lock (_lock)
        {
            var now = time.GetTimestamp();
            if (current) _current[(institution, subject)] = (key.Id, now);
            if (_entries.TryGetValue((institution, subject, key.Id), out var existing)) Remove(existing, keepCurrent: true);
            _entries[(institution, subject, key.Id)] = _order.AddFirst(new Entry(institution, subject, key.Copy(), now));
            while (_order.Count > capacity) Remove(_order.Last!);
        }
    }

    /// <summary>Forgets every key of a subject.</summary>
    public void Forget(string institution, string subject)
    {
        lock (_lock)
        {
            _current.Remove((institution, subject));
            for (var node = _order.First; node is not null;)
            {
                var next = node.Next;
                if (node.Value.Institution == institution && node.Value.Subject == subject) Remove(node);
                node = next;
            }
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            while (_order.First is { } node) Remove(node);
        }
    }

    private void Remove(LinkedListNode<Entry> node, bool keepCurrent = false)
    {
        var entry = node.Value;
        _order.Remove(node);
        _entries.Remove((entry.Institution, entry.Subject, entry.Key.Id));
        if (!keepCurrent && _current.TryGetValue((entry.Institution, entry.Subject), out var current) && current.Id == entry.Key.Id)
            _current.Remove((entry.Institution, entry.Subject));
        entry.Key.Dispose();
    }

    private sealed record Entry(string Institution, string Subject, DataKey Key, long At);
}
