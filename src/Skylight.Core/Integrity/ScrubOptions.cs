using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Skylight.Core.Integrity;

/// <summary>How stored objects are re-read and kept twice, section <c>Skylight:Integrity</c>.</summary>
public sealed class ScrubOptions
{
    public const string Section = "Skylight:Integrity";

    /// <summary>False switches the scheduled scrub off. Default true.</summary>
    public bool Scrub { get; set; } = true;

    /// <summary>Bytes a second that the scrub reads at most, both copies together: 64 KiB to 10 GiB. Default 20 MiB.</summary>
    [Range(64L << 10, 10L << 30)]
    public long ScrubBytesPerSecond { get; set; } = 20L << 20;

    /// <summary>A pass over everything begins this many days after the one before it began, or when that one ends, if that is later: 1 to 365. Default 30.</summary>
    [Range(1, 365)]
    public int ScrubEveryDays { get; set; } = 30;

    /// <summary>Seconds of each minute in which the scrub and the replica's sweep work: 1 to 55. Default 45.</summary>
    [Range(1, 55)]
    public int StepSeconds { get; set; } = 45;
}

[OptionsValidator]
internal sealed partial class ScrubOptionsValidator : IValidateOptions<ScrubOptions>;
