using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Skylight.Archive.Objects;

namespace Skylight.Local.Objects;

/// <summary>
/// Moves a file from one tier's folder to another's. Within a file system it is one rename; between two it is a copy, fsynced, read back from the medium
/// and compared by SHA-256 before it is published, and only then is the old file removed. At every instant at least one whole copy has its name.
/// </summary>
internal sealed class TierMover(FolderObjectStoreOptions options, TimeProvider time)
{
    private const string TemporaryFolder = ".temporary";
    private const int BufferBytes = 1 << 20;

    private long _counter;

    /// <summary>Clears broken-off copies; true when the tier's folder is there at all.</summary>
    public static bool Clean(string root)
    {
        if (!Directory.Exists(root)) return false;
        var temporary = Path.Combine(root, TemporaryFolder);
        if (Directory.Exists(temporary))
            foreach (var file in Directory.EnumerateFiles(temporary)) File.Delete(file);
        return true;
    }

    /// <exception cref="StorageFullException">The target has no room; the file stays where it is.</exception>
    /// <exception cref="InvalidDataException">What was written does not read back; the file stays where it is.</exception>
    public void Move(string from, string to, string targetRoot, CancellationToken cancellationToken)
    {
        EnsureFolder(Path.GetDirectoryName(to)!);
        try
        {
            // A copy that an earlier move has left and that was not yet removed at its end is written anew: what it is worth is not known.
            Remove(to);
            if (!LibC.TryRename(from, to)) Copy(from, to, targetRoot, cancellationToken);
        }
        catch (IOException error) when (LibC.IsFull(error))
        {
            throw new StorageFullException("The tier's disk is full.", error);
        }

        if (options.Fsync) LibC.SyncDirectory(Path.GetDirectoryName(to)!);
        Remove(from);
        if (options.Fsync) LibC.SyncDirectory(Path.GetDirectoryName(from)!);
    }

    /// <summary>Removes a file, durably; false when there was none.</summary>
    public static bool Remove(string path)
    {
        if (!LibC.Remove(path)) return false;
        LibC.SyncDirectory(Path.GetDirectoryName(path)!);
        return true;
    }

    private void Copy(string from, string to, string targetRoot, CancellationToken cancellationToken)
    {
        new FreeSpace(targetRoot, options.MinFreeBytes, time).Demand();
        EnsureFolder(Path.Combine(targetRoot, TemporaryFolder));
        var temporary = Path.Combine(targetRoot, TemporaryFolder, $"{Interlocked.Increment(ref _counter):x}");
        try
        {
            using (var source = File.OpenHandle(from))
            using (var target = File.OpenHandle(temporary, FileMode.Create, FileAccess.ReadWrite))
            {
                var written = Transfer(source, target, cancellationToken);
                if (options.Fsync) LibC.Sync(target, "fsync an object");
                LibC.DropCache(target);
                if (!written.AsSpan().SequenceEqual(Transfer(target, null, cancellationToken))) throw new InvalidDataException("A moved object does not read back as it was written.");
            }

            if (!LibC.RenameNew(temporary, to)) throw new IOException("A moved object's place is taken.");
        }
        finally
        {
            LibC.Remove(temporary);
        }
    }

    /// <summary>Reads all of a file, writes it to another one if any, and answers the SHA-256.</summary>
    private static byte[] Transfer(SafeFileHandle source, SafeFileHandle? target, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[BufferBytes];
        long at = 0;
        while (RandomAccess.Read(source, buffer, at) is > 0 and var read)
        {
            cancellationToken.ThrowIfCancellationRequested();
            hash.AppendData(buffer.AsSpan(0, read));
            if (target is not null) RandomAccess.Write(target, buffer.AsSpan(0, read), at);
            at += read;
        }

        return hash.GetHashAndReset();
    }

    /// <summary>Makes a folder and those above it, each one's entry fsynced. Moves are rare: what is there already is fsynced again.</summary>
    private void EnsureFolder(string folder)
    {
        if (Path.GetDirectoryName(folder) is not { } parent) return;
        if (!Directory.Exists(folder))
        {
            EnsureFolder(parent);
            Directory.CreateDirectory(folder);
        }

        if (options.Fsync) LibC.SyncDirectory(parent);
    }
}
