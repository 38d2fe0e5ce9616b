using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Skylight.Local.Objects;

/// <summary>The few system calls whose outcome must be known exactly: .NET hides the result of some fsyncs and cannot open a directory or rename without overwriting.</summary>
internal static partial class LibC
{
    internal const int NoSuchFile = 2, MediumError = 5, Exists = 17, OtherFileSystem = 18, NotAFolder = 20, Invalid = 22, NoSpace = 28, NotSupported = 95, QuotaExceeded = 122;
    private const uint StatXInode = 0x100;
    private const int AtFdCwd = -100, OpenReadOnly = 0, OpenCloseOnExec = 0x80000, RenameNoReplace = 1, SyncRangeWrite = 2, AdviseDontNeed = 4;

    /// <summary>fsync: data and all metadata.</summary>
    public static void Sync(SafeFileHandle handle, string what) => Check(FSync(handle), what);

    /// <summary>fdatasync: data, and the metadata that reading them back needs.</summary>
    public static void SyncData(SafeFileHandle handle, string what) => Check(FDataSync(handle), what);

    /// <summary>Makes entries made, renamed or removed in a directory durable.</summary>
    public static void SyncDirectory(string path)
    {
        using var handle = new SafeFileHandle(Open(path, OpenReadOnly | OpenCloseOnExec), ownsHandle: true);
        if (handle.IsInvalid) throw Error(Marshal.GetLastPInvokeError(), "open a folder");
        Check(FSync(handle), "fsync a folder");
    }

    /// <summary>Renames without overwriting. False when the target exists.</summary>
    public static bool RenameNew(string from, string to)
    {
        if (RenameAt2(AtFdCwd, from, AtFdCwd, to, RenameNoReplace) == 0) return true;
        var error = Marshal.GetLastPInvokeError();
        if (error == Exists) return false;
        if (error is not (Invalid or NotSupported)) throw Error(error, "rename a file");

        // A file system without RENAME_NOREPLACE: a hard link refuses to overwrite as well.
        if (Link(from, to) == 0) return Unlink(from) == 0 ? true : throw Error(Marshal.GetLastPInvokeError(), "unlink a file");
        error = Marshal.GetLastPInvokeError();
        return error == Exists ? false : throw Error(error, "link a file");
    }

    /// <summary>Renames within one file system, without overwriting; false when the target lies on another one.</summary>
    public static bool TryRename(string from, string to)
    {
        if (RenameAt2(AtFdCwd, from, AtFdCwd, to, RenameNoReplace) == 0) return true;
        var error = Marshal.GetLastPInvokeError();
        if (error == OtherFileSystem) return false;
        if (error is Invalid or NotSupported) return RenameNew(from, to) ? true : throw Error(Exists, "rename a file");
        throw Error(error, "rename a file");
    }

    /// <summary>Asks the kernel to forget a file's pages, so that what is read next comes from the medium. A hint: some file systems keep them.</summary>
    public static void DropCache(SafeFileHandle handle) => _ = FileAdvise(handle, 0, 0, AdviseDontNeed);

    /// <summary>Makes a second name for a file. False when the file is gone or the name is taken.</summary>
    public static bool TryLink(string from, string to)
    {
        if (Link(from, to) == 0) return true;
        var error = Marshal.GetLastPInvokeError();
        return error is Exists or NoSuchFile ? false : throw Error(error, "link a file");
    }

    /// <summary>Removes a file. False when there was none.</summary>
    public static bool Remove(string path)
    {
        if (Unlink(path) == 0) return true;
        var error = Marshal.GetLastPInvokeError();
        return error == NoSuchFile ? false : throw Error(error, "unlink a file");
    }

    /// <summary>Asks the kernel to begin writing a range back, so that the later fsync has less to wait for. Errors are that fsync's to report.</summary>
    public static void StartWriteback(SafeFileHandle handle, long offset, long length) => _ = SyncFileRange(handle, offset, length, SyncRangeWrite);

    /// <summary>Whether the medium does not give bytes back that it once took.</summary>
    public static bool IsUnreadable(IOException error) => error.HResult == MediumError;

    /// <summary>True when the error says that there is no room: disk full, or the quota used up.</summary>
    public static bool IsFull(Exception error) => error.HResult is NoSpace or QuotaExceeded;

    /// <summary>Which file a path leads to now, by device and inode; null where it leads to none.</summary>
    public static FileIdentity? IdentityOf(string path)
    {
        // struct statx is laid out alike on every machine: stx_ino at 32, stx_dev_major and stx_dev_minor at 136.
        Span<byte> status = stackalloc byte[256];
        if (StatX(AtFdCwd, path, 0, StatXInode, ref MemoryMarshal.GetReference(status)) == 0)
            return new FileIdentity(MemoryMarshal.Read<ulong>(status[136..]), MemoryMarshal.Read<ulong>(status[32..]));
        var error = Marshal.GetLastPInvokeError();
        return error is NoSuchFile or NotAFolder ? null : throw Error(error, "look at a file");
    }

    private static void Check(int result, string what)
    {
        if (result != 0) throw Error(Marshal.GetLastPInvokeError(), what);
    }

    private static IOException Error(int error, string what) => new($"Cannot {what}: {Marshal.GetPInvokeErrorMessage(error)}.", error);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatX(int folder, string path, int flags, uint mask, ref byte status);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(SafeFileHandle handle);

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int FDataSync(SafeFileHandle handle);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameAt2(int fromFolder, string from, int toFolder, string to, uint flags);

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string from, string to);

    [LibraryImport("libc", EntryPoint = "unlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Unlink(string path);

    [LibraryImport("libc", EntryPoint = "sync_file_range")]
    private static partial int SyncFileRange(SafeFileHandle handle, long offset, long length, uint flags);

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int FileAdvise(SafeFileHandle handle, long offset, long length, int advice);
}

/// <summary>A file, whatever its name is.</summary>
internal readonly record struct FileIdentity(ulong Device, ulong Inode);
