using System.Collections.Concurrent;
using Skylight.Archive.Sealing;

namespace Skylight.Archive.Packs;

/// <summary>Headers by object name, bounded: two generations, the older dropped when the younger is full.</summary>
internal sealed class HeaderCache(int capacity)
{
    private ConcurrentDictionary<string, SealedHeader> _young = new();
    private ConcurrentDictionary<string, SealedHeader> _old = new();

    public SealedHeader? Get(string name)
    {
        if (_young.TryGetValue(name, out var header)) return header;
        if (!_old.TryGetValue(name, out header)) return null;
        Put(name, header);
        return header;
    }

    public void Put(string name, SealedHeader header)
    {
        var young = _young;
        young[name] = header;
        if (young.Count <= capacity / 2) return;
        if (Interlocked.CompareExchange(ref _young, new ConcurrentDictionary<string, SealedHeader>(), young) == young) _old = young;
    }
}
