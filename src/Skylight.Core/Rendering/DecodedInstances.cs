using System.Buffers.Binary;
using System.IO.Pipelines;
using Microsoft.Extensions.Logging;
using Skylight.Archive.Packs;
using Skylight.Core.Retrieve;
using Skylight.Dicom;
using Skylight.Imaging;

namespace Skylight.Core.Rendering;

/// <summary>Compressed instances as Part 10 files in Explicit VR Little Endian, written frame by frame: memory is the header and one frame.</summary>
public sealed class DecodedInstances(PackReader packs, InstancePixels pixels, ILogger<DecodedInstances> logger)
{
    private const long MaxHeaderValue = 64L << 20;

    /// <summary>Bytes of the pixel data value, without padding.</summary>
    private static long PixelBytes(PixelLayout layout) => (long)layout.FrameBytes * layout.Frames;

    /// <summary>Decodes the first frame, so that an instance that cannot be decoded shows before an answer has begun.</summary>
    /// <exception cref="PixelDataException">It cannot be decoded, or its pixels do not fit into a native value (PS3.5 7.1.1: below 4 GiB).</exception>
    public async ValueTask<PixelSource> ProbeAsync(PixelSource source, CancellationToken cancellationToken)
    {
        if (PixelBytes(source.Layout) > uint.MaxValue - 2) throw new PixelDataException(PixelDataError.TooLarge, "The decoded pixel data are longer than a native value can be.");
        if (source.Layout.BitsAllocated == 1) throw new PixelDataException(PixelDataError.Unsupported, "Encapsulated 1-bit pixels are not decoded.");
        using var first = await pixels.DecodeAsync(source, 0, cancellationToken);
        return source;
    }

    /// <summary>
    /// Writes the file. The dataset is the stored one but for what describes its pixels: colour comes by pixel, in the photometric interpretation of the
    /// decoded samples. File Meta Information is made anew. Icons that are compressed themselves are left out.
    /// </summary>
    /// <exception cref="PixelDataException">A frame cannot be decoded: the file is then incomplete.</exception>
    public async Task WriteAsync(PixelSource source, PipeWriter destination, CancellationToken cancellationToken)
    {
        var dataset = await ReadAsync(source, cancellationToken);
        var (before, after) = Split(dataset);
        using (var first = await pixels.DecodeAsync(source, 0, cancellationToken)) Describe(before, source, first.Layout);
        DicomWriter.Write(destination, DicomFile.Of(before, TransferSyntax.ExplicitLittle));
        var bytes = PixelBytes(source.Layout);
        WriteHeader(destination, source.Layout, bytes + (bytes & 1));
        for (var i = 0; i < source.Layout.Frames; i++)
        {
            using var frame = await pixels.DecodeAsync(source, i, cancellationToken);
            await destination.WriteAsync(frame.Values, cancellationToken);
        }

        if ((bytes & 1) != 0)
        {
            destination.GetSpan(1)[0] = 0;
            destination.Advance(1);
        }

        if (after.Count > 0) DicomWriter.WriteDataset(destination, after, TransferSyntax.ExplicitLittle);
        await destination.FlushAsync(cancellationToken);
    }

    private async Task<DicomDataset> ReadAsync(PixelSource source, CancellationToken cancellationToken) => await Damage.ReportAsync(logger, async () =>
    {
        var entry = source.Entry;
        await using var stored = await packs.OpenStreamAsync(entry, cancellationToken);
        return (await DicomFile.ReadAsync(stored, new ReadOptions { MaxInlineBytes = MaxHeaderValue }, cancellationToken)).Dataset;
    });

    /// <summary>What comes before the pixel data and what behind (private groups of some makers), without what only encapsulated pixels have.</summary>
    private static (DicomDataset Before, DicomDataset After) Split(DicomDataset dataset)
    {
        var (before, after) = (new DicomDataset(), new DicomDataset());
        foreach (var element in dataset)
        {
            if (element.Tag == DicomTags.PixelData || element.Tag == DicomTags.ExtendedOffsetTable || element.Tag == DicomTags.ExtendedOffsetTableLengths) continue;
            if (element.Sequence is { } items && items.Items.Any(HasReference)) continue;
            if (element.Bulk is not null) throw new PixelDataException(PixelDataError.TooLarge, $"The value of {element.Tag} is too long to be copied.");
            (element.Tag < DicomTags.PixelData ? before : after).Set(element);
        }

        return (before, after);
    }

    private static bool HasReference(DicomDataset item) => item.Any(e => e.Bulk is not null || (e.Sequence is { } nested && nested.Items.Any(HasReference)));

    private static void Describe(DicomDataset dataset, PixelSource source, PixelLayout decoded)
    {
        if (decoded.SamplesPerPixel > 1)
        {
            dataset.Set(DicomTags.PlanarConfiguration, 0d);
            dataset.Set(DicomTags.PhotometricInterpretation, decoded.Photometric is "YBR_FULL_422" ? "YBR_FULL" : decoded.Photometric);
        }

        // PS3.3 C.7.6.1.1.5: once lossy, always lossy. JPEG baseline and extended have no lossless form, so they count where the dataset forgot to say so.
        if (source.Syntax.Uid is "1.2.840.10008.1.2.4.50" or "1.2.840.10008.1.2.4.51" && dataset.GetString(DicomTags.LossyImageCompression) is null) dataset.Set(DicomTags.LossyImageCompression, "01");
    }

    private static void WriteHeader(PipeWriter destination, PixelLayout layout, long length)
    {
        var header = destination.GetSpan(12);
        BinaryPrimitives.WriteUInt16LittleEndian(header, DicomTags.PixelData.Group);
        BinaryPrimitives.WriteUInt16LittleEndian(header[2..], DicomTags.PixelData.Element);
        header[4] = (byte)'O';
        header[5] = (byte)(layout.BitsAllocated > 8 ? 'W' : 'B');
        header[6] = header[7] = 0;
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], (uint)length);
        destination.Advance(12);
    }
}
