namespace Skylight.Imaging.Display;

/// <summary>How to show a frame.</summary>
public sealed record RenderOptions
{
    /// <summary>Overrides the dataset's windows and VOI LUT.</summary>
    public VoiWindow? Window { get; init; }

    /// <summary>Box that the picture must fit in, aspect ratio kept; 0: as large as the frame.</summary>
    public int MaxWidth { get; init; }

    public int MaxHeight { get; init; }

    /// <summary>May a small frame be enlarged to the box?</summary>
    public bool Enlarge { get; init; } = true;

    /// <summary>Part of the frame to show; null: all of it.</summary>
    public RenderRegion? Region { get; init; }

    /// <summary>Burn the overlays in?</summary>
    public bool Overlays { get; init; } = true;
}

/// <summary>A rectangle of a frame in pixels, clipped to it; mirrored where asked for.</summary>
public readonly record struct RenderRegion(double X, double Y, double Width, double Height, bool MirrorX = false, bool MirrorY = false);

/// <summary>8-bit grey (1 sample) or RGB (3 samples) pixels, rows without padding.</summary>
public sealed record RenderedFrame(int Width, int Height, int Samples, byte[] Pixels)
{
    public byte[] ToPng() => Png.Encode(Pixels, Width, Height, Samples, 8);

    /// <param name="quality">1 to 100.</param>
    public byte[] ToJpeg(int quality = 85) => Codecs.Native.TurboJpeg.Encode(Pixels, Width, Height, Samples, quality);
}

/// <summary>The part of a frame that is shown, and the size it is shown at.</summary>
internal readonly record struct RenderGeometry(int SourceColumns, int X, int Y, int Width, int Height, int ToWidth, int ToHeight, bool MirrorX, bool MirrorY)
{
    private const int MaxOutput = 16384;

    /// <exception cref="PixelDataException">The region lies outside of the frame.</exception>
    public static RenderGeometry Of(PixelLayout layout, RenderOptions options)
    {
        var (x, y, width, height) = (0, 0, layout.Columns, layout.Rows);
        if (options.Region is { } region)
        {
            x = (int)Math.Clamp(Math.Floor(region.X), 0, layout.Columns);
            y = (int)Math.Clamp(Math.Floor(region.Y), 0, layout.Rows);
            width = (int)Math.Clamp(Math.Ceiling(region.X + region.Width), 0, layout.Columns) - x;
            height = (int)Math.Clamp(Math.Ceiling(region.Y + region.Height), 0, layout.Rows) - y;
            if (width < 1 || height < 1) throw new PixelDataException(PixelDataError.BadAttributes, "The region to show lies outside of the frame.");
        }

        var scale = Math.Min(options.MaxWidth > 0 ? (double)options.MaxWidth / width : double.MaxValue, options.MaxHeight > 0 ? (double)options.MaxHeight / height : double.MaxValue);
        if (scale == double.MaxValue || (scale > 1 && !options.Enlarge)) scale = 1;
        var toWidth = (int)Math.Clamp(Math.Round(width * scale), 1, MaxOutput);
        var toHeight = (int)Math.Clamp(Math.Round(height * scale), 1, MaxOutput);
        return new RenderGeometry(layout.Columns, x, y, width, height, toWidth, toHeight, options.Region?.MirrorX == true, options.Region?.MirrorY == true);
    }
}
