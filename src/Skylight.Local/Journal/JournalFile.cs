using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Skylight.Local.Objects;

namespace Skylight.Local.Journal;

/// <summary>One file of the journal. Every object whose bytes it carries is listed until the file is dropped, so that deletions can be remembered against it.</summary>
internal sealed class JournalFile : IDisposable
{
    private const string Suffix = ".journal";

    private JournalFile(string path, FileHeader header, SafeFileHandle handle, long length)
    {
        (Path, Header, Handle, Length) = (path, header, handle, length);
    }

    public string Path { get; }

    public FileHeader Header { get; }

    public SafeFileHandle Handle { get; }

    /// <summary>Bytes of whole records and the header; only the writer changes it.</summary>
    public long Length { get; set; }

    /// <summary>Last sequence in the file; one less than its first while it is empty.</summary>
    public long LastSequence { get; set; }

    /// <summary>Names of all objects in the file. Guarded by the journal's index lock.</summary>
    public HashSet<string> Names { get; } = [];

    public static IEnumerable<string> List(string folder) =>
        Directory.EnumerateFiles(folder, "*" + Suffix).Order(StringComparer.Ordinal);

    /// <summary>Makes a file whose header, and whose entry in its folder, are durable.</summary>
    public static JournalFile Create(string folder, long firstSequence)
    {
        var header = new FileHeader(RandomNumberGenerator.GetBytes(16), firstSequence);
        var path = System.IO.Path.Combine(folder, firstSequence.ToString("x16", CultureInfo.InvariantCulture) + Suffix);
        var handle = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        try
        {
            RandomAccess.Write(handle, header.ToBytes(), 0);
            LibC.Sync(handle, "fsync a journal file");
            LibC.SyncDirectory(folder);
        }
        catch
        {
            handle.Dispose();
            File.Delete(path);
            throw;
        }

        return new JournalFile(path, header, handle, FileHeader.Size) { LastSequence = firstSequence - 1 };
    }

    public static JournalFile Open(string path, FileHeader header, long length) =>
        new(path, header, File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete), length);

    /// <summary>Removes the file, durably.</summary>
    public void Drop()
    {
        Handle.Dispose();
        Unlink();
    }

    /// <summary>Takes the file's name away, durably. Its bytes stay readable through its handle, and on the disk, until that is closed or the process ends.</summary>
    public void Unlink()
    {
        LibC.Remove(Path);
        LibC.SyncDirectory(System.IO.Path.GetDirectoryName(Path)!);
    }

    public void Dispose() => Handle.Dispose();
}

/// <summary>Where an object's bytes lie.</summary>
internal sealed record JournalPlace(JournalFile File, long Offset, int Length);
