using System.Buffers.Binary;
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

    /// <summary>What follows the window (PS3.3 C.11.4); a shape of INVERSE is <see cref="Invert"/>.</summary>
    public LookupTable? PresentationLut { get; init; }

    /// <summary>Red, green and blue; null when there is no complete palette.</summary>
    public (LookupTable Red, LookupTable Green, LookupTable Blue)? Palette { get; init; }

    /// <summary>The palette only colours values from its first mapped one on, the others are grey (PS3.3 C.7.6.19).</summary>
    public bool PaletteIsSupplemental { get; init; }

    /// <summary>Stored values from (Float, Double Float) Pixel Padding Value to Range Limit, inclusive: left out when a window is computed from the pixels, shown as background.</summary>
    public (double Low, double High)? Padding { get; init; }

    /// <summary>Burnt into the picture.</summary>
    public IReadOnlyList<OverlayPlane> Overlays { get; init; } = [];

    public bool IsPadding(double stored) => Padding is var (low, high) && stored >= low && stored <= high;

    /// <summary>What follows the window: 0 … 1 to 0 … 1.</summary>
    public double Present(double shown)
    {
        if (PresentationLut is { } lut) shown = lut[(int)Math.Round(shown * (lut.Count - 1))] / (double)((1 << lut.Bits) - 1);
        return Invert ? 1 - shown : shown;
    }

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
            PresentationLut = dataset.GetItems(DicomTags.PresentationLUTSequence) is [var presentation, ..] ? LookupTable.Presentation(presentation) : null,
            Padding = ReadPadding(dataset, layout),
            Overlays = OverlayPlane.Read(dataset, layout, frame),
        };
        // MIXED and COLOR say that a grey image carries a palette for some of its values; without them a left-over palette means nothing.
        var supplemental = layout is { SamplesPerPixel: 1, Photometric: "MONOCHROME2" } && Pixels(dataset, frame) is "MIXED" or "COLOR";
        if (layout.Photometric != "PALETTE COLOR" && !supplemental) return settings;
        return ReadPalette(dataset, layout) is { } palette ? settings with { Palette = palette, PaletteIsSupplemental = supplemental } : settings;
    }

    private static (LookupTable, LookupTable, LookupTable)? ReadPalette(DicomDataset dataset, PixelLayout layout)
    {
        var red = LookupTable.Palette(dataset, DicomTags.RedPaletteColorLookupTableDescriptor, DicomTags.RedPaletteColorLookupTableData, DicomTags.SegmentedRedPaletteColorLookupTableData, layout.Signed);
        var green = LookupTable.Palette(dataset, DicomTags.GreenPaletteColorLookupTableDescriptor, DicomTags.GreenPaletteColorLookupTableData, DicomTags.SegmentedGreenPaletteColorLookupTableData, layout.Signed);
        var blue = LookupTable.Palette(dataset, DicomTags.BluePaletteColorLookupTableDescriptor, DicomTags.BluePaletteColorLookupTableData, DicomTags.SegmentedBluePaletteColorLookupTableData, layout.Signed);
        return red is not null && green is not null && blue is not null ? (red, green, blue) : null;
    }

    /// <summary>Pixel Presentation of the frame, else of the image.</summary>
    private static string? Pixels(DicomDataset dataset, int frame)
    {
        foreach (var sequence in (ReadOnlySpan<DicomTag>)[DicomTags.MRImageFrameTypeSequence, DicomTags.CTImageFrameTypeSequence, DicomTags.PETFrameTypeSequence])
            if (Group(dataset, frame, sequence) is var group && group != dataset && group.GetString(DicomTags.PixelPresentation) is { } own) return own;
        return dataset.GetString(DicomTags.PixelPresentation);
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

    private static (double, double)? ReadPadding(DicomDataset dataset, PixelLayout layout)
    {
        var (value, range) = layout switch
        {
            { Float: true, BitsAllocated: 32 } => (DicomTags.FloatPixelPaddingValue, DicomTags.FloatPixelPaddingRangeLimit),
            { Float: true } => (DicomTags.DoubleFloatPixelPaddingValue, DicomTags.DoubleFloatPixelPaddingRangeLimit),
            _ => (DicomTags.PixelPaddingValue, DicomTags.PixelPaddingRangeLimit),
        };
        if (Value(value) is not { } padding) return null;
        var limit = Value(range) ?? padding;
        return (Math.Min(padding, limit), Math.Max(padding, limit));

        // US or SS by Pixel Representation; files say the other one often enough.
        double? Value(DicomTag tag) => layout.Float
            ? dataset.GetDouble(tag)
            : dataset.GetBytes(tag) is { Length: >= 2 } bytes
                ? layout.Signed ? BinaryPrimitives.ReadInt16LittleEndian(bytes.Span) : BinaryPrimitives.ReadUInt16LittleEndian(bytes.Span)
                : null;
    }
}
