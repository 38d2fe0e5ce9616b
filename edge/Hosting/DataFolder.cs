using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Skylight.Local.Backup;

namespace Skylight.Edge.Hosting;

/// <summary>
/// The data folder, held by one host at a time through an advisory lock (flock) on the file <c>lock</c> in it. The kernel lets go of it when
/// the process ends, however it ends.
/// </summary>
public sealed partial class DataFolder : IDisposable
{
    private const int LockExclusive = 2;
    private const int LockNonBlocking = 4;
    private const int OpenReadWrite = 2;
    private const int OpenCreate = 0x40;
    private const int OpenCloseOnExec = 0x80000;
    private readonly SafeFileHandle _lock;

    private DataFolder(string path, SafeFileHandle held) => (Path, _lock) = (path, held);

    /// <summary>Absolute.</summary>
    public string Path { get; }

    /// <summary>Makes the folder (mode 0700) when it is not there, and takes the lock.</summary>
    /// <exception cref="StartupException">The folder cannot be made or written, or another host holds it.</exception>
    public static DataFolder Open(string path)
    {
        path = System.IO.Path.GetFullPath(path);
        var file = System.IO.Path.Combine(path, "lock");
        SafeFileHandle handle;
        try
        {
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);

            // Not File.OpenHandle: it takes a lock of its own, and then cannot even read who holds it.
            handle = Open(file, OpenReadWrite | OpenCreate | OpenCloseOnExec, Convert.ToInt32("600", 8));
            if (handle.IsInvalid) throw new IOException(Marshal.GetLastPInvokeErrorMessage());
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new StartupException([$"The data folder {path} cannot be used: {error.Message}"]);
        }

        if (File.Exists(System.IO.Path.Combine(path, FolderRestore.PendingName)))
        {
            handle.Dispose();
            throw new StartupException([$"A restore into {path} has not come to its end: what was erased may have come back. Restore again into an empty folder."]);
        }

        if (Flock(handle, LockExclusive | LockNonBlocking) != 0)
        {
            var holder = Holder(handle);
            handle.Dispose();
            throw new StartupException([$"The data folder {path} is in use by another Skylight host{holder}. Stop that one first, or give this one a folder of its own (--data DIR)."]);
        }

        RandomAccess.SetLength(handle, 0);
        RandomAccess.Write(handle, System.Text.Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture)), 0);
        return new DataFolder(path, handle);
    }

    public void Dispose() => _lock.Dispose();

    private static string Holder(SafeFileHandle handle)
    {
        Span<byte> bytes = stackalloc byte[16];
        var length = RandomAccess.Read(handle, bytes, 0);
        return int.TryParse(bytes[..length], CultureInfo.InvariantCulture, out var id) ? string.Create(CultureInfo.InvariantCulture, $" (process {id})") : "";
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int Flock(SafeFileHandle handle, int operation);
}
