namespace Skylight.Imaging.Tests.Codecs;

/// <summary>The streams in Seeds/ with the layouts they belong to.</summary>
internal static class Seed
{
    public static PixelLayout Grey8 { get; } = new() { Rows = 37, Columns = 45, BitsAllocated = 8, BitsStored = 8, HighBit = 7 };

    public static PixelLayout Grey12 { get; } = Grey8 with { BitsAllocated = 16, BitsStored = 12, HighBit = 11 };

    public static PixelLayout Colour8 { get; } = Grey8 with { SamplesPerPixel = 3, Photometric = "YBR_FULL_422" };

    public static byte[] Read(string name) => File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Seeds", name));
}
