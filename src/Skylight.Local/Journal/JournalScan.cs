using System.Buffers;
using Microsoft.Win32.SafeHandles;
using Skylight.Local.Objects;

namespace Skylight.Local.Journal;

/// <summary>A record found in a file.</summary>
/// <param name="Change">Place of the change within the file.</param>
internal sealed record FoundRecord(RecordKind Kind, long Sequence, IReadOnlyList<(string Name, long Offset, int Length)> Objects, long Change, int ChangeLength);

/// <summary>Reads a journal file after a start: every whole record, in order, up to the end or to a torn tail.</summary>
internal static class JournalScan
{
    /// <summary>Scans a file and answers it with its records; the newest file is rewritten without its torn tail.</summary>
    /// <param name="newest">Only the newest file may end in a torn record: a file is closed after its last group is on disk.</param>
    /// <exception cref="JournalException">A record that had been made durable is damaged.</exception>
    public static (JournalFile File, List<FoundRecord> Records)? Read(string path, bool newest)
    {
        List<FoundRecord> records = [];
        FileHeader? header;
        long end;
        using (var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite))
        {
            var start = new byte[FileHeader.Size];
            header = FileHeader.Parse(start.AsSpan(0, RandomAccess.Read(handle, start, 0)));
            if (header is null)
            {
                // A file is made durable with its header before the first record goes in: without one, nothing was ever promised.
                if (newest) return null;
                throw Damaged(path, 0);
            }

            var length = RandomAccess.GetLength(handle);
            end = Records(handle, header, length, records);
            if (end < length) DemandTorn(handle, header, path, end, length, records.Count == 0 ? header.FirstSequence : records[^1].Sequence + 1, newest);
        }

