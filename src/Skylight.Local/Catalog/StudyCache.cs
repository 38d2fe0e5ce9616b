using Skylight.Core.Catalog;

namespace Skylight.Local.Catalog;

/// <summary>
/// Study documents as they are now, by key and by UID: bounded, the least recently used out first. Every change of a study passes here, so what is found is
/// never older than the catalog. Thread-safe.
/// </summary>
internal sealed class StudyCache
{
    /// <summary>A document counts 8 and each of its parts 1, which is about 400 bytes: 20 MB in all.</summary>
    private const int MaxWeight = 50_000;

    private readonly Lock _lock = new();
    private readonly Dictionary<(string Pk, string Id), LinkedListNode<StudyDocument>> _byKey = [];
    private readonly Dictionary<(string Pk, string Uid), LinkedListNode<StudyDocument>> _byUid = [];
    private readonly LinkedList<StudyDocument> _order = new();
    private int _weight;
    private long _version;

    /// <summary>Grows with every change; see <see cref="Fill"/>.</summary>
    public long Version => Volatile.Read(ref _version);

    public StudyDocument? Get(string pk, string id)
    {
        lock (_lock) return _byKey.TryGetValue((pk, id), out var node) ? Touch(node) : null;
    }

    public StudyDocument? GetByUid(string pk, string uid)
    {
        lock (_lock) return _byUid.TryGetValue((pk, uid), out var node) ? Touch(node) : null;
    }

    /// <summary>A change: this is the document from now on.</summary>
    public void Set(StudyDocument study)
    {
        lock (_lock)
        {
            _version++;
            Drop((study.Institution, study.StudyKey));
            Add(study);
        }
    }

    /// <summary>A document that was read while the cache had this version; one that may have been changed meanwhile is not kept.</summary>
    public void Fill(StudyDocument study, long version)
    {
        lock (_lock)
        {
            if (version == _version && !_byKey.ContainsKey((study.Institution, study.StudyKey))) Add(study);
        }
    }

    /// <summary>The document is gone, or is about to change.</summary>
    public void Remove(string pk, string id)
    {
        lock (_lock)
        {
            _version++;
            Drop((pk, id));
        }
    }

    private static int WeightOf(StudyDocument study)
    {
        var parts = 8;
        foreach (var series in study.Series) parts += 1 + series.Parts.Count;
        return parts;
    }

    private StudyDocument Touch(LinkedListNode<StudyDocument> node)
    {
        _order.Remove(node);
        _order.AddLast(node);
        return node.Value;
    }

    private void Add(StudyDocument study)
    {
        var node = _order.AddLast(study);
        _byKey[(study.Institution, study.StudyKey)] = node;
        if (study.ProvisionalOf is null) _byUid[(study.Institution, study.StudyInstanceUid)] = node;
        _weight += WeightOf(study);
        while (_weight > MaxWeight && _order.First is { } oldest) Drop((oldest.Value.Institution, oldest.Value.StudyKey));
    }

    private void Drop((string Pk, string Id) key)
    {
        if (!_byKey.Remove(key, out var node)) return;
        var uid = (key.Pk, node.Value.StudyInstanceUid);
        if (_byUid.TryGetValue(uid, out var named) && named == node) _byUid.Remove(uid);
        _order.Remove(node);
        _weight -= WeightOf(node.Value);
    }
}
