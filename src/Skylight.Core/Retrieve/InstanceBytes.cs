using System.Buffers;
using System.IO.Pipelines;
using Microsoft.Extensions.Logging;
using Skylight.Archive.Packs;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;
using Skylight.Dicom;

namespace Skylight.Core.Retrieve;

/// <summary>The bytes of stored instances: as received, as they go out over the web, or frame by frame. Streamed in bounded memory.</summary>
public sealed class InstanceBytes(PackReader packs, ILogger<InstanceBytes> logger)
{
    private static readonly ConvertOptions Kept = new() { KeepDeflated = true };

    /// <summary>Preamble and magic.</summary>
    private const int Beginning = 132;

    /// <summary>What one answer reads with; the caller disposes it.</summary>
    public PackCursor Open() => packs.OpenCursor();

    /// <summary>The same of the first copies alone (<see cref="PackReader.OfFirstCopies"/>).</summary>
    public InstanceBytes OfFirstCopies() => new(packs.OfFirstCopies(), logger);

    /// <summary>
    /// Reads the first byte that an answer needs, so that damage or a missing object shows before it has begun; the cursor keeps what was read. What lies behind is verified
    /// as it is read.
    /// </summary>
    public Task ProbeAsync(PackCursor cursor, IndexEntry entry, long offset, CancellationToken cancellationToken) =>
        Damage.ReportAsync(logger, () => cursor.ReadAsync(entry, offset, new byte[Math.Min(1, entry.Length - offset)], cancellationToken).AsTask());

    /// <summary>The file exactly as it was received.</summary>
    public async Task CopyOriginalAsync(IndexEntry entry, PipeWriter destination, CancellationToken cancellationToken)
    {
        using var cursor = Open();
        await CopyRangeAsync(cursor, entry, 0, entry.Length, destination, cancellationToken);
    }

    /// <summary>A range of the file as it was received.</summary>
    public Task CopyRangeAsync(PackCursor cursor, IndexEntry entry, long offset, long length, PipeWriter destination, CancellationToken cancellationToken) =>
        Damage.ReportAsync(logger, () => cursor.CopyAsync(entry, offset, length, destination, cancellationToken));

    /// <summary>
    /// The file as a Part 10 file in the transfer syntax that <see cref="Negotiation.Deliver"/> chose: its own, or Explicit VR Little Endian made from
    /// another native one. File Meta Information is made anew; the preamble is that of a TIFF header or zeros (PS3.10 §7.1).
    /// </summary>
    public Task WriteAsync(PackCursor cursor, IndexEntry entry, string transferSyntax, PipeWriter destination, CancellationToken cancellationToken) => Damage.ReportAsync(logger, async () =>
    {
        if (Passes(entry, transferSyntax))
        {
            // A dataset that passes goes from the pack into the answer's own memory, and is not looked at.
            var beginning = new byte[Math.Min(Beginning, entry.DatasetOffset)];
            await cursor.ReadAsync(entry, 0, beginning, cancellationToken);
            ExplicitVrConverter.WriteHead(beginning, entry.SopClassUid, entry.SopInstanceUid, TransferSyntax.Of(entry.TransferSyntaxUid), destination);
            await cursor.CopyAsync(entry, entry.DatasetOffset, entry.Length - entry.DatasetOffset, destination, cancellationToken);
            return;
        }

        await using var stored = await packs.OpenStreamAsync(entry, entry.Length, cancellationToken);
        var source = PipeReader.Create(stored, new StreamPipeReaderOptions(bufferSize: 64 * 1024));
        await ExplicitVrConverter.ConvertAsync(source, destination, Options(entry, transferSyntax), cancellationToken);
        await source.CompleteAsync();
    });

    /// <summary>Bytes that <see cref="WriteAsync"/> will write; null where that shows only at the end.</summary>
    public static long? LengthOf(IndexEntry entry, string transferSyntax) => Passes(entry, transferSyntax)
        ? ExplicitVrConverter.HeadLength(entry.SopClassUid, entry.SopInstanceUid, TransferSyntax.Of(entry.TransferSyntaxUid)) + entry.Length - entry.DatasetOffset
        : null;

    private static bool Passes(IndexEntry entry, string transferSyntax) =>
        entry.DatasetOffset > 0 && ExplicitVrConverter.Passes(TransferSyntax.Of(entry.TransferSyntaxUid), Options(entry, transferSyntax));

    private static ConvertOptions Options(IndexEntry entry, string transferSyntax) => transferSyntax == entry.TransferSyntaxUid ? Kept : ConvertOptions.Default;

    /// <summary>One frame, from 0: native samples little endian, or the encoded frame. False when the pixel data ends before it.</summary>
    public async ValueTask<bool> WriteFrameAsync(PackCursor cursor, IndexEntry entry, FrameTable frames, int index, PipeWriter destination, CancellationToken cancellationToken)
    {
        if (frames.GetFrame(index) is not { } frame) return false;
        if (frame.BitLength > 0)
        {
            await Damage.ReportAsync(logger, () => WriteBitsAsync(cursor, entry, frame, destination, cancellationToken));
            return true;
        }
        foreach (var range in frame.Ranges)
            await CopyRangeAsync(cursor, entry, range.Offset, range.Length, destination, cancellationToken);
        return true;
    }

    /// <summary>Moves 1-bit pixels so that the frame begins at the first bit of the first byte (PS3.5 §8.1.1: least significant bit first).</summary>
    private static async Task WriteBitsAsync(PackCursor cursor, IndexEntry entry, FrameRange frame, PipeWriter destination, CancellationToken cancellationToken)
    {
        var range = frame.Ranges[0];
        var stored = ArrayPool<byte>.Shared.Rent((int)Math.Min(range.Length + 1, 1 << 20));
        try
        {
            var left = frame.BitLength;
            for (long at = 0; left > 0;)
            {
                // One byte more than is written, for the bits that move down from it.
                var count = (int)Math.Min(stored.Length, range.Length - at);
                await cursor.ReadAsync(entry, range.Offset + at, stored.AsMemory(0, count), cancellationToken);
                var bytes = (int)Math.Min((left + 7) / 8, at + count < range.Length ? count - 1 : count);
                var span = destination.GetSpan(bytes);
                for (var i = 0; i < bytes; i++)
                {
                    var next = i + 1 < count ? stored[i + 1] : 0;
                    span[i] = (byte)((stored[i] | (next << 8)) >> frame.BitOffset);
                }
                left -= bytes * 8L;
                if (left < 0) span[bytes - 1] &= (byte)(0xFF >> (int)-left);
                destination.Advance(bytes);
                await destination.FlushAsync(cancellationToken);
                at += bytes;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(stored, clearArray: true);
        }
    }
}
