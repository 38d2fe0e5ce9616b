using Skylight.Archive.Series;
using Skylight.Dicom;
using Skylight.Imaging;

namespace Skylight.Core.Rendering;

/// <summary>A stored instance whose header has been read: what its pixels are, and where its frames lie.</summary>
/// <param name="Dataset">The elements before the pixel data.</param>
/// <param name="Layout">Checked; the number of frames is the frame table's.</param>
/// <param name="Frames">Ranges of the stored file, or of its Explicit VR Little Endian form where <paramref name="IsConverted"/>.</param>
public sealed record PixelSource(IndexEntry Entry, DicomDataset Dataset, TransferSyntax Syntax, PixelLayout Layout, FrameTable Frames, bool IsConverted)
{
    /// <summary>The frame that stands for the instance, from 0: Representative Frame Number, else the first.</summary>
    public int RepresentativeFrame =>
        Dataset.GetInt32(DicomTags.RepresentativeFrameNumber) is { } number && number >= 1 && number <= Layout.Frames ? number - 1 : 0;
}
