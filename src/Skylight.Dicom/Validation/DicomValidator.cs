using System.Globalization;

namespace Skylight.Dicom;

/// <summary>How thoroughly a dataset is checked.</summary>
public sealed record ValidationOptions
{
    public static ValidationOptions Default { get; } = new();

    /// <summary>Everything, what is merely noteworthy included (retired and unknown elements, group lengths).</summary>
    public static ValidationOptions Strict { get; } = new() { IncludeInfo = true };

    /// <summary>Default false.</summary>
    public bool IncludeInfo { get; init; }

    /// <summary>Findings after which checking ends. Default 500.</summary>
    public int MaxFindings { get; init; } = 500;
}

/// <summary>
/// Checks a dataset against the standard: every element's representation, multiplicity, length, form and characters; the attributes that the common storage
/// SOP classes require; and whether geometry, bits, samples, frames and pixel data agree. Nothing is changed.
/// </summary>
public static class DicomValidator
{
    /// <summary>Checks a dataset; the syntax, when known, lets lossy compression be checked too.</summary>
    public static IReadOnlyList<Finding> Validate(DicomDataset dataset, TransferSyntax? syntax = null, ValidationOptions? options = null)
    {
        var report = new ValidationReport(options ?? ValidationOptions.Default);
        Elements(dataset, report, "");
        if (!dataset.Contains(DicomTags.DirectoryRecordSequence))
        {
            ModuleRules.Check(dataset, syntax, report);
            ImageRules.Check(dataset, syntax, report);
            Contents(dataset, dataset.GetString(DicomTags.SOPClassUID) ?? "", report);
        }

        return report.Findings;
    }

    /// <summary>Checks what the inspector found, and adds its findings.</summary>
    public static IReadOnlyList<Finding> Validate(InspectedInstance instance, ValidationOptions? options = null)
    {
        var info = (options ?? ValidationOptions.Default).IncludeInfo;
        return [.. instance.Findings.Where(f => info || f.Severity != FindingSeverity.Info).Concat(Validate(instance.Dataset, instance.Syntax, options)).DistinctBy(f => (f.Code, f.Path))];
    }

    /// <summary>What the kinds of instances hold beside attributes: frames, trees, segments, structures, waveforms, documents.</summary>
    private static void Contents(DicomDataset dataset, string sopClass, ValidationReport report)
    {
        FunctionalGroupRules.Check(dataset, sopClass, report);
        ContentTreeRules.Check(dataset, sopClass, report);
        RadiotherapyRules.Check(dataset, sopClass, report);
        DocumentRules.Check(dataset, sopClass, report);
        if (sopClass == DicomUids.SegmentationStorage) SegmentationRules.Check(dataset, report);
    }

    private static void Elements(DicomDataset dataset, ValidationReport report, string path)
    {
        foreach (var e in dataset.Elements)
        {
            if (report.IsFull) return;
            var place = path + e.Tag.ToString();
            ElementRules.Check(dataset, in e, place, report);
            ValueRules.Check(dataset, in e, place, report);
            if (e.Sequence is not { } sequence) continue;
            for (var i = 0; i < sequence.Items.Count; i++)
                Elements(sequence.Items[i], report, string.Create(CultureInfo.InvariantCulture, $"{place}[{i + 1}]."));
        }
    }
}

/// <summary>Collects findings up to a limit.</summary>
internal sealed class ValidationReport(ValidationOptions options)
{
    private readonly List<Finding> _findings = [];

    public IReadOnlyList<Finding> Findings => _findings;

    public bool IsFull => _findings.Count >= options.MaxFindings;

    public void Add(string code, string path, string? detail = null)
    {
        if (IsFull) return;
        var finding = new Finding(code, path, -1, detail);
        if (!options.IncludeInfo && finding.Severity == FindingSeverity.Info) return;
        _findings.Add(_findings.Count == options.MaxFindings - 1 ? new Finding(FindingCodes.TooManyFindings) : finding);
    }
}
