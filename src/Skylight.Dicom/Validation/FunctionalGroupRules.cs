using System.Collections.Frozen;

namespace Skylight.Dicom;

/// <summary>Functional groups of enhanced multi-frame images (PS3.3 C.7.6.16) and their dimensions (C.7.6.17): which macros every frame needs, from groups.txt.</summary>
internal static class FunctionalGroupRules
{
    /// <summary>Frames that are looked at one by one; beyond, a fault that all frames share has long been found.</summary>
    private const int MaxFrames = 2000;

    private static readonly FrozenDictionary<string, Macro[]> s_classes = Load();

    private sealed record Macro(bool PerFrame, DicomTag Tag, string Keyword, string Clause);

    public static void Check(DicomDataset d, string sopClass, ValidationReport report)
    {
        if (!d.Contains(DicomTags.PerFrameFunctionalGroupsSequence) && !d.Contains(DicomTags.SharedFunctionalGroupsSequence)) return;
        var shared = d.GetItems(DicomTags.SharedFunctionalGroupsSequence);
        var frames = d.GetItems(DicomTags.PerFrameFunctionalGroupsSequence);
        if (shared.Count > 1) report.Add(FindingCodes.FunctionalGroupMisplaced, DicomTags.SharedFunctionalGroupsSequence.ToString(), $"{shared.Count} items, 1 expected");
        if (s_classes.TryGetValue(sopClass, out var macros))
            foreach (var macro in macros) Require(macro, shared, frames, report);
        Twice(shared, frames, report);
        Dimensions(d, frames, report);
    }

    private static void Require(Macro macro, IReadOnlyList<DicomDataset> shared, IReadOnlyList<DicomDataset> frames, ValidationReport report)
    {
        var inShared = shared.Count > 0 && shared[0].Contains(macro.Tag);
        if (macro.PerFrame && inShared) report.Add(FindingCodes.FunctionalGroupMisplaced, $"{DicomTags.SharedFunctionalGroupsSequence}[1].{macro.Tag}", $"{macro.Keyword} belongs to each frame, PS3.3 {macro.Clause}");
        if (inShared && !macro.PerFrame) return;
        for (var i = 0; i < Math.Min(frames.Count, MaxFrames); i++)
        {
            if (frames[i].GetItems(macro.Tag).Count > 0) continue;
            report.Add(FindingCodes.FunctionalGroupMissing, $"{DicomTags.PerFrameFunctionalGroupsSequence}[{i + 1}].{macro.Tag}", $"{macro.Keyword}, PS3.3 {macro.Clause}");
            return;
        }
    }

    /// <summary>A macro stands in the shared item or in those of the frames, never in both (C.7.6.16.1.1).</summary>
    private static void Twice(IReadOnlyList<DicomDataset> shared, IReadOnlyList<DicomDataset> frames, ValidationReport report)
    {
        if (shared.Count == 0) return;
        for (var i = 0; i < Math.Min(frames.Count, MaxFrames); i++)
        {
            foreach (var e in frames[i].Elements)
            {
                // Several vendors may share what they add of their own.
                if (e.Sequence is null || e.Tag.IsPrivate || !shared[0].Contains(e.Tag)) continue;
                report.Add(FindingCodes.FunctionalGroupMisplaced, $"{DicomTags.PerFrameFunctionalGroupsSequence}[{i + 1}].{e.Tag}", "shared as well");
                return;
            }
        }
    }

    private static void Dimensions(DicomDataset d, IReadOnlyList<DicomDataset> frames, ValidationReport report)
    {
        var indexes = d.GetItems(DicomTags.DimensionIndexSequence);
        if (indexes.Count == 0) return;
        var organizations = d.GetItems(DicomTags.DimensionOrganizationSequence).Select(o => o.GetString(DicomTags.DimensionOrganizationUID)).ToHashSet();
        for (var i = 0; i < indexes.Count; i++)
        {
            var path = $"{DicomTags.DimensionIndexSequence}[{i + 1}].";
            if (indexes[i].GetTags(DicomTags.DimensionIndexPointer).Count != 1) report.Add(FindingCodes.DimensionIndex, path + DicomTags.DimensionIndexPointer);
            if (indexes[i].GetString(DicomTags.DimensionOrganizationUID) is { } organization && !organizations.Contains(organization))
                report.Add(FindingCodes.DimensionIndex, path + DicomTags.DimensionOrganizationUID, "not among the organizations");
        }

        for (var i = 0; i < Math.Min(frames.Count, MaxFrames); i++)
        {
            if (frames[i].GetItems(DicomTags.FrameContentSequence) is not [var content, ..]) continue;
            var values = content.GetDoubles(DicomTags.DimensionIndexValues);
            if (values.Count == indexes.Count && values.All(v => v >= 1)) continue;
            report.Add(FindingCodes.DimensionIndex, $"{DicomTags.PerFrameFunctionalGroupsSequence}[{i + 1}].{DicomTags.FrameContentSequence}[1].{DicomTags.DimensionIndexValues}", $"{values.Count} values, {indexes.Count} dimensions");
            return;
        }
    }

    private static FrozenDictionary<string, Macro[]> Load()
    {
        var classes = new Dictionary<string, List<Macro>>(StringComparer.Ordinal);
        List<Macro> open = [];
        var clause = "";
        foreach (var line in RuleFile.Lines("groups.txt"))
        {
            var parts = line.Split(' ');
            if (parts[0] == "=")
            {
                classes.Add(RuleFile.Uid("groups.txt", parts[1]), open = []);
                clause = parts[2];
            }
            else open.Add(new Macro(parts[0] == "F", RuleFile.Tag("groups.txt", parts[1]), parts[1], clause));
        }

        return classes.ToFrozenDictionary(c => c.Key, c => c.Value.ToArray(), StringComparer.Ordinal);
    }
}
