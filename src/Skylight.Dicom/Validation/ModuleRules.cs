using System.Collections.Frozen;

namespace Skylight.Dicom;

/// <summary>The attributes that a SOP class requires, from modules.txt.</summary>
internal static class ModuleRules
{
    private static readonly (FrozenDictionary<string, Rule[]> Modules, FrozenDictionary<string, SopClass> Classes) s_rules = Load();

    private sealed record Rule(string Module, string Clause, char Type, Func<DicomDataset, TransferSyntax?, bool>? Condition, DicomTag? Sequence, DicomTag Tag, string Keyword);

    private sealed record SopClass(string Modality, string[] Modules);

    public static IEnumerable<string> SopClasses => s_rules.Classes.Keys;

    public static void Check(DicomDataset dataset, TransferSyntax? syntax, ValidationReport report)
    {
        if (dataset.GetString(DicomTags.SOPClassUID) is not { } uid || !s_rules.Classes.TryGetValue(uid, out var sop))
        {
            if (dataset.Contains(DicomTags.SOPClassUID)) report.Add(FindingCodes.SopClassUnknown, DicomTags.SOPClassUID.ToString());
            else report.Add(FindingCodes.AttributeMissing, DicomTags.SOPClassUID.ToString(), "SOPClassUID (type 1, SopCommon, PS3.3 C.12.1)");
            return;
        }

        if (sop.Modality != "-" && dataset.GetString(DicomTags.Modality) is { } modality && modality != sop.Modality)
            report.Add(FindingCodes.ModalityMismatch, DicomTags.Modality.ToString(), $"{sop.Modality} expected");
        foreach (var module in sop.Modules)
        {
            foreach (var rule in s_rules.Modules[module])
            {
                if (rule.Condition is not null && !rule.Condition(dataset, syntax)) continue;
                if (rule.Sequence is not { } sequence)
                {
                    Require(dataset, rule, "", report);
                    continue;
                }

                var items = dataset.GetItems(sequence);
                for (var i = 0; i < items.Count; i++) Require(items[i], rule, $"{sequence}[{i + 1}].", report);
            }
        }
    }

    private static void Require(DicomDataset dataset, Rule rule, string path, ValidationReport report)
    {
        var detail = $"{rule.Keyword} (type {rule.Type}{(rule.Condition is null ? "" : "C")}, {rule.Module}, PS3.3 {rule.Clause})";
        if (!dataset.TryGet(rule.Tag, out var e)) report.Add(rule.Condition is null ? FindingCodes.AttributeMissing : FindingCodes.AttributeConditional, path + rule.Tag, detail);
        else if (rule.Type == '1' && e.IsEmpty) report.Add(FindingCodes.AttributeEmpty, path + rule.Tag, detail);
    }

    private static (FrozenDictionary<string, Rule[]> Modules, FrozenDictionary<string, SopClass> Classes) Load()
    {
        var modules = new Dictionary<string, List<Rule>>(StringComparer.Ordinal);
        var classes = new Dictionary<string, SopClass>(StringComparer.Ordinal);
        var uids = DicomUids.All.Where(u => u.Keyword.Length > 0).ToDictionary(u => u.Keyword, u => u.Uid, StringComparer.Ordinal);
        string module = "", clause = "";
        foreach (var line in RuleFile.Lines("modules.txt"))
        {
            if (line[0] == '[')
            {
                var name = line.Trim('[', ']').Split(' ');
                (module, clause) = (name[0], name[1]);
                modules.Add(module, []);
            }
            else if (line[0] == '=')
            {
                var parts = line[2..].Split(" : ");
                var head = parts[0].Split(' ');
                classes.Add(uids[head[0]], new SopClass(head[1], parts[1].Split(' ')));
            }
            else modules[module].Add(Parse(line, module, clause));
        }

        return (modules.ToFrozenDictionary(m => m.Key, m => m.Value.ToArray(), StringComparer.Ordinal), classes.ToFrozenDictionary(StringComparer.Ordinal));
    }

    private static Rule Parse(string line, string module, string clause)
    {
        var parts = line.Split(' ');
        var condition = parts[0].IndexOf(':', StringComparison.Ordinal) is > 0 and var colon ? ModuleConditions.Find(parts[0][(colon + 1)..]) : null;
        var names = parts[1].Split('>');
        return new Rule(module, clause, parts[0][0], condition, names.Length > 1 ? Tag(names[0]) : null, Tag(names[^1]), names[^1]);
    }

    private static DicomTag Tag(string keyword) => RuleFile.Tag("modules.txt", keyword);
}
