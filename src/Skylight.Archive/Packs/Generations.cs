using System.Collections.Concurrent;

namespace Skylight.Archive.Packs;

/// <summary>Immutable things by name, bounded by their weight: two generations, the older dropped when the younger is full.</summary>
internal sealed class Generations<T>(int capacity) where T : class
{
    private Generation _young = new();
    private Generation _old = new();

    public T? Get(string name)
    {
        if (_young.Items.TryGetValue(name, out var item)) return item.Value;
        if (!_old.Items.TryGetValue(name, out item)) return null;
        Put(name, item.Value, item.Weight);
        return item.Value;
    }

    public void Put(string name, T value, int weight = 1)
    {
        var young = _young;
        if (weight > capacity / 2 || !young.Items.TryAdd(name, (value, weight))) return;
        if (Interlocked.Add(ref young.Weight, weight) <= capacity / 2) return;
        if (Interlocked.CompareExchange(ref _young, new Generation(), young) == young) _old = young;
    }

    public void Forget(string name)
    {
        _young.Items.TryRemove(name, out _);
        _old.Items.TryRemove(name, out _);
    }

    private sealed class Generation
    {
        public int Weight;

        public ConcurrentDictionary<string, (T Value, int Weight)> Items { get; } = new();
    }
}
