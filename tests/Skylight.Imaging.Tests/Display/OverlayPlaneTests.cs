using Skylight.Dicom;
using Skylight.Imaging.Display;

namespace Skylight.Imaging.Tests.Display;

public sealed class OverlayPlaneTests
{
    private static readonly PixelLayout Layout = new() { Rows = 4, Columns = 6, BitsAllocated = 16, BitsStored = 12, HighBit = 11, Frames = 3 };

    private static DicomDataset Overlay(ushort group, int rows, int columns, int top, int left, byte[]? bits)
    {
        var dataset = new DicomDataset()
            .Set(new DicomTag(group, 0x0010), Vr.US, rows)
            .Set(new DicomTag(group, 0x0011), Vr.US, columns)
            .Set(new DicomTag(group, 0x0040), Vr.CS, "G")
            .Set(new DicomTag(group, 0x0050), Vr.SS, top, left)
            .Set(new DicomTag(group, 0x0100), Vr.US, 1)
            .Set(new DicomTag(group, 0x0102), Vr.US, 0);
        return bits is null ? dataset : dataset.Set(new DicomTag(group, 0x3000), Vr.OW, bits);
    }

    private static byte[] Show(DicomDataset dataset, ushort[]? stored = null, int frame = 0)
    {
        var bytes = new byte[Layout.FrameBytes];
        if (stored is not null) Buffer.BlockCopy(stored, 0, bytes, 0, stored.Length * 2);
        var settings = DisplaySettings.Read(dataset, Layout, frame) with { Windows = [new VoiWindow(2048, 4096)] };
        return Renderer.Render(bytes, Layout, settings, new RenderOptions()).Pixels;
    }

    private static int[] Lit(byte[] pixels) => [.. pixels.Index().Where(p => p.Item == 255).Select(p => p.Index)];

    [Fact]
    public void Render_OverlayAtAnOrigin_LightsThosePixels()
    {
        // Rows of 3 bits without padding: 1 0 1 / 0 1 0; origin row 2, column 3.
        var pixels = Show(Overlay(0x6000, 2, 3, 2, 3, [0b010_101, 0]));
        Assert.Equal([(1 * 6) + 2, (1 * 6) + 4, (2 * 6) + 3], Lit(pixels));
    }

    [Fact]
    public void Render_OverlayThatBeginsAboveAndLeftOfTheImage_IsClipped()
    {
        var pixels = Show(Overlay(0x6002, 2, 2, 0, 0, [0b1111, 0]));
        Assert.Equal([0], Lit(pixels));
    }

    [Fact]
    public void Render_OverlayInAnUnusedBit_IsShown_ButNotItsBitAsValue()
    {
        var dataset = Overlay(0x601E, 4, 6, 1, 1, null).Set(new DicomTag(0x601E, 0x0100), Vr.US, 16).Set(new DicomTag(0x601E, 0x0102), Vr.US, 13);
        var stored = new ushort[24];
        stored[7] = 1 << 13;
        stored[8] = 1 << 14;
        Assert.Equal([7], Lit(Show(dataset, stored)));
    }

    [Fact]
    public void Render_EmbeddedOverlayInABitThatHoldsPixels_IsLeftOut()
    {
        var dataset = Overlay(0x6000, 4, 6, 1, 1, null).Set(new DicomTag(0x6000, 0x0100), Vr.US, 16).Set(new DicomTag(0x6000, 0x0102), Vr.US, 11);
        Assert.Empty(DisplaySettings.Read(dataset, Layout, 0).Overlays);
    }

    [Theory]
    [InlineData(0, new int[0])]
    [InlineData(1, new[] { 0 })]
    [InlineData(2, new[] { 1 })]
    public void Render_MultiFrameOverlay_LiesOnItsOwnFrames(int frame, int[] lit)
    {
        // Two overlay frames of 1 x 2 from image frame 2 on: 1 0 and 0 1.
        var dataset = Overlay(0x6000, 1, 2, 1, 1, [0b10_01, 0])
            .Set(new DicomTag(0x6000, 0x0015), Vr.IS, "2")
            .Set(new DicomTag(0x6000, 0x0051), Vr.US, 2);
        Assert.Equal(lit, Lit(Show(dataset, frame: frame)));
    }

    [Fact]
    public void Render_OverlayWithoutFrames_LiesOnEveryFrame() =>
        Assert.Equal([0, 1], Lit(Show(Overlay(0x6000, 1, 2, 1, 1, [0b11, 0]), frame: 2)));

    [Fact]
    public void Read_OverlayThatIsTooShortOrElsewhere_IsLeftOut()
    {
        Assert.Empty(OverlayPlane.Read(Overlay(0x6000, 40, 60, 1, 1, [1, 1]), Layout, 0));
        Assert.Empty(OverlayPlane.Read(Overlay(0x6000, 2, 2, 5, 1, [15, 0]), Layout, 0));
        Assert.Empty(OverlayPlane.Read(Overlay(0x6001, 2, 2, 1, 1, [15, 0]), Layout, 0));
    }

    [Fact]
    public void Render_WithoutOverlays_ShowsNone()
    {
        var settings = DisplaySettings.Read(Overlay(0x6000, 1, 2, 1, 1, [0b11, 0]), Layout, 0) with { Windows = [new VoiWindow(2048, 4096)] };
        Assert.DoesNotContain((byte)255, Renderer.Render(new byte[Layout.FrameBytes], Layout, settings, new RenderOptions { Overlays = false }).Pixels);
    }
}
