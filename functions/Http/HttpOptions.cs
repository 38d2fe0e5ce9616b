using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Skylight.Functions.Http;

/// <summary>Limits of HTTP functions. Section <c>Skylight:Http</c>.</summary>
public sealed class HttpOptions
{
    public const string Section = "Skylight:Http";

    /// <summary>Largest request body in bytes of a function that declares no limit of its own. Default 1 MiB, 1 KiB to 1 GiB.</summary>
    [Range(1024, 1 << 30)]
    public int MaxBodyBytes { get; set; } = 1 << 20;

    /// <summary>Largest request body in bytes by function name; wins over what the function declares.</summary>
    public IDictionary<string, long> MaxBodyBytesOf { get; } = new Dictionary<string, long>(StringComparer.OrdinalIgnoreCase);
}

[OptionsValidator]
internal sealed partial class HttpOptionsValidator : IValidateOptions<HttpOptions>;
