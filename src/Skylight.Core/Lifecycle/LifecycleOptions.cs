using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Skylight.Core.Lifecycle;

/// <summary>How long records are kept and how they leave, section <c>Skylight:Lifecycle</c>.</summary>
public sealed class LifecycleOptions
{
    public const string Section = "Skylight:Lifecycle";

    /// <summary>How long something deleted can be brought back before it is erased, in days; retention and holds may make it longer. Default 30.</summary>
    [Range(0, 3650)]
    public int EraseAfterDays { get; set; } = 30;

    /// <summary>Years that outpatient, emergency and check-up records are kept after the last visit. Default 15.</summary>
    [Range(1, 100)]
    public int OutpatientYears { get; set; } = 15;

    /// <summary>Years that inpatient and psychiatric records are kept after the last visit or discharge. Default 30.</summary>
    [Range(1, 100)]
    public int InpatientYears { get; set; } = 30;

    /// <summary>Years for studies of which nobody has said what kind of encounter they belong to: the longest, so that nothing is destroyed by mistake. Default 30.</summary>
    [Range(1, 100)]
    public int UnknownEncounterYears { get; set; } = 30;

    /// <summary>Refuse even to hide what must still be kept (409). Default false: it is hidden, and kept until its retention ends.</summary>
    public bool RefuseDeletionWithinRetention { get; set; }

    /// <summary>Age from which an object that no record names is removed, in hours. Default 24.</summary>
    [Range(1, 8760)]
    public int OrphanHours { get; set; } = 24;

    /// <summary>Most objects that one round of the sweep looks at; the next round goes on from there. Default 20,000.</summary>
    [Range(100, 10_000_000)]
    public int OrphanObjectsPerRound { get; set; } = 20_000;

    /// <summary>
    /// Rejected for quality reasons (113001): keep the instances in view, beside the note that rejects them. Default false: they are hidden. What is rejected for
    /// patient safety, for a wrong worklist entry or because its retention is over is hidden in any case.
    /// </summary>
    public bool KeepRejectedForQuality { get; set; }

    /// <summary>What is other than the above for single institutions, by their code.</summary>
    public Dictionary<string, InstitutionLifecycle> Institutions { get; set; } = [];

    internal bool KeepsRejectedForQuality(string institution) => Institutions.GetValueOrDefault(institution)?.KeepRejectedForQuality ?? KeepRejectedForQuality;

    internal int EraseAfterDaysOf(string institution) => Institutions.GetValueOrDefault(institution)?.EraseAfterDays ?? EraseAfterDays;

    internal bool RefusesWithinRetention(string institution) => Institutions.GetValueOrDefault(institution)?.RefuseDeletionWithinRetention ?? RefuseDeletionWithinRetention;
}

/// <summary>Settings of one institution; null means the platform's.</summary>
public sealed class InstitutionLifecycle
{
    /// <inheritdoc cref="LifecycleOptions.EraseAfterDays"/>
    [Range(0, 3650)]
    public int? EraseAfterDays { get; set; }

    /// <inheritdoc cref="LifecycleOptions.KeepRejectedForQuality"/>
    public bool? KeepRejectedForQuality { get; set; }

    /// <inheritdoc cref="LifecycleOptions.RefuseDeletionWithinRetention"/>
    public bool? RefuseDeletionWithinRetention { get; set; }
}

[OptionsValidator]
internal sealed partial class LifecycleOptionsValidator : IValidateOptions<LifecycleOptions>;
