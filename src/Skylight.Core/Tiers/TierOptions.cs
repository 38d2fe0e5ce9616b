using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Skylight.Core.Tiers;

/// <summary>Settings of storage tiers, section <c>Skylight:Tiers</c>. When studies move is each institution's policy (<see cref="TierPolicy"/>).</summary>
public sealed class TierOptions
{
    public const string Section = "Skylight:Tiers";

    /// <summary>How long a rehydration is expected to take, in minutes: what callers are told. Default what the store takes: on the edge its delay, on Blob Storage 15 hours.</summary>
    [Range(0, 10_080)]
    public int? RehydrationMinutes { get; set; }

    internal TimeSpan Rehydration => TimeSpan.FromMinutes(RehydrationMinutes ?? 900);

    /// <summary>True where a person has to put the medium in: QIDO then says OFFLINE instead of NEARLINE. Default false.</summary>
    public bool ArchiveIsOffline { get; set; }

    /// <summary>A study that was read or rehydrated stays readable for at least so many days. Default 14.</summary>
    [Range(1, 3650)]
    public int KeepAccessedDays { get; set; } = 14;
}

[OptionsValidator]
internal sealed partial class TierOptionsValidator : IValidateOptions<TierOptions>;
