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
    private const int Head = 132;

    /// <summary>More than a file has before its dataset tells which instance it is.</summary>
    private const int BeginningBytes = 64 * 1024;

    /// <summary>The same of the first copies alone (<see cref="PackReader.OfFirstCopies"/>).</summary>
    public InstanceBytes OfFirstCopies() => new(packs.OfFirstCopies(), logger);

    /// <summary>
    /// Reads the first bytes of an instance, so that damage or a missing object shows before an answer has begun. What lies behind is verified as it is read.
    /// </summary>
    public Task ProbeAsync(IndexEntry entry, CancellationToken cancellationToken) =>
        Damage.ReportAsync(logger, () => packs.ReadAsync(entry, 0, new byte[Math.Min(Head, entry.Length)], cancellationToken).AsTask());

    /// <summary>The file exactly as it was received.</summary>
    public Task CopyOriginalAsync(IndexEntry entry, PipeWriter destination, CancellationToken cancellationToken) =>
        CopyRangeAsync(entry, 0, entry.Length, destination, cancellationToken);

    /// <summary>A range of the file as it was received.</summary>
    public Task CopyRangeAsync(IndexEntry entry, long offset, long length, PipeWriter destination, CancellationToken cancellationToken) =>
        Damage.ReportAsync(logger, () => packs.CopyAsync(entry, offset, length, destination, cancellationToken));

    /// <summary>
    /// The file as a Part 10 file in the transfer syntax that <see cref="Negotiation.Deliver"/> chose: its own, or Explicit VR Little Endian made from
    /// another native one. File Meta Information is made anew; the preamble is that of a TIFF header or zeros (PS3.10 §7.1).
    /// </summary>
    public Task WriteAsync(IndexEntry entry, string transferSyntax, PipeWriter destination, CancellationToken cancellationToken) => Damage.ReportAsync(logger, async () =>
    {
        var options = new ConvertOptions { KeepDeflated = transferSyntax == entry.TransferSyntaxUid };
        // A dataset that passes goes from the pack into the answer's own memory, and only the file's beginning is looked at.
        var passes = entry.DatasetOffset > 0 && ExplicitVrConverter.Passes(TransferSyntax.Of(entry.TransferSyntaxUid), options);
        if (passes && await packs.OpenBeginningAsync(entry, cancellationToken) is { } whole)
        {
            await using (whole) await PassAsync(whole, options, destination, cancellationToken);
            return;
        }

        await using var stored = await packs.OpenStreamAsync(entry, passes ? Math.Min(entry.Length, BeginningBytes) : entry.Length, cancellationToken);
        var source = PipeReader.Create(stored, new StreamPipeReaderOptions(bufferSize: 64 * 1024));
        if (passes)
        {
            await ExplicitVrConverter.WriteHeadAsync(source, destination, options, cancellationToken);
            await packs.CopyAsync(entry, entry.DatasetOffset, entry.Length - entry.DatasetOffset, destination, cancellationToken);
        }
        else
        {
            await ExplicitVrConverter.ConvertAsync(source, destination, options, cancellationToken);
        }

        await source.CompleteAsync();
    });

    /// <summary>Every segment of the pack is decrypted once: what lies beside the beginning is copied, the rest decrypted into the answer's memory.</summary>
    private static async Task PassAsync(SealedStream whole, ConvertOptions options, PipeWriter destination, CancellationToken cancellationToken)
    {
        var source = PipeReader.Create(whole, new StreamPipeReaderOptions(bufferSize: 8 * 1024, leaveOpen: true));
        await ExplicitVrConverter.WriteHeadAsync(source, destination, options, cancellationToken);
        if (source.TryRead(out var read))
        {
            foreach (var piece in read.Buffer) destination.Write(piece.Span);
            source.AdvanceTo(read.Buffer.End);
        }

        await source.CompleteAsync();
        await whole.CopyRestAsync(destination, cancellationToken);
    }

    /// <summary>One frame, from 0: native samples little endian, or the encoded frame. False when the pixel data ends before it.</summary>
    public async ValueTask<bool> WriteFrameAsync(IndexEntry entry, FrameTable frames, int index, PipeWriter destination, CancellationToken cancellationToken)
    {
        if (frames.GetFrame(index) is not { } frame) return false;
        if (frame.BitLength > 0)
        {
            await Damage.ReportAsync(logger, () => WriteBitsAsync(entry, frame, destination, cancellationToken));
            return true;
        }
        foreach (var range in frame.Ranges)
            await CopyRangeAsync(entry, range.Offset, range.Length, destination, cancellationToken);
        return true;
    }

    /// <summary>Moves 1-bit pixels so that the frame begins at the first bit of the first byte (PS3.5 §8.1.1: least significant bit first).</summary>
    private async Task WriteBitsAsync(IndexEntry entry, FrameRange frame, PipeWriter destination, CancellationToken cancellationToken)
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
                await packs.ReadAsync(entry, range.Offset + at, stored.AsMemory(0, count), cancellationToken);
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
