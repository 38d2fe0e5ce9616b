using System.ComponentModel.DataAnnotations;
using System.Net;
using Microsoft.Extensions.Options;

namespace Skylight.Edge.Blobs;

/// <summary>Settings of the edge's Blob endpoint (<c>Skylight:Blobs</c>).</summary>
public sealed class BlobOptions
{
    public const string Section = "Skylight:Blobs";

    /// <summary>Account name: the first segment of an upload URL on an IP host, and part of what a SAS signs. Changing it ends all open upload URLs.</summary>
    [Required]
    [RegularExpression("^[a-z0-9]{3,24}$")]
    public string AccountName { get; set; } = "skylightedge";

    /// <summary>Largest body of a single Put Blob, in bytes. Default 5,000 MiB, the service's own limit.</summary>
    [Range(typeof(long), "1", "5242880000")]
    public long MaxPutBlobBytes { get; set; } = 5_000L << 20;

    /// <summary>The container's URL in the form that the storage SDK expects of this host.</summary>
    internal Uri ContainerUrl(Uri baseUrl, string container) => new(baseUrl, IsPathStyle(baseUrl) ? $"/{AccountName}/{container}" : $"/{container}");

    /// <summary>
    /// The SDK's own rule (BlobUriBuilder): the account is a path segment on dotted IP addresses and on the emulators' ports; on every other
    /// host, IPv6 literals included, it is taken to be part of the host's name.
    /// </summary>
    private static bool IsPathStyle(Uri url) =>
        (url.Host.Contains('.', StringComparison.Ordinal) && IPAddress.TryParse(url.Host, out _))
        || url.Port is (>= 10000 and <= 10004) or (>= 10100 and <= 10104) or (>= 11000 and <= 11004) or (>= 11100 and <= 11104);
}

[OptionsValidator]
internal sealed partial class BlobOptionsValidator : IValidateOptions<BlobOptions>;
