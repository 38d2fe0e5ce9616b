namespace Skylight.Edge.Blobs;

/// <summary>Free bytes of the volume that holds the uploads, asked at most once a second: a thousand blocks need not ask a thousand times.</summary>
internal sealed class FreeSpace(string folder, TimeProvider time)
{
    private readonly DriveInfo _drive = new(folder);
    private long _free;
    private long _askedAt = long.MinValue;

    public long Free
    {
        get
        {
            var now = time.GetTimestamp();
            if (Volatile.Read(ref _askedAt) == long.MinValue || time.GetElapsedTime(Volatile.Read(ref _askedAt), now) > TimeSpan.FromSeconds(1))
            {
                Volatile.Write(ref _free, _drive.AvailableFreeSpace);
                Volatile.Write(ref _askedAt, now);
            }

            return Volatile.Read(ref _free);
        }
    }
}
