using System.Buffers.Binary;

namespace Skylight.Core.Ingest.Containers;

/// <summary>Looks at the end of a ZIP file before anything reads its directory into memory (APPNOTE 4.3.14 to 4.3.16).</summary>
internal static class ZipDirectory
{
    private const int EndBytes = 22;
    private const int MaxComment = 65535;
    private const int MinEntryBytes = 46;

    /// <summary>The most entries that its directory can hold by its length; null when the file has no directory.</summary>
    public static async ValueTask<long?> MaxEntriesAsync(Stream zip, CancellationToken cancellationToken)
    {
        var tail = new byte[(int)Math.Min(zip.Length, EndBytes + MaxComment + 20)];
        zip.Position = zip.Length - tail.Length;
        await zip.ReadExactlyAsync(tail, cancellationToken);
        zip.Position = 0;
        var end = tail.AsSpan().LastIndexOf("PK\u0005\u0006"u8);
        if (end < 0 || tail.Length - end < EndBytes) return null;
        long offset = BinaryPrimitives.ReadUInt32LittleEndian(tail.AsSpan(end + 16));
        if (offset == uint.MaxValue)
        {
            // Zip64: the directory lies between the start and here; its own record is only needed for the exact count.
            offset = Math.Max(0, zip.Length - ((long)int.MaxValue * 2));
            if (end >= 20 && tail.AsSpan(end - 20, 4).SequenceEqual("PK\u0006\u0007"u8))
            {
                var record = BinaryPrimitives.ReadInt64LittleEndian(tail.AsSpan(end - 20 + 8));
                if (record < 0 || record > zip.Length - 56) return null;
                var header = new byte[56];
                zip.Position = record;
                await zip.ReadExactlyAsync(header, cancellationToken);
                zip.Position = 0;
                offset = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(48));
            }
        }

        var at = zip.Length - tail.Length + end;
        return offset < 0 || offset > at ? null : (at - offset) / MinEntryBytes;
    }
}
