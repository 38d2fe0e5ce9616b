using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;
using Skylight.Local.Objects;

namespace Skylight.Local.Sqlite;

/// <summary>What SQLite's codes hide: a disk or quota that is full is a code of its own only where a write to the main file or the log meets it.</summary>
internal static partial class SqliteFaults
{
    private const int Full = 13; // SQLITE_FULL
    private const int IoError = 10; // SQLITE_IOERR
    private const int SharedMemorySize = 4874; // SQLITE_IOERR_SHMSIZE: the log's index, which readers need too, could not grow

    /// <summary>Gives an exception for a full disk the HResult that all such exceptions have (ENOSPC, or EDQUOT); others stay as they are.</summary>
    /// <param name="connection">Where it came up, just now.</param>
    public static void Mark(SqliteException error, SqliteConnection connection)
    {
        if (error.SqliteErrorCode == Full) error.HResult = LibC.NoSpace;
        if (error.SqliteErrorCode != IoError || connection.Handle is not { } handle) return;
        var cause = SystemError(handle.DangerousGetHandle());
        if (cause is LibC.NoSpace or LibC.QuotaExceeded) error.HResult = cause;
        else if (error.SqliteExtendedErrorCode == SharedMemorySize && cause != LibC.MediumError) error.HResult = LibC.NoSpace;
    }

    /// <summary>errno of the system call behind the last I/O error of a connection.</summary>
    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_system_errno")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories | DllImportSearchPath.AssemblyDirectory)]
    private static partial int SystemError(nint database);
}
