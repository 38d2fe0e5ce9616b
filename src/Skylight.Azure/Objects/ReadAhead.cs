using System.Buffers;

namespace Skylight.Azure.Objects;

/// <summary>
/// Fetches more than was asked for where an object is read from front to back: a request to Blob storage costs the same for a megabyte as for sixteen.
/// A first read fetches its own range alone; one that continues it fetches ahead, four times as much each time. Safe because objects never change.
/// </summary>
internal sealed class ReadAhead(Func<string, long, Memory<byte>, CancellationToken, ValueTask<int>> read, TimeProvider time)
{
    private const int FirstBytes = 2 << 20;
    private const int MostBytes = 16 << 20;

    /// <summary>All windows together: 128 MiB.</summary>
    private const int Budget = 128 << 20;
    private const int MostWindows = 64;

    /// <summary>After so long without a read a window is forgotten: a download that ended, or an object that another process has deleted.</summary>
    private static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(15);

    private readonly Lock _lock = new();
    private readonly List<Window> _windows = [];

    public async ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        int ahead;
        lock (_lock)
        {
            DropIdle();
            var window = _windows.Find(window => window.Name == name && window.Continues(offset));
            if (window?.TryCopy(offset, destination.Span, time.GetTimestamp()) is { } copied) return copied;
            ahead = window is null ? 0 : Math.Max(destination.Length, Math.Min(Math.Max(window.Ahead * 4, FirstBytes), Share()));
            if (window is not null) Drop(window);
        }

        if (ahead <= destination.Length)
        {
            var count = await read(name, offset, destination, cancellationToken);
            Remember(new Window(name, offset, null, count, Math.Max(1, ahead), count < destination.Length));
            return count;
        }

        var buffer = ArrayPool<byte>.Shared.Rent(ahead);
        try
        {
            var count = await read(name, offset, buffer.AsMemory(0, ahead), cancellationToken);
            var answered = Math.Min(count, destination.Length);
            buffer.AsSpan(0, answered).CopyTo(destination.Span);
            Remember(new Window(name, offset, buffer, count, ahead, count < ahead));
            buffer = null;
            return answered;
        }
        finally
        {
            if (buffer is not null) ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>What is known of an object counts no more.</summary>
    public void Forget(string name)
    {
        lock (_lock)
            for (var i = _windows.Count - 1; i >= 0; i--)
                if (_windows[i].Name == name) Drop(_windows[i]);
    }

    private int Share() => Math.Clamp(Budget / Math.Max(1, _windows.Count), FirstBytes, MostBytes);

    private void Remember(Window window)
    {
        lock (_lock)
        {
            window.Used = time.GetTimestamp();
            _windows.Add(window);
            while (_windows.Count > MostWindows || _windows.Sum(item => (long)(item.Bytes?.Length ?? 0)) > Budget) Drop(_windows.MinBy(item => item.Used)!);
        }
    }

    private void DropIdle()
    {
        for (var i = _windows.Count - 1; i >= 0; i--)
            if (time.GetElapsedTime(_windows[i].Used) > IdleTime) Drop(_windows[i]);
    }

    private void Drop(Window window)
    {
        _windows.Remove(window);
        if (window.Bytes is { } bytes) ArrayPool<byte>.Shared.Return(bytes);
    }

    /// <param name="Bytes">What was fetched; null for a range that was only passed on.</param>
    /// <param name="Ahead">How much was fetched, or 1.</param>
    /// <param name="IsLast">Nothing follows it in the object.</param>
    private sealed record Window(string Name, long Start, byte[]? Bytes, int Count, int Ahead, bool IsLast)
    {
        public long Used { get; set; }

        /// <summary>Readers step back a little between two ranges: both touch the segment that they share.</summary>
        public bool Continues(long offset) => offset > Start && offset <= Start + Count;

        public int? TryCopy(long offset, Span<byte> destination, long now)
        {
            var at = (int)(offset - Start);
            if (Bytes is null || (Count - at < destination.Length && !IsLast)) return null;
            Used = now;
            var count = Math.Min(destination.Length, Count - at);
            Bytes.AsSpan(at, count).CopyTo(destination);
            return count;
        }
    }
}
