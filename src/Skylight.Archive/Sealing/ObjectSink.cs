using System.Buffers;
using Skylight.Archive.Objects;

namespace Skylight.Archive.Sealing;

/// <summary>Where sealed bytes go: kept in one pooled buffer while they are few, else streamed into the store.</summary>
internal sealed class ObjectSink(IObjectStore store, string name, int keepBytes) : IAsyncDisposable
{
    private ObjectWriter? _writer;
    private byte[]? _kept;
    private int _count;

    /// <summary>Nothing has been written yet.</summary>
    public bool IsUnused => _writer is null && _count == 0;

    public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        if (_writer is null && _count + bytes.Length <= keepBytes)
        {
            Keep(bytes.Span);
            return;
        }

        await SpillAsync(cancellationToken);
        await _writer!.WriteAsync(bytes, cancellationToken);
    }

    public async ValueTask<SmallObject?> CommitAsync(ReadOnlyMemory<byte> rest, CancellationToken cancellationToken)
    {
        if (_writer is null && _count + rest.Length <= keepBytes)
        {
            Keep(rest.Span);
            var small = new SmallObject(name, _kept!, _count);
            _kept = null;
            return small;
        }

        await SpillAsync(cancellationToken);
        await _writer!.WriteAsync(rest, cancellationToken);
        await _writer.CommitAsync(cancellationToken);
        return null;
    }

    public async ValueTask DisposeAsync()
    {
        Release();
        if (_writer is not null) await _writer.DisposeAsync();
    }

    private void Keep(ReadOnlySpan<byte> bytes)
    {
        if (_kept is null || _kept.Length < _count + bytes.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Min(keepBytes, Math.Max(_count + bytes.Length, _count * 2)));
            _kept?.AsSpan(0, _count).CopyTo(larger);
            Release();
            _kept = larger;
        }

        bytes.CopyTo(_kept.AsSpan(_count));
        _count += bytes.Length;
    }

    private async ValueTask SpillAsync(CancellationToken cancellationToken)
    {
        if (_writer is not null) return;
        _writer = await store.CreateAsync(name, cancellationToken);
        if (_count > 0) await _writer.WriteAsync(_kept.AsMemory(0, _count), cancellationToken);
        Release();
    }

    private void Release()
    {
        if (_kept is { } kept) ArrayPool<byte>.Shared.Return(kept);
        _kept = null;
    }
}
