namespace Skylight.Core.Integrity;

/// <summary>Holds a reader to so many bytes a second on average: whoever has read ahead of time waits.</summary>
internal sealed class Pace(long bytesPerSecond, TimeProvider time)
{
    private static readonly TimeSpan Least = TimeSpan.FromMilliseconds(10);
    private readonly long _start = time.GetTimestamp();
    private long _bytes;

    public async ValueTask TookAsync(long bytes, CancellationToken cancellationToken)
    {
        _bytes += bytes;
        var ahead = TimeSpan.FromSeconds(_bytes / (double)bytesPerSecond) - time.GetElapsedTime(_start);
        if (ahead > Least) await Task.Delay(ahead, time, cancellationToken);
    }
}
