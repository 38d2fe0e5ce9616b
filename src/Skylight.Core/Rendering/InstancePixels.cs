using System.Buffers;
using System.Buffers.Binary;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Skylight.Archive.Packs;
using Skylight.Archive.Series;
using Skylight.Core.Retrieve;
using Skylight.Dicom;
using Skylight.Imaging;
using Skylight.Imaging.Display;

namespace Skylight.Core.Rendering;

/// <summary>
/// Decoded frames of stored instances, one at a time: a frame costs its own bytes, however large the instance. Decoding is bounded in number and size; callers
/// have been admitted to the study.
/// </summary>
public sealed class InstancePixels(PackReader packs, NativeFrames native, IOptions<RenderingOptions> options, ILogger<InstancePixels> logger) : IDisposable
{
    private readonly EntryCache<PixelSource> _headers = new(options.Value.HeaderCacheKiB);
    private readonly SemaphoreSlim _work = new(options.Value.ConcurrentFrames > 0 ? options.Value.ConcurrentFrames : Environment.ProcessorCount);

    private int MaxFrameBytes => (int)Math.Min(int.MaxValue, options.Value.MaxFrameMiB * (1L << 20));

    /// <summary>True when frames of the instance can be decoded, as far as its index entry tells.</summary>
    public static bool CanDecode(IndexEntry entry)
    {
        if (entry.Frames < 1 || entry.FrameTable.Length == 0) return false;
        var syntax = TransferSyntax.Of(entry.TransferSyntaxUid);
        return !syntax.IsEncapsulated || (FrameCodec.CanDecode(entry.TransferSyntaxUid) && FrameTable.Parse(entry.FrameTable).Kind == FrameTableKind.Bytes);
    }

    /// <summary>Reads the header of an instance.</summary>
    /// <exception cref="PixelDataException">It has no pixels, or attributes that contradict each other.</exception>
    public async ValueTask<PixelSource> OpenAsync(IndexEntry entry, CancellationToken cancellationToken)
    {
        var name = $"{entry.Pack.Name}/{entry.Offset}";
        if (_headers.Get(name) is { } cached) return cached;
        if (!CanDecode(entry)) throw new PixelDataException(PixelDataError.Unsupported, "The instance has no frames that can be decoded.");
        var table = FrameTable.Parse(entry.FrameTable);
        var source = table.Kind == FrameTableKind.Decode ? await OpenConvertedAsync(entry, cancellationToken) : await OpenStoredAsync(entry, table, cancellationToken);
        _headers.Put(name, source, (int)Math.Min(int.MaxValue - 1, (source.Frames.GetFrame(0)?.Ranges[0].Offset ?? 0) / 1024));
        return source;
    }

    /// <summary>Decodes frame <paramref name="index"/> (from 0); the caller disposes of it.</summary>
    /// <exception cref="PixelDataException">The frame is damaged, cut short, or of a form that is not decoded.</exception>
    public async ValueTask<DecodedFrame> DecodeAsync(PixelSource source, int index, CancellationToken cancellationToken)
    {
        var range = source.Frames.GetFrame(index) ?? throw new PixelDataException(PixelDataError.Truncated, $"Frame {index + 1} lies beyond the end of the pixel data.");
        // A compressed frame is hardly ever larger than a decoded one; what is much larger is no frame.
        if (range.Length > Math.Max(2L * source.Layout.FrameBytes, 1 << 16) + (1 << 16)) throw new PixelDataException(PixelDataError.TooLarge, $"Frame {index + 1} has {range.Length} bytes.");
        await _work.WaitAsync(cancellationToken);
        try
        {
            using var stored = PixelBuffers.Rent((int)range.Length);
            await ReadAsync(source, range, stored.Memory, cancellationToken);
            var values = PixelBuffers.Rent(source.Layout.FrameBytes);
            try
            {
                var layout = source.Syntax.IsEncapsulated
                    ? FrameCodec.Decode(source.Syntax.Uid, source.Layout, stored.Memory.Span, values.Memory.Span)
                    : FrameCodec.Native(source.Layout, stored.Memory.Span, range.BitOffset, bigEndian: false, values.Memory.Span);
                return new DecodedFrame(layout, values);
            }
            catch
            {
                values.Dispose();
                throw;
            }
        }
        finally
        {
            _work.Release();
        }
    }

