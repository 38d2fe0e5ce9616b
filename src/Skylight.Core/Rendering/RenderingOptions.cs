using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Skylight.Core.Rendering;

/// <summary>Settings of decoding and pictures (<c>Skylight:Rendering</c>).</summary>
public sealed class RenderingOptions
{
    public const string Section = "Skylight:Rendering";

    /// <summary>Largest decoded frame that is handled, in MiB; a larger one is answered 406. Default 512.</summary>
    [Range(1, 1_024)]
    public int MaxFrameMiB { get; set; } = 512;

    /// <summary>Longest side of a picture that may be asked for, in pixels. Default 8,192.</summary>
    [Range(16, 16_384)]
    public int MaxPicturePixels { get; set; } = 8_192;

    /// <summary>Box of a thumbnail when the request names no viewport, in pixels. Default 256.</summary>
    [Range(16, 2_048)]
    public int ThumbnailPixels { get; set; } = 256;

    /// <summary>Quality of JPEG pictures when the request names none, 1 to 100. Default 85.</summary>
    [Range(1, 100)]
    public int JpegQuality { get; set; } = 85;

    /// <summary>Frames that are decoded at a time, which bounds memory too; 0 (default): one a processor.</summary>
    [Range(0, 256)]
    public int ConcurrentFrames { get; set; }

    /// <summary>Parsed headers that are kept for the next frame of the same instance, in KiB of header. Default 65,536.</summary>
    [Range(0, 1 << 20)]
    public int HeaderCacheKiB { get; set; } = 65_536;
}

[OptionsValidator]
internal sealed partial class RenderingOptionsValidator : IValidateOptions<RenderingOptions>;
