using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Skylight.Archive.Objects;

namespace Skylight.Archive.Tests;

/// <summary>Objects in memory, open to tampering, counting what is asked of it, and failing on request.</summary>
internal sealed class MemoryObjectStore : IObjectStore
{
    public ConcurrentDictionary<string, byte[]> Objects { get; } = new();

    /// <summary>Ranges that were read: name, offset, bytes asked for.</summary>
    public ConcurrentQueue<(string Name, long Offset, int Count)> Reads { get; } = new();

    /// <summary>Called before each write with the bytes so far; may throw.</summary>
    public Action<long>? BeforeWrite { get; set; }

    /// <summary>Called before each commit; may throw.</summary>
    public Action? BeforeCommit { get; set; }

    /// <summary>Largest single write seen.</summary>
    public int LargestWrite { get; private set; }

    public ValueTask<ObjectWriter> CreateAsync(string name, CancellationToken cancellationToken) => ValueTask.FromResult<ObjectWriter>(new Writer(this, ObjectName.Check(name)));

    public ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        Reads.Enqueue((name, offset, destination.Length));
        if (!Objects.TryGetValue(name, out var bytes)) throw new ObjectMissingException(name);
        var count = (int)Math.Clamp(bytes.Length - offset, 0, destination.Length);
        bytes.AsSpan((int)Math.Min(offset, bytes.Length), count).CopyTo(destination.Span);
        return ValueTask.FromResult(count);
    }

    public ValueTask<long?> GetLengthAsync(string name, CancellationToken cancellationToken) =>
        ValueTask.FromResult<long?>(Objects.TryGetValue(name, out var bytes) ? bytes.Length : null);

    public ValueTask<bool> DeleteAsync(string name, CancellationToken cancellationToken) => ValueTask.FromResult(Objects.TryRemove(name, out _));

    public async IAsyncEnumerable<string> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        foreach (var name in Objects.Keys.Where(name => name.StartsWith(prefix, StringComparison.Ordinal))) yield return name;
    }

    public ValueTask SetTierAsync(string name, ObjectTier tier, CancellationToken cancellationToken) =>
        Objects.ContainsKey(name) && tier == ObjectTier.Hot ? ValueTask.CompletedTask : throw new ObjectMissingException(name);

    public async ValueTask<ObjectStatus?> GetStatusAsync(string name, CancellationToken cancellationToken) =>
        await GetLengthAsync(name, cancellationToken) is { } length ? new ObjectStatus(length, ObjectTier.Hot, Rehydrating: false) : null;

    private sealed class Writer(MemoryObjectStore store, string name) : ObjectWriter
    {
        private readonly MemoryStream _bytes = new();

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
        {
            store.BeforeWrite?.Invoke(_bytes.Length);
            store.LargestWrite = Math.Max(store.LargestWrite, bytes.Length);
            _bytes.Write(bytes.Span);
            return ValueTask.CompletedTask;
        }

        public override ValueTask CommitAsync(CancellationToken cancellationToken)
        {
            store.BeforeCommit?.Invoke();
            if (!store.Objects.TryAdd(name, _bytes.ToArray())) throw new ObjectExistsException(name);
            return ValueTask.CompletedTask;
        }

        public override ValueTask DisposeAsync()
        {
            _bytes.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
