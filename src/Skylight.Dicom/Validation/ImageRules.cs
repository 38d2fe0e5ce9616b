namespace Skylight.Dicom;

/// <summary>Whether the attributes of an image agree with each other and with its pixel data.</summary>
internal static class ImageRules
{
    public static void Check(DicomDataset d, TransferSyntax? syntax, ValidationReport report)
    {
        Geometry(d, report, "");
        foreach (var (group, path) in Groups(d)) Geometry(group, report, path);
        if (d.GetDouble(DicomTags.RescaleSlope) == 0) report.Add(FindingCodes.RescaleSlope, DicomTags.RescaleSlope.ToString());
        if (d.GetString(DicomTags.VOILUTFunction) is null or "LINEAR" && d.GetDoubles(DicomTags.WindowWidth).Any(w => w < 1)) report.Add(FindingCodes.WindowWidth, DicomTags.WindowWidth.ToString());
        if (d.GetItems(DicomTags.PerFrameFunctionalGroupsSequence) is { Count: > 0 } frames && frames.Count != PixelLayout.Frames(d))
            report.Add(FindingCodes.FramesInconsistent, DicomTags.NumberOfFrames.ToString(), $"{PixelLayout.Frames(d)} frames, {frames.Count} items");
        if (d.Contains(DicomTags.NumberOfFrames) && d.GetInt32(DicomTags.NumberOfFrames) is null or <= 0)
            report.Add(FindingCodes.FramesInconsistent, DicomTags.NumberOfFrames.ToString());
        // JPEG 2000 part 1, near-lossless JPEG-LS and their like may be lossless after all; DCT never is.
        if (syntax?.Uid is "1.2.840.10008.1.2.4.50" or "1.2.840.10008.1.2.4.51" && d.GetString(DicomTags.LossyImageCompression) != "01")
            report.Add(FindingCodes.LossyFlag, DicomTags.LossyImageCompression.ToString());
        if (d.Contains(DicomTags.BitsAllocated) && d.Contains(DicomTags.Rows)) Pixels(d, syntax, report);
    }

    private static void Pixels(DicomDataset d, TransferSyntax? syntax, ValidationReport report)
    {
        if (d.GetInt32(DicomTags.Rows) is 0 || d.GetInt32(DicomTags.Columns) is 0) report.Add(FindingCodes.ImageSize, DicomTags.Rows.ToString());
        var isFloat = d.Contains(DicomTags.FloatPixelData) || d.Contains(DicomTags.DoubleFloatPixelData);
        if (!isFloat && d.GetInt32(DicomTags.BitsAllocated) is { } allocated && d.GetInt32(DicomTags.BitsStored) is { } stored && d.GetInt32(DicomTags.HighBit) is { } high)
        {
            if ((allocated != 1 && allocated % 8 != 0) || stored < 1 || stored > allocated || high != stored - 1)
                report.Add(FindingCodes.BitsInconsistent, DicomTags.BitsStored.ToString(), $"allocated {allocated}, stored {stored}, high bit {high}");
        }

        if (d.GetInt32(DicomTags.PixelRepresentation) is not (null or 0 or 1)) report.Add(FindingCodes.BitsInconsistent, DicomTags.PixelRepresentation.ToString());
        if (d.GetString(DicomTags.PhotometricInterpretation) is { } photometric && d.GetInt32(DicomTags.SamplesPerPixel) is { } samples)
        {
            var expected = photometric switch
            {
                "MONOCHROME1" or "MONOCHROME2" or "PALETTE COLOR" => 1,
                "RGB" or "HSV" or "XYB" => 3,
                "ARGB" or "CMYK" => 4,
                _ => photometric.StartsWith("YBR_", StringComparison.Ordinal) ? 3 : samples,
            };
            if (samples != expected) report.Add(FindingCodes.SamplesInconsistent, DicomTags.SamplesPerPixel.ToString(), $"{samples}, {expected} expected");
        }

        if (d.TryGet(DicomTags.PixelData, out var e) && e.Fragments is null && e.Bulk is not { IsEncapsulated: true } && syntax is not { IsDeflated: true }) Length(d, in e, report);
    }

    private static void Length(DicomDataset d, in DicomElement e, ValidationReport report)
    {
        if (e.BulkUri is not null || PixelLayout.FrameBits(d) is not { } bits) return;
        var expected = (bits * PixelLayout.Frames(d) + 7) / 8;
        var actual = e.Bulk?.Length ?? e.Value.Length;
        if (actual != expected && actual != expected + (expected & 1)) report.Add(FindingCodes.PixelLength, e.Tag.ToString(), $"{actual} bytes, {expected} expected");
    }

    private static void Geometry(DicomDataset d, ValidationReport report, string path)
    {
        foreach (var tag in (ReadOnlySpan<DicomTag>)[DicomTags.PixelSpacing, DicomTags.ImagerPixelSpacing])
            if (d.GetDoubles(tag).Any(v => v <= 0)) report.Add(FindingCodes.Spacing, path + tag);
        if (d.GetDoubles(DicomTags.ImageOrientationPatient) is { Count: > 0 } o && !IsOrientation(o)) report.Add(FindingCodes.Orientation, path + DicomTags.ImageOrientationPatient);
    }

    private static bool IsOrientation(IReadOnlyList<double> o)
    {
        if (o.Count != 6) return false;
        var row = o[0] * o[0] + o[1] * o[1] + o[2] * o[2];
        var column = o[3] * o[3] + o[4] * o[4] + o[5] * o[5];
        var dot = o[0] * o[3] + o[1] * o[4] + o[2] * o[5];
        // Written with few digits, real vectors miss unit length by some thousandths.
        return Math.Abs(row - 1) < 0.01 && Math.Abs(column - 1) < 0.01 && Math.Abs(dot) < 0.01;
    }

    /// <summary>Plane position and measures of enhanced images: the shared group and every frame's.</summary>
    private static IEnumerable<(DicomDataset Item, string Path)> Groups(DicomDataset d)
    {
        foreach (var tag in (DicomTag[])[DicomTags.SharedFunctionalGroupsSequence, DicomTags.PerFrameFunctionalGroupsSequence])
        {
            var items = d.GetItems(tag);
            for (var i = 0; i < items.Count; i++)
            {
                foreach (var inner in (DicomTag[])[DicomTags.PixelMeasuresSequence, DicomTags.PlaneOrientationSequence])
                    if (items[i].GetItems(inner) is [var item, ..]) yield return (item, $"{tag}[{i + 1}].{inner}[1].");
            }
        }
    }
}
