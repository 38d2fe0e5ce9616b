using Skylight.Dicom;
using Skylight.Imaging.Display;

namespace Skylight.Imaging.Tests.Display;

public sealed class DisplaySettingsTests
{
    private static readonly PixelLayout Layout = new() { Rows = 1, Columns = 4, BitsAllocated = 8, BitsStored = 8, HighBit = 7 };

    private static byte[] Words(params int[] values) => [.. values.SelectMany(v => new[] { (byte)v, (byte)(v >> 8) })];

    private static DicomDataset Lut(int first, int bits, params int[] entries) => new DicomDataset()
        .Set(DicomTags.LUTDescriptor, Vr.US, entries.Length, first, bits)
        .Set(DicomTags.LUTData, Vr.OW, Words(entries));

    private static byte[] Show(DicomDataset dataset, PixelLayout layout, byte[] stored, int frame = 0) =>
        Renderer.Render(stored, layout, DisplaySettings.Read(dataset, layout, frame), new RenderOptions()).Pixels;

    [Fact]
    public void Render_VoiLut_MapsFromItsFirstValueOn_AndEndsHold()
    {
        var dataset = new DicomDataset().Set(DicomTags.VOILUTSequence, Lut(10, 8, 0, 100, 255));
        Assert.Equal([0, 100, 255, 255], Show(dataset, Layout, [3, 11, 12, 200]));
    }

    [Fact]
    public void Render_ModalityLut_ComesBeforeTheWindow()
    {
        var dataset = new DicomDataset()
            .Set(DicomTags.ModalityLUTSequence, Lut(0, 16, 0, 1000, 2000, 3000))
            .Set(DicomTags.WindowCenter, "1500").Set(DicomTags.WindowWidth, "2000").Set(DicomTags.VOILUTFunction, "LINEAR_EXACT");
        Assert.Equal([0, 64, 191, 255], Show(dataset, Layout, [0, 1, 2, 3]));
    }

    [Fact]
    public void Render_SigmoidWindow_FollowsTheStandardsFormula()
    {
        var dataset = new DicomDataset().Set(DicomTags.WindowCenter, "100").Set(DicomTags.WindowWidth, "50").Set(DicomTags.VOILUTFunction, "SIGMOID");
        var expected = new[] { 0, 100, 125, 255 }.Select(v => (byte)Math.Round(255 / (1 + Math.Exp(-4.0 * (v - 100) / 50)))).ToArray();
        Assert.Equal(expected, Show(dataset, Layout, [0, 100, 125, 255]));
    }

    [Fact]
    public void Render_PresentationLut_FollowsTheWindow()
    {
        var dataset = new DicomDataset()
            .Set(DicomTags.WindowCenter, "127.5").Set(DicomTags.WindowWidth, "255").Set(DicomTags.VOILUTFunction, "LINEAR_EXACT")
            .Set(DicomTags.PresentationLUTSequence, Lut(0, 10, 1023, 512, 0));
        Assert.Equal([255, 128, 0, 0], Show(dataset, Layout, [0, 127, 255, 250]));
    }

    [Theory]
    [InlineData("MONOCHROME1", null)]
    [InlineData("MONOCHROME1", "INVERSE")]
    [InlineData("MONOCHROME2", "INVERSE")]
    public void Render_InverseShape_InvertsOnce(string photometric, string? shape)
    {
        var dataset = new DicomDataset().Set(DicomTags.WindowCenter, "127.5").Set(DicomTags.WindowWidth, "255").Set(DicomTags.VOILUTFunction, "LINEAR_EXACT");
        if (shape is not null) dataset.Set(DicomTags.PresentationLUTShape, shape);
        Assert.Equal([255, 155, 55, 0], Show(dataset, Layout with { Photometric = photometric }, [0, 100, 200, 255]));
    }

    [Fact]
    public void Render_WindowsInFunctionalGroups_AreThoseOfTheFrame()
    {
        var own = new DicomDataset().Set(DicomTags.FrameVOILUTSequence, new DicomDataset()
            .Set(DicomTags.WindowCenter, "5").Set(DicomTags.WindowWidth, "10").Set(DicomTags.VOILUTFunction, "LINEAR_EXACT"));
        var shared = new DicomDataset()
            .Set(DicomTags.FrameVOILUTSequence, new DicomDataset().Set(DicomTags.WindowCenter, "50").Set(DicomTags.WindowWidth, "100").Set(DicomTags.VOILUTFunction, "LINEAR_EXACT"))
            .Set(DicomTags.PixelValueTransformationSequence, new DicomDataset().Set(DicomTags.RescaleSlope, "0.5").Set(DicomTags.RescaleIntercept, "0"));
        var dataset = new DicomDataset()
            .Set(DicomTags.SharedFunctionalGroupsSequence, shared)
            .Set(DicomTags.PerFrameFunctionalGroupsSequence, new DicomDataset(), own);
        Assert.Equal([0, 38, 51, 102], Show(dataset, Layout, [0, 30, 40, 80], frame: 0));
        Assert.Equal([0, 255, 255, 255], Show(dataset, Layout, [0, 20, 40, 80], frame: 1));
    }

