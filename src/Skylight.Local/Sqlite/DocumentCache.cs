using Skylight.Core.Documents;

namespace Skylight.Local.Sqlite;

/// <summary>
/// Documents of the types that nearly every request reads, and short lists of those that every access decision asks for, as they were read. Their records are
/// immutable, so one copy serves all. A write drops its document, and the lists of its type, before it is acknowledged. Thread-safe.
/// </summary>
internal sealed class DocumentCache
{
    private const int MaxDocuments = 5000;

    private static readonly HashSet<string> Kept = new(["account", "institution", "patient"], StringComparer.Ordinal);

    /// <summary>Types whose lists by term are kept: nearly always they are empty, and each costs a decision a search in an index.</summary>
    private static readonly HashSet<string> Listed = new(["care-relation", "person-link", "patient"], StringComparer.Ordinal);

    /// <summary>Longer lists are not kept.</summary>
    private const int MaxListed = 8;

    private readonly Lock _lock = new();
    private readonly Dictionary<(string Pk, string Type), Dictionary<string, object>> _lists = [];
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
        if (!Kept.Contains(key.Type) && !Listed.Contains(key.Type)) return;
        lock (_lock)
        {
            _version++;
            _young.Remove(key);
            _old.Remove(key);
            _lists.Remove((key.Pk, key.Type));
        }
    }

    /// <summary>The first page of the documents with a term, if it is kept.</summary>
    public object? GetList(string pk, string type, string term)
    {
        if (!Listed.Contains(type)) return null;
        lock (_lock) return _lists.TryGetValue((pk, type), out var lists) ? lists.GetValueOrDefault(term) : null;
    }

    /// <summary>As <see cref="Fill"/>: a first page behind which there is no other.</summary>
    public void FillList<T>(string pk, string type, string term, DocumentPage<T> page, long version) where T : class
    {
        if (!Listed.Contains(type) || page.Continuation is not null || page.Items.Count > MaxListed) return;
        lock (_lock)
        {
            if (version != _version) return;
            if (!_lists.TryGetValue((pk, type), out var lists)) _lists[(pk, type)] = lists = new(StringComparer.Ordinal);
            if (lists.Count >= MaxDocuments) lists.Clear();
            lists[term] = page;
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
