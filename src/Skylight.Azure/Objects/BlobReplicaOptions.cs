using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Skylight.Azure.Objects;

/// <summary>Where second copies of the objects lie: a container of another storage account, best in another region. Section <c>Skylight:Replica</c>; nothing set: there is one copy.</summary>
public sealed class BlobReplicaOptions
{
    public const string Section = "Skylight:Replica";

    /// <summary>Blob service address of the second account, reached with the managed identity (role Storage Blob Data Contributor).</summary>
    public Uri? ServiceUrl { get; set; }

    /// <summary>Instead of <see cref="ServiceUrl"/>: a connection string with a key. For emulators.</summary>
    public string? ConnectionString { get; set; }

    /// <summary>Container of the second copies. Default <c>archive-replica</c>.</summary>
    [Required]
    [RegularExpression("^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$")]
    public string Container { get; set; } = "archive-replica";

    internal bool Exists => ServiceUrl is not null || ConnectionString is not null;
}

[OptionsValidator]
internal sealed partial class BlobReplicaRanges : IValidateOptions<BlobReplicaOptions>;

/// <summary>A second copy in the place of the first is none.</summary>
internal sealed class BlobReplicaRules(IOptions<BlobStoreOptions> archive) : IValidateOptions<BlobReplicaOptions>
{
    public ValidateOptionsResult Validate(string? name, BlobReplicaOptions options)
    {
        if (options.ServiceUrl is not null && options.ConnectionString is not null) return ValidateOptionsResult.Fail($"{BlobReplicaOptions.Section} needs either ServiceUrl or ConnectionString, or neither.");
        var first = archive.Value;
        return options.Exists && options.ServiceUrl == first.ServiceUrl && options.ConnectionString == first.ConnectionString && options.Container == first.Container
            ? ValidateOptionsResult.Fail($"{BlobReplicaOptions.Section} names the container of the archive itself.")
            : new BlobReplicaRanges().Validate(name, options);
    }
}
