using Skylight.Core.Documents;

namespace Skylight.Local.Sqlite;

/// <summary>
/// Documents of the types that nearly every request reads, as they were read. Their records are immutable, so one copy serves all. A write drops its document
/// before it is acknowledged. Thread-safe.
/// </summary>
internal sealed class DocumentCache
{
    private const int MaxDocuments = 5000;

    private static readonly HashSet<string> Kept = new(["account", "institution", "patient"], StringComparer.Ordinal);

    private readonly Lock _lock = new();
    private readonly Dictionary<DocumentKey, object> _young = [];
    private Dictionary<DocumentKey, object> _old = [];
    private long _version;

    /// <summary>Grows with every write; see <see cref="Fill"/>.</summary>
    public long Version => Volatile.Read(ref _version);

    public object? Get(DocumentKey key)
    {
        if (!Kept.Contains(key.Type)) return null;
        lock (_lock)
        {
            if (_young.TryGetValue(key, out var document)) return document;
            if (_old.Remove(key, out document)) Add(key, document);
            return document;
        }
    }

    /// <summary>A document that was read while the cache had this version; one that may have been written meanwhile is not kept.</summary>
    public void Fill(DocumentKey key, object document, long version)
    {
        if (!Kept.Contains(key.Type)) return;
        lock (_lock)
        {
            if (version == _version) Add(key, document);
        }
    }

    /// <summary>The document has been written or deleted.</summary>
    public void Drop(DocumentKey key)
    {
        if (!Kept.Contains(key.Type)) return;
        lock (_lock)
        {
            _version++;
            _young.Remove(key);
            _old.Remove(key);
        }
    }

    /// <summary>Two generations: what nobody has asked for while the younger filled up goes.</summary>
    private void Add(DocumentKey key, object document)
    {
        _young[key] = document;
        if (_young.Count < MaxDocuments) return;
        _old = new Dictionary<DocumentKey, object>(_young);
        _young.Clear();
    }
}
