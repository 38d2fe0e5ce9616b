namespace Skylight.Core.Retrieve;

/// <summary>Immutable things by name, bounded by the entries that they hold together; the least recently used go first. Thread-safe.</summary>
internal sealed class EntryCache<T>(int maxEntries) where T : class
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, LinkedListNode<Item>> _nodes = new(StringComparer.Ordinal);
    private readonly LinkedList<Item> _order = new();
    private int _entries;

    public T? Get(string name)
    {
        lock (_lock)
        {
            if (!_nodes.TryGetValue(name, out var node)) return null;
            _order.Remove(node);
            _order.AddLast(node);
            return node.Value.Value;
        }
    }

    /// <param name="entries">What it weighs. Something heavier than the whole cache is not kept.</param>
    public void Put(string name, T value, int entries)
    {
        lock (_lock)
        {
            if (entries >= maxEntries || _nodes.ContainsKey(name)) return;
            _nodes[name] = _order.AddLast(new Item(name, value, entries + 1));
            _entries += entries + 1;
            while (_entries > maxEntries && _order.First is { } oldest)
            {
                _order.RemoveFirst();
                _nodes.Remove(oldest.Value.Name);
                _entries -= oldest.Value.Weight;
            }
        }
    }

    private sealed record Item(string Name, T Value, int Weight);
}