    [Fact]
    public void Render_SupplementalPalette_ColoursOnlyItsValues()
    {
        var dataset = new DicomDataset().Set(DicomTags.PixelPresentation, "MIXED")
            .Set(DicomTags.WindowCenter, "127.5").Set(DicomTags.WindowWidth, "255").Set(DicomTags.VOILUTFunction, "LINEAR_EXACT");
        foreach (var (descriptor, data, value) in new[]
        {
            (DicomTags.RedPaletteColorLookupTableDescriptor, DicomTags.RedPaletteColorLookupTableData, 0xFF00),
            (DicomTags.GreenPaletteColorLookupTableDescriptor, DicomTags.GreenPaletteColorLookupTableData, 0x8000),
            (DicomTags.BluePaletteColorLookupTableDescriptor, DicomTags.BluePaletteColorLookupTableData, 0x1000),
        })
        {
            dataset.Set(descriptor, Vr.US, 2, 200, 16).Set(data, Vr.OW, Words(value, value));
        }

        var layout = Layout with { Columns = 2 };
        Assert.Equal([100, 100, 100, 255, 128, 16], Show(dataset, layout, [100, 201]));
    }

    [Fact]
    public void Render_FloatPixels_LeaveOutPaddingAndWhatIsNoNumber()
    {
        var layout = Layout with { BitsAllocated = 32, BitsStored = 32, HighBit = 31, Float = true };
        var dataset = new DicomDataset().Set(DicomTags.FloatPixelPaddingValue, Vr.FL, -1000);
        var stored = new[] { -1000f, 0f, 10f, float.NaN }.SelectMany(BitConverter.GetBytes).ToArray();
        Assert.Equal([0, 0, 255, 0], Show(dataset, layout, stored));
    }

    [Theory]
    [InlineData(false, new byte[] { 0, 0, 255, 255 })]
    [InlineData(true, new byte[] { 170, 255, 85, 0 })]
    public void Render_32BitIntegers_AreRankedBySign(bool signed, byte[] expected)
    {
        var layout = Layout with { BitsAllocated = 32, BitsStored = 32, HighBit = 31, Signed = signed };
        var stored = new uint[] { 0, 1, 0xFFFF_FFFF, 0xFFFF_FFFE }.SelectMany(BitConverter.GetBytes).ToArray();
        Assert.Equal(expected, Show(new DicomDataset(), layout, stored));
    }

    [Fact]
    public void Expand_SegmentedPalette_DrawsDiscreteLinearAndIndirectSegments()
    {
        // Two discrete, four on a line to 50, then both segments again (from byte 0).
        byte[] data = Words(0, 2, 10, 20, 1, 3, 50, 2, 2, 0, 0);
        Assert.Equal([10, 20, 30, 40, 50, 10, 20, 30, 40, 50], SegmentedPalette.Expand(data, 10, wide: true)!.Select(v => (int)v));
    }

    [Theory]
    [InlineData(1, 3, 50)]
    [InlineData(0, 9, 1)]
    [InlineData(7, 1, 1)]
    [InlineData(2, 1, 0)]
    public void Expand_DamagedSegments_GivesNothing(params int[] words) => Assert.Null(SegmentedPalette.Expand(Words(words), 5, wide: true));

    [Fact]
    public void Expand_SegmentThatCopiesItself_Ends() => Assert.Null(SegmentedPalette.Expand(Words(0, 1, 5, 2, 9, 0, 0), 1000, wide: true));

    [Fact]
    public void Render_RegionMirrored_ShowsThatPart()
    {
        var layout = Layout with { Rows = 2, Columns = 4 };
        var settings = new DisplaySettings { Windows = [new VoiWindow(127.5, 255, VoiFunction.LinearExact)] };
        byte[] stored = [1, 2, 3, 4, 5, 6, 7, 8];
        Assert.Equal([7, 6, 3, 2], Renderer.Render(stored, layout, settings, new RenderOptions { Region = new RenderRegion(1, 0, 2, 2, MirrorX: true, MirrorY: true) }).Pixels);
        var error = Assert.Throws<PixelDataException>(() => Renderer.Render(stored, layout, settings, new RenderOptions { Region = new RenderRegion(4, 0, 2, 2) }));
        Assert.Equal(PixelDataError.BadAttributes, error.Code);
    }

    [Fact]
    public void Render_ColourShrunk_AveragesEachSample()
    {
        var layout = Layout with { Rows = 2, Columns = 2, SamplesPerPixel = 3, Photometric = "RGB" };
        byte[] stored = [0, 100, 200, 10, 100, 200, 20, 100, 200, 30, 100, 200];
        Assert.Equal([15, 100, 200], Renderer.Render(stored, layout, new DisplaySettings(), new RenderOptions { MaxWidth = 1, MaxHeight = 1 }).Pixels);
    }
}
