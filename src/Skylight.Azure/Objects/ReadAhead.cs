using System.Buffers;

namespace Skylight.Azure.Objects;

/// <summary>
/// Fetches more than was asked for: a request to Blob storage costs the same for a kilobyte as for thirty megabytes. A first read fetches a megabyte, which holds
/// an object's header with what follows it, or a whole image; one that continues it fetches ahead, four times as much each time. Safe because objects never change.
/// </summary>
internal sealed class ReadAhead(Func<string, long, Memory<byte>, CancellationToken, ValueTask<int>> read, TimeProvider time)
{
    private const int FirstBytes = 1 << 20;
    private const int AheadBytes = 8 << 20;
    private const int MostBytes = 32 << 20;

    /// <summary>All windows together: 128 MiB.</summary>
    private const long Budget = 128 << 20;

    /// <summary>After so long without a read a window is forgotten: a download that ended, or an object that another process has deleted.</summary>
    private static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(15);

    private readonly Lock _lock = new();
    private readonly List<Window> _windows = [];
    private long _held;
    private int _fetching;

    public async ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        int wanted;
        lock (_lock)
        {
            DropIdle();
            Window? before = null;
            foreach (var window in _windows)
            {
                if (window.Name != name) continue;
                if (window.TryCopy(offset, destination.Span, time.GetTimestamp()) is { } copied)
                {
                    // Read to its end: who reads the object again wants to know what the store has now.
                    if (window.IsEnd(offset + copied)) Drop(window);
                    return copied;
                }

                if (window.Continues(offset)) before = window;
            }

            wanted = Math.Max(destination.Length, before is null ? FirstBytes : Ahead(before));
            if (before is not null) Drop(before);
            _fetching++;
        }

        byte[]? bytes = null;
        try
        {
            if (wanted == destination.Length)
            {
                var whole = await read(name, offset, destination, cancellationToken);
                Remember(new Window(name, offset, null, whole, isLast: whole < wanted));
                return whole;
            }

            bytes = ArrayPool<byte>.Shared.Rent(wanted);
            var count = await read(name, offset, bytes.AsMemory(0, wanted), cancellationToken);
            var answered = Math.Min(count, destination.Length);
            bytes.AsSpan(0, answered).CopyTo(destination.Span);

            // An object that was answered whole is not asked for again.
            if (count > answered) Remember(new Window(name, offset, Fitting(ref bytes, count), count, count < wanted));
            return answered;
        }
        finally
        {
            if (bytes is not null) ArrayPool<byte>.Shared.Return(bytes);
            lock (_lock) _fetching--;
        }
    }

    /// <summary>What is known of an object counts no more.</summary>
    public void Forget(string name)
    {
        lock (_lock)
            for (var i = _windows.Count - 1; i >= 0; i--)
                if (_windows[i].Name == name) Drop(_windows[i]);
    }

    /// <summary>Four times as much as last time, while those who read at once leave room for that.</summary>
    private int Ahead(Window before)
    {
        var readers = 1 + _fetching + _windows.Count(window => window.Count > FirstBytes && window != before);
        var share = (int)Math.Clamp(Budget / readers, FirstBytes, MostBytes);
        return (int)Math.Min(Math.Max(before.Count * 4L, AheadBytes), share);
    }

    /// <summary>The bytes, in a smaller array where they fill less than half of theirs.</summary>
    private static byte[] Fitting(ref byte[]? bytes, int count)
    {
        var fitting = bytes!;
        if (count < fitting.Length / 2)
        {
            fitting = ArrayPool<byte>.Shared.Rent(count);
            bytes.AsSpan(0, count).CopyTo(fitting);
            return fitting;
        }

        bytes = null;
        return fitting;
    }

    private void Remember(Window window)
    {
        lock (_lock)
        {
            window.Used = time.GetTimestamp();
            _windows.Add(window);
            _held += window.Held;
            while (_held > Budget && _windows.Count > 1) Drop(_windows.MinBy(item => item.Used)!);
        }
    }

    private void DropIdle()
    {
        for (var i = _windows.Count - 1; i >= 0; i--)
            if (time.GetElapsedTime(_windows[i].Used) > IdleTime) Drop(_windows[i]);
    }

    private void Drop(Window window)
    {
        if (!_windows.Remove(window)) return;
        _held -= window.Held;
        if (window.Bytes is { } bytes) ArrayPool<byte>.Shared.Return(bytes);
    }

    /// <summary>A range that was read: with its bytes, or its place alone (<paramref name="bytes"/> null). Nothing follows the last one of an object.</summary>
    private sealed class Window(string name, long start, byte[]? bytes, int count, bool isLast)
    {
        public string Name => name;

        public byte[]? Bytes => bytes;

        public int Count => count;

        public long Held { get; } = bytes?.Length ?? 4096;

        public long Used { get; set; }

        /// <summary>Readers step back a little between two ranges: both touch the segment that they share.</summary>
        public bool Continues(long offset) => offset > start && offset <= start + count;

        public bool IsEnd(long position) => isLast && position == start + count;

        public int? TryCopy(long offset, Span<byte> destination, long now)
        {
            if (bytes is null || offset < start || offset > start + count) return null;
            var at = (int)(offset - start);
            if (count - at < destination.Length && !isLast) return null;
            Used = now;
            var copied = Math.Min(destination.Length, count - at);
            bytes.AsSpan(at, copied).CopyTo(destination);
            return copied;
        }
    }
}
