namespace Skylight.Dicom;

/// <summary>What the image attributes say about the size of pixel data (PS3.3 C.7.6.3).</summary>
internal static class PixelLayout
{
    /// <summary>(0028,0008), 1 when absent or senseless.</summary>
    public static int Frames(DicomDataset dataset) => dataset.GetInt32(DicomTags.NumberOfFrames) is > 0 and var n ? n : 1;

    /// <summary>Bits of one native frame; null when an attribute is missing.</summary>
    public static long? FrameBits(DicomDataset dataset)
    {
        if (dataset.GetInt32(DicomTags.Rows) is not { } rows || dataset.GetInt32(DicomTags.Columns) is not { } columns || dataset.GetInt32(DicomTags.BitsAllocated) is not { } bits) return null;
        var samples = dataset.GetInt32(DicomTags.SamplesPerPixel) ?? 1;
        if (rows < 0 || columns < 0 || bits is < 1 or > 64 || samples is < 1 or > 4) return null;
        var pixels = (long)rows * columns;
        // Subsampled colour is native only in retired forms; two, or one and a half, samples a pixel.
        return dataset.GetString(DicomTags.PhotometricInterpretation) switch
        {
            "YBR_FULL_422" or "YBR_PARTIAL_422" when samples == 3 => pixels * 2 * bits,
            "YBR_PARTIAL_420" when samples == 3 => pixels * 3 / 2 * bits,
            _ => pixels * samples * bits,
        };
    }
}
