using System.Globalization;
using Skylight.Imaging.Display;

namespace Skylight.Core.Rendering;

/// <summary>What the query of a rendered resource asks for (PS3.18 §8.3.5).</summary>
public sealed record RenderQuery(RenderOptions Options, int Quality)
{
    /// <param name="viewport"><c>w,h</c> or <c>w,h,sx,sy,sw,sh</c>; parts of the region may be empty, a negative width or height mirrors.</param>
    /// <param name="window"><c>centre,width[,linear|linear-exact|sigmoid]</c>.</param>
    /// <param name="quality">1 to 100.</param>
    /// <param name="thumbnail">A box by default, no enlarging, no region and no window.</param>
    /// <param name="wrong">The parameter that is malformed, when the answer is null.</param>
    public static RenderQuery? Parse(string? viewport, string? window, string? quality, bool thumbnail, RenderingOptions settings, out string? wrong)
    {
        wrong = null;
        var options = new RenderOptions();
        if (thumbnail) options = options with { MaxWidth = settings.ThumbnailPixels, MaxHeight = settings.ThumbnailPixels, Enlarge = false };
        if (!string.IsNullOrEmpty(viewport))
        {
            wrong = "viewport";
            if (Viewport(viewport, options, settings.MaxPicturePixels, thumbnail) is not { } sized) return null;
            options = sized;
        }

        if (!string.IsNullOrEmpty(window) && !thumbnail)
        {
            wrong = "window";
            if (Window(window) is not { } voi) return null;
            options = options with { Window = voi };
        }

        var grade = settings.JpegQuality;
        if (!string.IsNullOrEmpty(quality))
        {
            wrong = "quality";
            if (!int.TryParse(quality, NumberStyles.None, CultureInfo.InvariantCulture, out grade) || grade is < 1 or > 100) return null;
        }

        wrong = null;
        return new RenderQuery(options, grade);
    }

    private static RenderOptions? Viewport(string text, RenderOptions options, int most, bool thumbnail)
    {
        var parts = text.Split(',');
        if (parts.Length is not (2 or 6) || (thumbnail && parts.Length != 2)) return null;
        if (!int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var width) || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var height)) return null;
        if (width < 1 || height < 1 || width > most || height > most) return null;
        options = options with { MaxWidth = width, MaxHeight = height };
        if (parts.Length == 2 || parts[2..].All(p => p.Length == 0)) return options;
        var region = new double[4];
        for (var i = 0; i < 4; i++)
        {
            // Left out: from the origin, to the far edge.
            if (parts[i + 2].Length == 0) region[i] = i < 2 ? 0 : 65_535;
            else if (!double.TryParse(parts[i + 2], NumberStyles.Float, CultureInfo.InvariantCulture, out region[i]) || !(Math.Abs(region[i]) <= 65_535)) return null;
        }

        if (region[0] < 0 || region[1] < 0 || region[2] == 0 || region[3] == 0) return null;
        return options with { Region = new RenderRegion(region[0], region[1], Math.Abs(region[2]), Math.Abs(region[3]), region[2] < 0, region[3] < 0) };
    }

    private static VoiWindow? Window(string text)
    {
        var parts = text.Split(',');
        if (parts.Length is not (2 or 3)
            || !double.TryParse(parts[0], NumberStyles.Float, CultureInfo.InvariantCulture, out var center) || !double.IsFinite(center)
            || !double.TryParse(parts[1], NumberStyles.Float, CultureInfo.InvariantCulture, out var width) || !double.IsFinite(width) || width <= 0) return null;
        return (parts.Length == 2 ? "linear" : parts[2].ToLowerInvariant().Replace('_', '-')) switch
        {
            "linear" when width >= 1 => new VoiWindow(center, width),
            "linear-exact" => new VoiWindow(center, width, VoiFunction.LinearExact),
            "sigmoid" => new VoiWindow(center, width, VoiFunction.Sigmoid),
            _ => null,
        };
    }
}
