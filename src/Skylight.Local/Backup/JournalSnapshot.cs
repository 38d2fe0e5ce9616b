using Skylight.Local.Journal;
using Skylight.Local.Objects;

namespace Skylight.Local.Backup;

/// <summary>
/// A database and the journal in front of it in a folder that a host may be writing, so that they fit together: every change that the copied database does not
/// have is in a copied journal file. Journal files are held by hard links, so that the host's dropping them meanwhile takes nothing away.
/// </summary>
internal static class JournalSnapshot
{
    private const int Attempts = 20;

    /// <param name="database">Copied to <paramref name="copy"/>.</param>
    /// <param name="journal">Folder of the journal.</param>
    /// <param name="staging">A folder on the data folder's file system.</param>
    /// <returns>The files to copy, oldest first.</returns>
    public static IReadOnlyList<string> Take(string database, string journal, string staging, string copy, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(staging);
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Hold(journal, staging);
            File.Delete(copy);
            BackupFiles.Snapshot(database, copy);
            Hold(journal, staging);
            var files = Directory.EnumerateFiles(staging).Order(StringComparer.Ordinal).ToArray();
            if (IsWhole(files, Applied(copy))) return files;
        }

        throw new BackupException("The journal moves on faster than it can be copied; try again when there is less to do.");
    }

    private static void Hold(string journal, string staging)
    {
        if (!Directory.Exists(journal)) return;
        foreach (var path in JournalFile.List(journal))
        {
            var held = Path.Combine(staging, Path.GetFileName(path));
            if (!File.Exists(held)) LibC.TryLink(path, held);
        }
    }

    private static long Applied(string database)
    {
        using var connection = BackupFiles.Open(database);
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT sequence FROM applied";
        return (long)command.ExecuteScalar()!;
    }

    /// <summary>No change after <paramref name="applied"/> is missing between the files.</summary>
    private static bool IsWhole(string[] files, long applied)
    {
        var next = applied + 1;
        var begun = false;
        foreach (var path in files)
        {
            if (Range(path) is not var (first, last)) continue;
            if (!begun && last < next) continue;
            if (first > next) return false;
            begun = true;
            next = Math.Max(next, last + 1);
        }

        return true;
    }

    /// <summary>First sequence of a file, and its last whole record's; null for a file that was cut short in its header.</summary>
    private static (long First, long Last)? Range(string path)
    {
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var head = new byte[FileHeader.Size];
        if (FileHeader.Parse(head.AsSpan(0, RandomAccess.Read(handle, head, 0))) is not { } file) return null;
        var (at, last) = ((long)FileHeader.Size, file.FirstSequence - 1);
        var record = new byte[RecordHeader.Size];
        while (RandomAccess.Read(handle, record, at) == RecordHeader.Size && RecordHeader.Parse(record, file.Seed) is { } header && header.Sequence == last + 1)
        {
            last = header.Sequence;
            at += RecordHeader.Size + header.BodyLength;
        }

        return (file.FirstSequence, last);
    }
}
