using Skylight.Dicom;

namespace Skylight.Imaging.Display;

/// <summary>
/// What a dataset says about showing its pixels: modality LUT or rescale, VOI windows or LUT, presentation shape, palette, padding. Enhanced multi-frame objects
/// keep them in functional groups: the frame's own group comes first, then the shared one, then the dataset itself.
/// </summary>
public sealed record DisplaySettings
{
    public double Slope { get; init; } = 1;

    public double Intercept { get; init; }

    public LookupTable? ModalityLut { get; init; }

    public IReadOnlyList<VoiWindow> Windows { get; init; } = [];

    public LookupTable? VoiLut { get; init; }

    /// <summary>MONOCHROME1, or Presentation LUT Shape INVERSE: the highest value is black.</summary>
    public bool Invert { get; init; }

    /// <summary>Red, green and blue; null when there is no complete palette.</summary>
    public (LookupTable Red, LookupTable Green, LookupTable Blue)? Palette { get; init; }

    /// <summary>Stored values from Pixel Padding Value to Pixel Padding Range Limit, inclusive: left out when a window is computed from the pixels, shown as background.</summary>
    public (int Low, int High)? Padding { get; init; }

    /// <param name="frame">From 0.</param>
    public static DisplaySettings Read(DicomDataset dataset, PixelLayout layout, int frame)
    {
        var transform = Group(dataset, frame, DicomTags.PixelValueTransformationSequence);
        var voi = Group(dataset, frame, DicomTags.FrameVOILUTSequence);
        var modality = dataset.GetItems(DicomTags.ModalityLUTSequence) is [var lutItem, ..] ? LookupTable.Read(lutItem, layout.Signed) : null;
        var slope = transform.GetDouble(DicomTags.RescaleSlope) ?? 1;
        var intercept = transform.GetDouble(DicomTags.RescaleIntercept) ?? 0;
        var signedOutput = modality is null && (layout.Signed || intercept < 0);
        var settings = new DisplaySettings
        {
            Slope = slope == 0 || !double.IsFinite(slope) ? 1 : slope,
            Intercept = double.IsFinite(intercept) ? intercept : 0,
            ModalityLut = modality,
            Windows = ReadWindows(voi),
            VoiLut = dataset.GetItems(DicomTags.VOILUTSequence) is [var voiItem, ..] ? LookupTable.Read(voiItem, signedOutput) : null,
            Invert = layout.Photometric == "MONOCHROME1" || dataset.GetString(DicomTags.PresentationLUTShape) == "INVERSE",
            Padding = ReadPadding(dataset, layout),
        };
        if (layout.Photometric != "PALETTE COLOR") return settings;
        var red = LookupTable.Palette(dataset, DicomTags.RedPaletteColorLookupTableDescriptor, DicomTags.RedPaletteColorLookupTableData, layout.Signed);
        var green = LookupTable.Palette(dataset, DicomTags.GreenPaletteColorLookupTableDescriptor, DicomTags.GreenPaletteColorLookupTableData, layout.Signed);
        var blue = LookupTable.Palette(dataset, DicomTags.BluePaletteColorLookupTableDescriptor, DicomTags.BluePaletteColorLookupTableData, layout.Signed);
        return red is not null && green is not null && blue is not null ? settings with { Palette = (red, green, blue) } : settings;
    }

    private static DicomDataset Group(DicomDataset dataset, int frame, DicomTag sequence)
    {
        var perFrame = dataset.GetItems(DicomTags.PerFrameFunctionalGroupsSequence);
        if (frame < perFrame.Count && perFrame[frame].GetItems(sequence) is [var own, ..]) return own;
        if (dataset.GetItems(DicomTags.SharedFunctionalGroupsSequence) is [var shared, ..] && shared.GetItems(sequence) is [var common, ..]) return common;
        return dataset;
    }

    private static List<VoiWindow> ReadWindows(DicomDataset source)
    {
        var centers = source.GetDoubles(DicomTags.WindowCenter);
        var widths = source.GetDoubles(DicomTags.WindowWidth);
        var function = source.GetString(DicomTags.VOILUTFunction) switch
        {
            "SIGMOID" => VoiFunction.Sigmoid,
            "LINEAR_EXACT" => VoiFunction.LinearExact,
            _ => VoiFunction.Linear,
        };
        var windows = new List<VoiWindow>();
        for (var i = 0; i < Math.Min(centers.Count, widths.Count); i++)
            if (double.IsFinite(centers[i]) && widths[i] > 0 && double.IsFinite(widths[i])) windows.Add(new VoiWindow(centers[i], widths[i], function));
        return windows;
    }

    private static (int, int)? ReadPadding(DicomDataset dataset, PixelLayout layout)
    {
        if (Value(DicomTags.PixelPaddingValue) is not { } padding) return null;
        var limit = Value(DicomTags.PixelPaddingRangeLimit) ?? padding;
        return (Math.Min(padding, limit), Math.Max(padding, limit));

        // US or SS by Pixel Representation; files say the other one often enough.
        int? Value(DicomTag tag) => dataset.GetBytes(tag) is { Length: >= 2 } bytes
            ? layout.Signed ? System.Buffers.Binary.BinaryPrimitives.ReadInt16LittleEndian(bytes.Span) : System.Buffers.Binary.BinaryPrimitives.ReadUInt16LittleEndian(bytes.Span)
            : null;
    }
}
