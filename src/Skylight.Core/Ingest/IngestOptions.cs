using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Skylight.Core.Ingest;

/// <summary>Limits of ingest, section <c>Skylight:Ingest</c>.</summary>
public sealed class IngestOptions
{
    public const string Section = "Skylight:Ingest";

    /// <summary>Largest single DICOM file. Default 64 GiB.</summary>
    [Range(typeof(long), "1048576", "1099511627776")]
    public long MaxInstanceBytes { get; set; } = 64L << 30;

    /// <summary>Largest run of attributes before the UIDs are known; it is held in memory. Default 8 MiB.</summary>
    [Range(65536, 67108864)]
    public int MaxHeaderBytes { get; set; } = 8 << 20;

    /// <summary>Most entries of one archive, nested archives included. Default 100,000.</summary>
    [Range(1, 10_000_000)]
    public int MaxArchiveEntries { get; set; } = 100_000;

    /// <summary>Most bytes that one archive may unpack to. Default 256 GiB.</summary>
    [Range(typeof(long), "1048576", "17592186044416")]
    public long MaxArchiveBytes { get; set; } = 256L << 30;

    /// <summary>Most times its packed size that an archive may unpack to, looked at after the first 64 MiB. Default 200.</summary>
    [Range(2, 100_000)]
    public int MaxArchiveRatio { get; set; } = 200;

    /// <summary>Packs up to this size travel with their commit; larger ones are written before it. Default 1 MiB.</summary>
    [Range(0, 4194304)]
    public int SmallPackBytes { get; set; } = 1 << 20;

    /// <summary>Packs that a batch keeps open at once; each holds about 2 MiB. Default 16.</summary>
    [Range(1, 256)]
    public int MaxOpenPacks { get; set; } = 16;

    /// <summary>Instances that wait for one commit; a larger batch (a large archive) is committed in steps. Default 2,000; at most as many as a commit has places for parts.</summary>
    [Range(1, Archive.Series.IndexEntry.MostPlaces)]
    public int MaxPendingInstances { get; set; } = 2_000;

    /// <summary>Bytes of metadata and small packs that wait for one commit, beyond which the batch is committed in steps. Default 64 MiB.</summary>
    [Range(typeof(long), "1048576", "1073741824")]
    public long MaxPendingBytes { get; set; } = 64L << 20;

    /// <summary>A pack is closed when it has grown past this, and the series continues in another. Default 512 MiB.</summary>
    [Range(typeof(long), "1048576", "17179869184")]
    public long PackBytes { get; set; } = 512L << 20;

    /// <summary>
    /// Decode losslessly compressed frames for the pixel digest, so that a compressed copy of what is there counts as the same. Default true. It costs the
    /// decoding (<c>./dev bench dicom decode</c> says how much); without it such a copy is held for a technician.
    /// </summary>
    public bool DecodePixels { get; set; } = true;

    /// <summary>Sources (AE titles, account ids) that are modalities or PACSs; any other source is trusted least. Default none.</summary>
    public Dictionary<string, Catalog.SourceTrust> TrustedSources { get; } = new(StringComparer.Ordinal);

    /// <summary>A source is quiet after this time without new instances. Default 60 s.</summary>
    [Range(1, 86400)]
    public int QuietSeconds { get; set; } = 60;
}

[OptionsValidator]
public sealed partial class IngestOptionsValidator : IValidateOptions<IngestOptions>;
