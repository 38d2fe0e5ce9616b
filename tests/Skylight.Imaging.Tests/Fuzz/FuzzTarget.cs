using Skylight.Imaging.Tests.Codecs;

namespace Skylight.Imaging.Tests.Fuzz;

/// <summary>A valid frame of one codec entry point that mutations start from.</summary>
public sealed record FuzzTarget(string Name, string Syntax, PixelLayout Layout, byte[] Frame)
{
    private const string Rle = "1.2.840.10008.1.2.5", Extended = "1.2.840.10008.1.2.4.51", Progressive = "1.2.840.10008.1.2.4.55", Lossless = "1.2.840.10008.1.2.4.57";
    private const string JpegLs = "1.2.840.10008.1.2.4.80", Jpeg2000 = "1.2.840.10008.1.2.4.90", HighThroughput = "1.2.840.10008.1.2.4.201";

    private static readonly PixelLayout s_grey16 = new() { Rows = 24, Columns = 31, BitsAllocated = 16, BitsStored = 12, HighBit = 11 };
    private static readonly PixelLayout s_rgb = new() { Rows = 17, Columns = 23, SamplesPerPixel = 3, BitsAllocated = 8, BitsStored = 8, HighBit = 7, Photometric = "RGB" };

    /// <summary>Every codec with grey and colour, narrow and wide samples, and the streams in Seeds/.</summary>
    public static IReadOnlyList<FuzzTarget> All { get; } = [.. Encoded(), .. Stored(), .. LosslessJpeg()];

    private static IEnumerable<FuzzTarget> Encoded()
    {
        foreach (var (name, syntax) in new[] { ("rle", Rle), ("jpeg-ls", JpegLs), ("jpeg-2000", Jpeg2000) })
        {
            yield return new FuzzTarget(name + "-grey16", syntax, s_grey16, FrameCodec.Encode(syntax, s_grey16, Pattern(s_grey16)));
            yield return new FuzzTarget(name + "-rgb", syntax, s_rgb, FrameCodec.Encode(syntax, s_rgb, Pattern(s_rgb)));
        }

        yield return new FuzzTarget("jpeg-rgb", FrameCodec.JpegBaseline, s_rgb, FrameCodec.EncodeBaseline(s_rgb, Pattern(s_rgb), 80));
        yield return new FuzzTarget("jpeg-rgb-444", FrameCodec.JpegBaseline, s_rgb, FrameCodec.EncodeBaseline(s_rgb, Pattern(s_rgb), 95));
    }

    private static IEnumerable<FuzzTarget> Stored()
    {
        string Folder(string name) => Path.Combine(AppContext.BaseDirectory, "Seeds", name);
        foreach (var (name, syntax, layout) in new[]
        {
            ("Extended12.jpg", Extended, Seed.Grey12), ("Progressive12.jpg", Progressive, Seed.Grey12), ("RestartGrey.jpg", FrameCodec.JpegBaseline, Seed.Grey8),
            ("ProgressiveGrey.jpg", FrameCodec.JpegBaseline, Seed.Grey8), ("ArithmeticGrey.jpg", FrameCodec.JpegBaseline, Seed.Grey8),
            ("Restart411.jpg", FrameCodec.JpegBaseline, Seed.Colour8), ("Sample440.jpg", FrameCodec.JpegBaseline, Seed.Colour8), ("Progressive420.jpg", FrameCodec.JpegBaseline, Seed.Colour8),
            ("HighThroughput-g16.j2c", HighThroughput, new PixelLayout { Rows = 40, Columns = 48, BitsAllocated = 16, BitsStored = 16, HighBit = 15 }),
            ("HighThroughput-rgb.j2c", HighThroughput, new PixelLayout { Rows = 24, Columns = 32, SamplesPerPixel = 3, BitsAllocated = 8, BitsStored = 8, HighBit = 7, Photometric = "RGB" }),
        })
        {
            yield return new FuzzTarget(name, syntax, layout, File.ReadAllBytes(Folder(name)));
        }
    }

    private static IEnumerable<FuzzTarget> LosslessJpeg()
    {
        var values = Enumerable.Range(0, 24 * 31).Select(i => (i * 37) & 0xFFF).ToArray();
        yield return new FuzzTarget("jpeg-lossless", Lossless, s_grey16, LosslessJpegEncoder.Encode(values, 31, 24, 1, 12, 4, 0, 5, apart: false));
        var colours = Enumerable.Range(0, 17 * 23 * 3).Select(i => (i * 7) & 0xFF).ToArray();
        yield return new FuzzTarget("jpeg-lossless-rgb", Lossless, s_rgb, LosslessJpegEncoder.Encode(colours, 23, 17, 3, 8, 1, 0, 0, apart: true));
    }

    private static byte[] Pattern(PixelLayout layout)
    {
        var pixels = new byte[layout.FrameBytes];
        var random = new Random(7);
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)(layout.BytesPerSample == 2 ? i % 2 == 0 ? random.Next(256) : (i >> 6) & 15 : ((i / 5) + random.Next(6)) & 255);
        return pixels;
    }
}
