using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Skylight.Azure.Cosmos;

/// <summary>The Cosmos account with catalog, records and audit trail. Section <c>Skylight:Cosmos</c>.</summary>
public sealed class CosmosOptions
{
    public const string Section = "Skylight:Cosmos";

    /// <summary>Account address, <c>https://{account}.documents.azure.com:443/</c>; reached with the managed identity (role Cosmos DB Built-in Data Contributor).</summary>
    [Required]
    public Uri? Endpoint { get; set; }

    /// <summary>Account key, base64; for emulators. The account itself should not allow keys.</summary>
    [Base64String]
    public string? Key { get; set; }

    /// <summary>Database. Default <c>skylight</c>.</summary>
    [Required]
    public string Database { get; set; } = "skylight";

    /// <summary>True: through the gateway, HTTPS only. False (default): directly to the replicas, which is faster and needs ports 10000–20000.</summary>
    public bool Gateway { get; set; }

    /// <summary>Stay with this address, whatever other regions or addresses the account names. For emulators.</summary>
    public bool LimitToEndpoint { get; set; }

    /// <summary>How often a throttled request (429) is repeated after the time that the service names. Default 9.</summary>
    [Range(0, 100)]
    public int ThrottleRetries { get; set; } = 9;

    /// <summary>Seconds that those waits may last together. Default 30.</summary>
    [Range(1, 300)]
    public int ThrottleSeconds { get; set; } = 30;

    /// <summary>Seconds that one try may take. Default 10.</summary>
    [Range(1, 120)]
    public int TryTimeoutSeconds { get; set; } = 10;

    /// <summary>Tries of a request that got no answer or a transient one (408, 410, 449, 500, 503). Default 6.</summary>
    [Range(1, 20)]
    public int Tries { get; set; } = 6;

    /// <summary>Milliseconds before the first of those tries is repeated; doubled each time. Default 100.</summary>
    [Range(1, 10_000)]
    public int RetryDelayMs { get; set; } = 100;

    /// <summary>Makes database and containers at the start when they are not there. Default false: deployment makes them.</summary>
    public bool CreateContainers { get; set; }

    /// <summary>
    /// Accepts an account whose default consistency is weaker than bounded staleness. Default false: the instance index is read by other processes than
    /// wrote it, and a stale read there could take a repetition for something new.
    /// </summary>
    public bool AllowWeakConsistency { get; set; }
}

[OptionsValidator]
internal sealed partial class CosmosOptionsValidator : IValidateOptions<CosmosOptions>;