        if (newest) Rewrite(path, end);
        var file = JournalFile.Open(path, header, end);
        file.LastSequence = records.Count == 0 ? header.FirstSequence - 1 : records[^1].Sequence;
        return (file, records);
    }

    /// <summary>Names of the objects in a copied file, up to its end or its torn tail.</summary>
    public static IEnumerable<string> Names(string path)
    {
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var start = new byte[FileHeader.Size];
        List<FoundRecord> records = [];
        if (FileHeader.Parse(start.AsSpan(0, RandomAccess.Read(handle, start, 0))) is { } header) Records(handle, header, RandomAccess.GetLength(handle), records);
        return records.SelectMany(record => record.Objects).Select(item => item.Name);
    }

    /// <summary>
    /// The changes of all commits that are whole now, in order, for somebody beside the process that has the journal, or after its crash: nothing is locked, cut or written. A file that goes
    /// meanwhile has been applied as a whole, so whoever reads what was applied afterwards misses nothing.
    /// </summary>
    /// <exception cref="JournalException">A record that had been made durable is damaged.</exception>
    public static IReadOnlyList<(long Sequence, byte[] Change)> Peek(string folder)
    {
        var found = new List<(long, byte[])>();
        foreach (var path in Directory.Exists(folder) ? JournalFile.List(folder).ToList() : [])
        {
            SafeFileHandle handle;
            try
            {
                handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            }
            catch (FileNotFoundException)
            {
                continue;
            }

            using (handle) Peek(handle, path, found);
        }

        return found;
    }

    private static void Peek(SafeFileHandle handle, string path, List<(long, byte[])> found)
    {
        var start = new byte[FileHeader.Size];
        if (FileHeader.Parse(start.AsSpan(0, RandomAccess.Read(handle, start, 0))) is not { } header) return;
        var (records, length) = (new List<FoundRecord>(), RandomAccess.GetLength(handle));
        var end = Records(handle, header, length, records);
        if (end < length) DemandTorn(handle, header, path, end, length, records.Count == 0 ? header.FirstSequence : records[^1].Sequence + 1, newest: true);
        foreach (var record in records.Where(record => record.Kind == RecordKind.Commit))
        {
            var change = new byte[record.ChangeLength];
            if (Fill(handle, change, record.Change)) found.Add((record.Sequence, change));
        }
    }

    private static long Records(SafeFileHandle handle, FileHeader file, long length, List<FoundRecord> records)
    {
        var at = (long)FileHeader.Size;
        var head = new byte[RecordHeader.Size];
        var expected = file.FirstSequence;
        while (RandomAccess.Read(handle, head, at) == RecordHeader.Size)
        {
            if (RecordHeader.Parse(head, file.Seed) is not { } header || header.Sequence != expected || at + RecordHeader.Size + header.BodyLength > length) break;
            var body = ArrayPool<byte>.Shared.Rent(Math.Max(1, header.BodyLength));
            try
            {
                var span = body.AsSpan(0, header.BodyLength);
                if (!Fill(handle, span, at + RecordHeader.Size) || Crc32C.Append(file.Seed, span) != header.BodyChecksum) break;
                if (!RecordBody.TryParse(span, out var objects, out var change)) break;
                var start = at + RecordHeader.Size;
                records.Add(new FoundRecord(
                    header.Kind, header.Sequence, [.. objects.Select(item => (item.Name, start + item.Offset, item.Length))], start + change.Start.Value, change.End.Value - change.Start.Value));
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(body);
            }

            at += RecordHeader.Size + header.BodyLength;
            expected++;
        }

        return at;
    }

    /// <summary>
    /// What follows <paramref name="end"/> may be cut only if nobody was promised it. A later record header of this file that was written when
    /// sequence <paramref name="sequence"/> was already on disk proves the opposite.
    /// </summary>
    private static void DemandTorn(SafeFileHandle handle, FileHeader file, string path, long end, long length, long sequence, bool newest)
    {
        if (!newest) throw Damaged(path, sequence);
        var buffer = new byte[1 << 20];
        for (var at = end; at < length;)
        {
            var read = RandomAccess.Read(handle, buffer, at);
            if (read < RecordHeader.Size) return;
            var window = buffer.AsSpan(0, read);
            for (var i = 0; i + RecordHeader.Size <= read;)
            {
                var next = window[i..].IndexOf("SKYR"u8);
                if (next < 0) break;
                i += next;
                if (RecordHeader.Parse(window[i..], file.Seed) is { } header && header.Durable >= sequence) throw Damaged(path, sequence);
                i++;
            }

            at += read - RecordHeader.Size + 1;
        }
    }

    /// <summary>
    /// Copies the whole records into a fresh file that takes the old one's place. This cuts the torn tail, and it writes the rest once more: after
    /// an fsync that failed, the bytes may be in the page cache and not on the disk, where another fsync would not bring them.
    /// </summary>
    private static void Rewrite(string path, long end)
    {
        var fresh = path + ".new";
        File.Delete(fresh);
        using (var from = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite))
        using (var to = File.OpenHandle(fresh, FileMode.CreateNew, FileAccess.Write, FileShare.Read))
        {
            var buffer = new byte[1 << 20];
            for (long at = 0; at < end;)
            {
                var read = RandomAccess.Read(from, buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - at)), at);
                if (read == 0) throw new EndOfStreamException();
                RandomAccess.Write(to, buffer.AsSpan(0, read), at);
                at += read;
            }

            LibC.Sync(to, "fsync a journal file");
        }

        File.Move(fresh, path, overwrite: true);
        LibC.SyncDirectory(Path.GetDirectoryName(path)!);
    }

    private static bool Fill(SafeFileHandle handle, Span<byte> bytes, long offset)
    {
        while (bytes.Length > 0)
        {
            var read = RandomAccess.Read(handle, bytes, offset);
            if (read == 0) return false;
            bytes = bytes[read..];
            offset += read;
        }

        return true;
    }

    private static JournalException Damaged(string path, long sequence) =>
        new(JournalFault.Damaged, $"The journal file '{Path.GetFileName(path)}' is damaged at record {sequence}, which had been made durable. Nothing was changed; restore the file.");
}
