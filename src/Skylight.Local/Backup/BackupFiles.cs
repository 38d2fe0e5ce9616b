using System.Buffers;
using System.Security.Cryptography;
using Microsoft.Data.Sqlite;
using Skylight.Local.Objects;

namespace Skylight.Local.Backup;

/// <summary>Copies that are on the disk, and hashed, when the call returns.</summary>
internal static class BackupFiles
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Copies a file, fsynced; its entry becomes durable with <see cref="LibC.SyncDirectory"/>. Answers length and SHA-256.</summary>
    public static (long Length, string Sha256) Copy(string from, string to, CancellationToken cancellationToken)
    {
        using var source = File.OpenHandle(from, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var target = new FileStream(to, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = OwnerOnly, BufferSize = 0 });
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(1 << 20);
        try
        {
            var at = 0L;
            while (RandomAccess.Read(source, buffer, at) is var read and > 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
                hash.AppendData(buffer, 0, read);
                target.Write(buffer, 0, read);
                at += read;
            }

            LibC.Sync(target.SafeFileHandle, "fsync a backup file");
            return (at, Convert.ToHexStringLower(hash.GetHashAndReset()));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    public static void Write(string path, ReadOnlySpan<byte> bytes)
    {
        using var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = OwnerOnly });
        file.Write(bytes);
        file.Flush();
        LibC.Sync(file.SafeFileHandle, "fsync a backup file");
    }

    public static string Hash(string path)
    {
        using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    /// <summary>One consistent state of a database that others may be writing, as a single file.</summary>
    public static void Snapshot(string from, string to)
    {
        using (var source = Open(from))
        using (var target = Open(to, create: true))
        {
            source.BackupDatabase(target);
            Run(target, "PRAGMA journal_mode=DELETE");
        }

        File.SetUnixFileMode(to, OwnerOnly);
        Sync(to);
    }

    public static void Sync(string path)
    {
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        LibC.Sync(handle, "fsync a backup file");
    }

    public static SqliteConnection Open(string path, bool create = false)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false, Mode = create ? SqliteOpenMode.ReadWriteCreate : SqliteOpenMode.ReadWrite }.ToString());
        connection.Open();
        Run(connection, "PRAGMA busy_timeout=30000");
        Run(connection, "PRAGMA secure_delete=ON");
        return connection;
    }

    public static void Run(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