    /// <summary>
    /// Frame <paramref name="index"/> (from 0) in another transfer syntax: Explicit VR Little Endian (1-bit pixels packed from the first bit on), one of
    /// <see cref="FrameCodec.CanEncode"/>, or JPEG baseline of 8-bit grey and RGB.
    /// </summary>
    /// <inheritdoc cref="DecodeAsync"/>
    public async ValueTask<IMemoryOwner<byte>> RecodeAsync(PixelSource source, int index, string transferSyntax, CancellationToken cancellationToken)
    {
        using var frame = await DecodeAsync(source, index, cancellationToken);
        var values = frame.Values.Span;
        byte[]? encoded = null;
        if (transferSyntax != Negotiation.ExplicitVrLittleEndian)
            encoded = transferSyntax == FrameCodec.JpegBaseline ? FrameCodec.EncodeBaseline(frame.Layout, values, options.Value.JpegQuality) : FrameCodec.Encode(transferSyntax, frame.Layout, values);
        var bits = frame.Layout.BitsAllocated == 1 && encoded is null;
        var result = PixelBuffers.Rent(encoded?.Length ?? (bits ? (values.Length + 7) / 8 : values.Length));
        if (encoded is not null) encoded.CopyTo(result.Memory);
        else if (bits) FrameCodec.PackBits(values, result.Memory.Span);
        else values.CopyTo(result.Memory.Span);
        return result;
    }

    /// <summary>Shows frame <paramref name="index"/> (from 0) as its instance says, or as the options do.</summary>
    /// <exception cref="PixelDataException">As <see cref="DecodeAsync"/>; or colour of a form that is not shown; or a region outside of the frame.</exception>
    public async ValueTask<RenderedFrame> RenderAsync(PixelSource source, int index, RenderOptions how, CancellationToken cancellationToken)
    {
        using var frame = await DecodeAsync(source, index, cancellationToken);
        return Renderer.Render(frame.Values.Span, frame.Layout, DisplaySettings.Read(source.Dataset, source.Layout, index), how);
    }

    public void Dispose() => _work.Dispose();

    private async ValueTask<PixelSource> OpenStoredAsync(IndexEntry entry, FrameTable table, CancellationToken cancellationToken)
    {
        var file = await Damage.ReportAsync(logger, async () =>
        {
            await using var stored = await packs.OpenStreamAsync(entry, cancellationToken);
            return await DicomFile.ReadAsync(stored, new ReadOptions { StopBeforePixelData = true, AllowTruncated = true, MaxDatasetBytes = 128L << 20 }, cancellationToken);
        });
        var dataset = file.Dataset;
        if (file.PixelDataOffset >= 0 && await TagAsync(entry, file.PixelDataOffset, cancellationToken) is { } tag && tag != DicomTags.PixelData)
        {
            // The layout of floating-point pixels follows from which element they are in.
            dataset = dataset.Clone();
            dataset.Set(new DicomElement(tag, tag == DicomTags.FloatPixelData ? Vr.OF : Vr.OD, default));
        }

        return Source(entry, dataset, file.Syntax, table, converted: false);
    }

    private async ValueTask<PixelSource> OpenConvertedAsync(IndexEntry entry, CancellationToken cancellationToken)
    {
        var inspected = await native.InspectAsync(entry, cancellationToken);
        return Source(entry, inspected.Dataset, inspected.Syntax, inspected.Frames, converted: true);
    }

    private PixelSource Source(IndexEntry entry, DicomDataset dataset, TransferSyntax syntax, FrameTable table, bool converted)
    {
        var layout = (DicomImage.ReadLayout(dataset) with { Frames = Math.Max(1, table.Count) }).Validate(MaxFrameBytes);
        return new PixelSource(entry, dataset, syntax, layout, table, converted);
    }

    private async ValueTask<DicomTag?> TagAsync(IndexEntry entry, long offset, CancellationToken cancellationToken)
    {
        if (offset + 4 > entry.Length) return null;
        var bytes = new byte[4];
        await packs.ReadAsync(entry, offset, bytes, cancellationToken);
        var tag = new DicomTag(BinaryPrimitives.ReadUInt16LittleEndian(bytes), BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(2)));
        return tag == DicomTags.FloatPixelData || tag == DicomTags.DoubleFloatPixelData || tag == DicomTags.PixelData ? tag : null;
    }

    private async Task ReadAsync(PixelSource source, FrameRange range, Memory<byte> destination, CancellationToken cancellationToken)
    {
        if (source.IsConverted)
        {
            await native.ReadAsync(source.Entry, range.Ranges[0], destination, cancellationToken);
            return;
        }

        var at = 0;
        foreach (var part in range.Ranges)
        {
            if (part.Offset + part.Length > source.Entry.Length) throw new PixelDataException(PixelDataError.Truncated, "A fragment lies beyond the end of the file.");
            var to = destination.Slice(at, (int)part.Length);
            await Damage.ReportAsync(logger, () => packs.ReadAsync(source.Entry, part.Offset, to, cancellationToken).AsTask());
            at += to.Length;
        }
    }
}
