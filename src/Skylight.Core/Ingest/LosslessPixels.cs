using Skylight.Dicom;
using Skylight.Imaging;

namespace Skylight.Core.Ingest;

/// <summary>
/// Decodes losslessly compressed frames for the pixel digest, so that one image is known again whether it comes native or compressed. Lossy syntaxes are left:
/// their values are the decoder's as much as the stream's.
/// </summary>
internal static class LosslessPixels
{
    /// <summary>A larger frame keeps the digest of its fragments.</summary>
    private const int MaxDecodedBytes = 256 << 20;

    public static FrameDigester? Of(DicomDataset header, TransferSyntax syntax)
    {
        if (!FrameCodec.IsLossless(syntax.Uid) || !FrameCodec.CanDecode(syntax.Uid) || Layout(header) is not { BitsAllocated: 8 or 16 } layout) return null;
        long total = 0;
        var (frames, decoded) = (layout.Frames, 0);
        return (frame, digest) =>
        {
            using var values = PixelBuffers.Rent(layout.FrameBytes);
            try
            {
                FrameCodec.Decode(syntax.Uid, layout, frame, values.Memory.Span);
            }
            catch (PixelDataException)
            {
                // Damaged, or of another size than the dataset says: such content is compared by its fragments.
                return false;
            }

            digest.AppendData(values.Memory.Span);
            total += layout.FrameBytes;
            // A native value has an even length.
            if (++decoded == frames && total % 2 != 0) digest.AppendData([0]);
            return true;
        };
    }

    private static PixelLayout? Layout(DicomDataset header)
    {
        try
        {
            return DicomImage.ReadLayout(header).Validate(MaxDecodedBytes);
        }
        catch (PixelDataException)
        {
            return null;
        }
    }
}
