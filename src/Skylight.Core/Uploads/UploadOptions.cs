using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Skylight.Core.Uploads;

/// <summary>Settings of upload sessions (<c>Skylight:Uploads</c>).</summary>
public sealed class UploadOptions
{
    public const string Section = "Skylight:Uploads";

    /// <summary>How long the SAS of an ordinary session works, in hours. Default 24.</summary>
    [Range(1, 168)]
    public int SessionHours { get; set; } = 24;

    /// <summary>The longest session that a client may ask for with <c>days</c>. Default 30.</summary>
    [Range(1, 90)]
    public int MaxSessionDays { get; set; } = 30;

    /// <summary>How long after the end of its SAS an open session may still be completed before it expires, in minutes. Default 60.</summary>
    [Range(0, 10_080)]
    public int ExpiryGraceMinutes { get; set; } = 60;

    /// <summary>Largest block that a client should send, in bytes (the edge refuses larger ones). Default 100 MiB; the service's own limit is 4,000 MiB.</summary>
    [Range(1 << 20, 2_000_000_000)]
    public int MaxBlockBytes { get; set; } = 100 << 20;

    /// <summary>Sessions that an institution may have open or running at a time; more are answered 429. Default 100.</summary>
    [Range(1, 2_000)]
    public int MaxLiveSessions { get; set; } = 100;

    /// <summary>Most blobs in a session; a session with more fails with the code <c>too-many-blobs</c>. Default 500,000.</summary>
    [Range(1, 2_000_000)]
    public int MaxBlobs { get; set; } = 500_000;

    /// <summary>Longest manifest, in bytes. Default 256 MiB.</summary>
    [Range(1_024, 1 << 30)]
    public int MaxManifestBytes { get; set; } = 256 << 20;

    /// <summary>Free bytes of the store below which no session is opened and no block taken (507). Default 1 GiB; ignored where the store has no limit.</summary>
    [Range(typeof(long), "0", "9223372036854775807")]
    public long FreeSpaceFloorBytes { get; set; } = 1L << 30;

    /// <summary>Most blobs in one ingest batch. Default 200.</summary>
    [Range(1, 1_000)]
    public int BatchBlobs { get; set; } = 200;

    /// <summary>Most bytes in one ingest batch, unless a single blob is larger. Default 2 GB.</summary>
    [Range(typeof(long), "1", "9223372036854775807")]
    public long BatchBytes { get; set; } = 2_000_000_000;

    /// <summary>How long a step of completion may take before the timer repeats it, in seconds. Default 120.</summary>
    [Range(1, 86_400)]
    public int RepairSeconds { get; set; } = 120;

    /// <summary>How long the content of a failed session is kept, so that it can be completed again, in days. Default 7.</summary>
    [Range(0, 90)]
    public int FailedRetentionDays { get; set; } = 7;
}

[OptionsValidator]
internal sealed partial class UploadOptionsValidator : IValidateOptions<UploadOptions>;
