using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Skylight.Azure.Objects;

/// <summary>The archive account and its container. Section <c>Skylight:Objects</c>.</summary>
public sealed class BlobStoreOptions
{
    public const string Section = "Skylight:Objects";

    /// <summary>Blob service address, <c>https://{account}.blob.core.windows.net</c>, reached with the managed identity (role Storage Blob Data Contributor).</summary>
    public Uri? ServiceUrl { get; set; }

    /// <summary>Instead of <see cref="ServiceUrl"/>: a connection string with a key. For emulators; the archive account should not allow keys.</summary>
    public string? ConnectionString { get; set; }

    /// <summary>Container of the sealed objects. Default <c>archive</c>.</summary>
    [Required]
    [RegularExpression("^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$")]
    public string Container { get; set; } = "archive";

    /// <summary>Largest request body: an object up to this size is one Put Blob, a longer one is blocks of this size.
    /// A writer keeps as much in memory, less for smaller objects. Default 64 MiB: a hundred CT slices are one request.</summary>
    [Range(64 << 10, 256 << 20)]
    public int BlockBytes { get; set; } = 64 << 20;

    /// <summary>Tries of one request after the first, spaced exponentially or as the service's Retry-After says. Default 6.</summary>
    [Range(0, 20)]
    public int Retries { get; set; } = 6;

    /// <summary>Milliseconds before the first retry. Default 400.</summary>
    [Range(1, 60_000)]
    public int RetryDelayMs { get; set; } = 400;

    /// <summary>Seconds that one try may take. Default 60.</summary>
    [Range(1, 600)]
    public int TryTimeoutSeconds { get; set; } = 60;

    /// <summary>Rehydration in hours rather than half a day, at a price. Default false.</summary>
    public bool RehydrateHighPriority { get; set; }

    /// <summary>Makes the container at the start when it is not there. Default false: deployment makes it.</summary>
    public bool CreateContainer { get; set; }

    /// <summary>For small objects that a sender waits for: three retries at most, of ten seconds at most.</summary>
    internal BlobStoreOptions Briefly()
    {
        var brief = At(ServiceUrl, ConnectionString, Container);
        (brief.Retries, brief.TryTimeoutSeconds) = (Math.Min(Retries, 3), Math.Min(TryTimeoutSeconds, 10));
        return brief;
    }

    /// <summary>The same ways with another container.</summary>
    internal BlobStoreOptions At(Uri? serviceUrl, string? connectionString, string container) => new()
    {
        ServiceUrl = serviceUrl,
        ConnectionString = connectionString,
        Container = container,
        BlockBytes = BlockBytes,
        Retries = Retries,
        RetryDelayMs = RetryDelayMs,
        TryTimeoutSeconds = TryTimeoutSeconds,
    };
}

[OptionsValidator]
internal sealed partial class BlobStoreOptionsRanges : IValidateOptions<BlobStoreOptions>;

internal sealed class BlobStoreOptionsRules : IValidateOptions<BlobStoreOptions>
{
    public ValidateOptionsResult Validate(string? name, BlobStoreOptions options) => (options.ServiceUrl is null) == (options.ConnectionString is null)
        ? ValidateOptionsResult.Fail($"{BlobStoreOptions.Section} needs either ServiceUrl or ConnectionString.")
        : ValidateOptionsResult.Success;
}
