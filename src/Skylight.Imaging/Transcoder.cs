using System.Buffers.Binary;
using Skylight.Dicom;

namespace Skylight.Imaging;

/// <summary>Rewrites a file in memory in another transfer syntax. Lossless targets are decoded again and compared before the result is given away.</summary>
public static class Transcoder
{
    /// <summary>True when pixel data can be brought into this syntax (native ones, those of <see cref="FrameCodec.CanEncode"/>, JPEG baseline with loss).</summary>
    public static bool CanWrite(TransferSyntax target) =>
        target.IsKnown && (target.Uid == FrameCodec.JpegBaseline || FrameCodec.CanEncode(target.Uid) || target.Uid is "1.2.840.10008.1.2" or "1.2.840.10008.1.2.1" or "1.2.840.10008.1.2.1.99" or "1.2.840.10008.1.2.2");

    /// <param name="source">Read with its pixel data (<c>MaxInlineBytes = long.MaxValue</c>); not changed.</param>
    /// <param name="quality">Of JPEG baseline, 1 to 100.</param>
    /// <exception cref="PixelDataException">The pixels cannot be decoded, or not be written in the target syntax.</exception>
    public static DicomFile Convert(DicomFile source, TransferSyntax target, int quality = 90)
    {
        if (!CanWrite(target)) throw new PixelDataException(PixelDataError.Unsupported, $"Files are not written in transfer syntax {target.Uid}.");
        if (!source.Dataset.TryGet(DicomTags.PixelData, out _))
        {
            if (target.IsEncapsulated) throw new PixelDataException(PixelDataError.BadAttributes, "The file has no pixel data to compress.");
            return DicomFile.Of(source.Dataset, target);
        }

        if (source.Syntax.Uid == target.Uid || (!source.Syntax.IsEncapsulated && !target.IsEncapsulated)) return DicomFile.Of(source.Dataset, target);
        var layout = DicomImage.ReadLayout(source.Dataset);
        var dataset = source.Dataset.Clone();
        var (stored, decoded) = Stored(source, layout);
        if (!target.IsEncapsulated)
        {
            SetNative(dataset, stored, decoded, layout);
            return DicomFile.Of(dataset, target);
        }

        var fragments = new List<ReadOnlyMemory<byte>>(layout.Frames);
        var check = new byte[layout.FrameBytes];
        for (var i = 0; i < layout.Frames; i++)
        {
            var frame = stored.AsSpan(i * layout.FrameBytes, layout.FrameBytes);
            byte[] encoded;
            if (target.Uid == FrameCodec.JpegBaseline)
            {
                encoded = FrameCodec.EncodeBaseline(decoded, frame, quality);
            }
            else
            {
                encoded = FrameCodec.Encode(target.Uid, decoded, frame);
                FrameCodec.Decode(target.Uid, decoded, encoded, check);
                if (!frame.SequenceEqual(check)) throw new PixelDataException(PixelDataError.Unsupported, $"Frame {i + 1} would not come back equal from transfer syntax {target.Uid}.");
            }

            fragments.Add(encoded.Length % 2 == 0 ? encoded : [.. encoded, 0]);
        }

        dataset.Set(DicomTags.PixelData, new DicomFragments(OffsetTable(fragments), fragments));
        if (layout.SamplesPerPixel > 1)
        {
            dataset.Set(DicomTags.PlanarConfiguration, 0d);
            dataset.Set(DicomTags.PhotometricInterpretation, (target.Uid, decoded.Photometric) switch
            {
                ("1.2.840.10008.1.2.4.90", "RGB") => "YBR_RCT",
                (FrameCodec.JpegBaseline, "RGB") => quality >= 90 ? "YBR_FULL" : "YBR_FULL_422",
                _ => decoded.Photometric,
            });
        }

        if (target.Uid == FrameCodec.JpegBaseline) MarkLossy(dataset, stored.Length, fragments.Sum(f => (long)f.Length));
        return DicomFile.Of(dataset, target);
    }

    /// <summary>Every frame as stored values.</summary>
    private static (byte[] Stored, PixelLayout Layout) Stored(DicomFile source, PixelLayout layout)
    {
        using var image = DicomImage.Open(new MemoryStream(DicomWriter.ToArray(source, WriteOptions.AsRead), writable: false));
        var stored = new byte[checked((long)layout.FrameBytes * layout.Frames)];
        var decoded = layout;
        for (var i = 0; i < layout.Frames; i++) decoded = image.ReadFrame(i, stored.AsSpan(i * layout.FrameBytes, layout.FrameBytes));
        return (stored, decoded);
    }

    private static void SetNative(DicomDataset dataset, byte[] stored, PixelLayout decoded, PixelLayout declared)
    {
        var even = stored.Length % 2 == 0 ? stored : [.. stored, 0];
        dataset.Set(new DicomElement(DicomTags.PixelData, declared.BitsAllocated > 8 ? Vr.OW : Vr.OB, even));
        if (declared.SamplesPerPixel == 1) return;
        dataset.Set(DicomTags.PlanarConfiguration, 0d);
        dataset.Set(DicomTags.PhotometricInterpretation, decoded.Photometric is "YBR_FULL_422" ? "YBR_FULL" : decoded.Photometric);
    }

    /// <summary>PS3.5 A.4: offset of each frame's item from the first one's.</summary>
    private static byte[] OffsetTable(List<ReadOnlyMemory<byte>> fragments)
    {
        // Beyond 32 bits the table stays empty, which is allowed.
        if (fragments.Sum(f => (long)f.Length + 8) > uint.MaxValue) return [];
        var table = new byte[4 * fragments.Count];
        uint at = 0;
        for (var i = 0; i < fragments.Count; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(table.AsSpan(4 * i), at);
            at += (uint)fragments[i].Length + 8;
        }

        return table;
    }

    /// <summary>PS3.3 C.7.6.1.1.5: once lossy, always lossy.</summary>
    private static void MarkLossy(DicomDataset dataset, long before, long after)
    {
        var ratios = dataset.GetStrings(DicomTags.LossyImageCompressionRatio);
        var methods = dataset.GetStrings(DicomTags.LossyImageCompressionMethod);
        dataset.Set(DicomTags.LossyImageCompression, "01");
        dataset.Set(DicomTags.LossyImageCompressionRatio, [.. ratios, ((double)before / after).ToString("0.##", System.Globalization.CultureInfo.InvariantCulture)]);
        dataset.Set(DicomTags.LossyImageCompressionMethod, [.. methods, "ISO_10918_1"]);
    }
}
