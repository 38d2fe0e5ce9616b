using Skylight.Imaging.Display;

namespace Skylight.Imaging.Tests.Display;

public sealed class RendererTests
{
    private static PixelLayout Grey(int rows, int columns, int bits = 16, bool signed = false) =>
        new() { Rows = rows, Columns = columns, BitsAllocated = bits <= 8 ? 8 : 16, BitsStored = bits, HighBit = bits - 1, Signed = signed };

    private static byte[] Words(params int[] values) => [.. values.SelectMany(v => new[] { (byte)v, (byte)(v >> 8) })];

    [Fact]
    public void Render_LinearWindow_FollowsTheStandardsFormula()
    {
        // PS3.3 C.11.2.1.2.1, example: c = 2048, w = 4096 over 12 bits is the identity scaled to 8 bits.
        var settings = new DisplaySettings { Windows = [new VoiWindow(2048, 4096)] };
        var shown = Renderer.Render(Words(0, 2047, 4095), Grey(1, 3, 12), settings, new RenderOptions());
        Assert.Equal([0, 127, 255], shown.Pixels);
    }

    [Fact]
    public void Render_RescaleAndSignedValues_AreAppliedBeforeTheWindow()
    {
        var settings = new DisplaySettings { Slope = 2, Intercept = -1000, Windows = [new VoiWindow(0, 400, VoiFunction.LinearExact)] };
        var shown = Renderer.Render(Words(-100, 400, 500, 600, 2000), Grey(1, 5, 16, signed: true), settings, new RenderOptions());
        Assert.Equal([0, 0, 128, 255, 255], shown.Pixels);
    }

    [Fact]
    public void Render_Monochrome1_IsInverted_AndPaddingStaysBlack()
    {
        var settings = new DisplaySettings { Invert = true, Padding = (7, 9), Windows = [new VoiWindow(127.5, 255, VoiFunction.LinearExact)] };
        var shown = Renderer.Render([0, 8, 255], Grey(1, 3, 8), settings, new RenderOptions());
        Assert.Equal([255, 0, 0], shown.Pixels);
    }

    [Fact]
    public void Render_BitsAboveBitsStored_DoNotShow()
    {
        var settings = new DisplaySettings { Windows = [new VoiWindow(2048, 4096)] };
        var shown = Renderer.Render(Words(0xF000, 0x8FFF), Grey(1, 2, 12), settings, new RenderOptions());
        Assert.Equal([0, 255], shown.Pixels);
    }

    [Fact]
    public void Render_YbrFull_BecomesRgb()
    {
        var layout = Grey(1, 2, 8) with { SamplesPerPixel = 3, Photometric = "YBR_FULL" };
        var shown = Renderer.Render([76, 85, 255, 128, 128, 128], layout, new DisplaySettings(), new RenderOptions());
        Assert.Equal([254, 0, 0, 128, 128, 128], shown.Pixels);
    }

    [Fact]
    public void Render_ToSmallBox_AveragesAreas_AndKeepsAspect()
    {
        var pixels = new byte[8 * 4];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)(i % 2 == 0 ? 0 : 200);
        var settings = new DisplaySettings { Windows = [new VoiWindow(127.5, 255, VoiFunction.LinearExact)] };
        var shown = Renderer.Render(pixels, Grey(4, 8, 8), settings, new RenderOptions { MaxWidth = 4, MaxHeight = 4 });
        Assert.Equal((4, 2), (shown.Width, shown.Height));
        Assert.All(shown.Pixels, p => Assert.Equal(100, p));
    }

    [Fact]
    public void ToPng_IsReadableByAnotherDecoder()
    {
        var random = new Random(3);
        var pixels = new byte[37 * 11 * 3];
        random.NextBytes(pixels);
        var png = Png.Encode(pixels, 37, 11, 3, 8);
        Assert.Equal([0x89, 0x50, 0x4E, 0x47], png[..4]);
        Assert.Equal(pixels, PngReader.Rgb(png, 37, 11));
    }
}
