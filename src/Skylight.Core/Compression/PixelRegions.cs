using Skylight.Archive.Coding;
using Skylight.Archive.Packs;
using Skylight.Archive.Series;
using Skylight.Dicom;
using Skylight.Imaging;

namespace Skylight.Core.Compression;

/// <summary>Finds the samples of stored instances, as their headers describe them.</summary>
public sealed class PixelRegions(PackReader packs)
{
    private const long MaxHeaderBytes = 32L << 20;

    /// <summary>Length of an element's header with a four-byte length in explicit VR (PS3.5 7.1.2).</summary>
    private const int ExplicitHeaderBytes = 12;

    /// <summary>Where the samples lie; null when they are none that are compressed: encapsulated or deflated, of 1, 32 or 64 bits, subsampled, cut short before the first frame ends.</summary>
    public async ValueTask<PixelRegion?> FindAsync(IndexEntry entry, CancellationToken cancellationToken)
    {
        if (entry.Frames < 1 || TransferSyntax.Of(entry.TransferSyntaxUid) is { IsEncapsulated: true } or { IsDeflated: true }) return null;
        try
        {
            await using var stored = await packs.OpenStreamAsync(entry, cancellationToken);
            var file = await DicomFile.ReadAsync(stored, new ReadOptions { StopBeforePixelData = true, AllowTruncated = true, MaxDatasetBytes = MaxHeaderBytes }, cancellationToken);
            return Find(entry, file);
        }
        catch (Exception error) when (error is DicomFormatException or PixelDataException)
        {
            // What cannot be told apart stays as it is.
            return null;
        }
    }

    private static PixelRegion? Find(IndexEntry entry, DicomFile file)
    {
        var layout = DicomImage.ReadLayout(file.Dataset);
        if (layout.BitsAllocated is not (8 or 16) || layout.Float || file.Syntax.IsEncapsulated || file.Syntax.IsDeflated || file.PixelDataOffset < 0) return null;
        var shape = new PixelShape
        {
            Rows = layout.Rows, Columns = layout.Columns, Samples = layout.SamplesPerPixel, SampleBytes = layout.BytesPerSample, BitsStored = layout.BitsStored, HighBit = layout.HighBit,
            Signed = layout.Signed, Planar = layout.PlanarConfiguration == 1, BigEndian = file.Syntax.IsBigEndian,
        };
        var table = FrameTable.Parse(entry.FrameTable);
        long start;
        if (table.Kind == FrameTableKind.Bytes)
        {
            // The table knows the frames as they lie, subsampled ones too: those are left alone.
            if (table.GetFrame(0) is not { Ranges: [var first] } || first.Length != shape.FrameBytes) return null;
            start = first.Offset;
        }
        else if (table.Kind == FrameTableKind.Decode && shape.BigEndian)
        {
            start = file.PixelDataOffset + ExplicitHeaderBytes;
        }
        else
        {
            return null;
        }

        var frames = (int)Math.Min(layout.Frames, (entry.Length - start) / shape.FrameBytes);
        return frames < 1 ? null : new PixelRegion(start, frames, shape);
    }
}
