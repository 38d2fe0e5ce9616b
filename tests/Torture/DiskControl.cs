using System.IO.MemoryMappedFiles;

namespace Skylight.Torture;

/// <summary>What a test makes of the disk under a running host: <c>struct control</c> in <c>shim.c</c>, shared with the host through a file.</summary>
internal sealed class DiskControl : IDisposable
{
    private const int UnreadableBefore = 0, Limited = 8, RoomLeft = 16, UnreadCount = 24, RefusedCount = 32, Bytes = 40;

    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;

    public DiskControl(string path)
    {
        (Path, _file) = (path, MemoryMappedFile.CreateFromFile(path, FileMode.Create, null, Bytes));
        _view = _file.CreateViewAccessor(0, Bytes);
    }

    public string Path { get; }

    /// <summary>Reads of object files that have failed so far.</summary>
    public long Unread => _view.ReadInt64(UnreadCount);

    /// <summary>Writes and new files that found no room so far.</summary>
    public long Refused => _view.ReadInt64(RefusedCount);

    /// <summary>From now on no object file can be read that was last written before this moment: as bad sectors, which a file written anew does not have. Null: all can.</summary>
    public void Fail(DateTimeOffset? writtenBefore) => _view.Write(UnreadableBefore, writtenBefore is { } moment ? (moment - DateTimeOffset.UnixEpoch).Ticks * 100 : 0);

    /// <summary>From now on the disk has this much room left; what is removed gives some back.</summary>
    public void Fill(long room)
    {
        _view.Write(RoomLeft, room);
        _view.Write(Limited, 1L);
    }

    /// <summary>There is room again.</summary>
    public void Free() => _view.Write(Limited, 0L);

    public void Dispose()
    {
        _view.Dispose();
        _file.Dispose();
    }
}
