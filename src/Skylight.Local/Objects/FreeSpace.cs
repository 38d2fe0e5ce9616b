using Skylight.Archive.Objects;

namespace Skylight.Local.Objects;

/// <summary>The free-space floor of one file system, looked at no more than once a second.</summary>
internal sealed class FreeSpace(string path, long floor, TimeProvider time)
{
    private long _lookedAt;
    private long _free = -1;

    /// <summary>Whether there is less room than twice the floor, looked at now.</summary>
    public bool IsShort() => floor > 0 && new DriveInfo(path).AvailableFreeSpace / 2 < floor;

    /// <exception cref="StorageFullException">There is less room than the floor.</exception>
    public void Demand()
    {
        if (floor == 0) return;
        if (Volatile.Read(ref _free) < 0 || time.GetElapsedTime(Volatile.Read(ref _lookedAt)) >= TimeSpan.FromSeconds(1))
        {
            Volatile.Write(ref _free, new DriveInfo(path).AvailableFreeSpace);
            Volatile.Write(ref _lookedAt, time.GetTimestamp());
        }

        if (Volatile.Read(ref _free) < floor) throw new StorageFullException($"The file system has less than {floor} bytes free.");
    }
}
