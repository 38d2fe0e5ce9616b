using System.Collections.Frozen;
using System.Globalization;

namespace Skylight.Dicom;

/// <summary>Enumerated values and defined terms, from values.txt.</summary>
internal static class ValueRules
{
    private static readonly FrozenDictionary<uint, Rule[]> s_rules = Load();

    /// <param name="Index">The value that is meant, from 0; -1 for every value.</param>
    private sealed record Rule(bool Enumerated, int Index, string Clause, FrozenSet<string> Values);

    public static void Check(DicomDataset dataset, in DicomElement e, string path, ValidationReport report)
    {
        if (e.Content is not null || e.Value.IsEmpty || !s_rules.TryGetValue(e.Tag.Value, out var rules)) return;
        var values = dataset.GetStrings(e.Tag);
        foreach (var rule in rules)
        {
            for (var i = Math.Max(0, rule.Index); i < values.Count && (rule.Index < 0 || i == rule.Index); i++)
            {
                if (values[i].Length == 0 || rule.Values.Contains(Number(e.Vr, values[i]))) continue;
                report.Add(rule.Enumerated ? FindingCodes.ValueNotEnumerated : FindingCodes.TermNotDefined, path, $"value {i + 1}, PS3.3 {rule.Clause}");
                break;
            }
        }
    }

    /// <summary>"01" is another code than "1", but the same number.</summary>
    private static string Number(Vr vr, string value) =>
        vr.Code is VrCode.IS && long.TryParse(value, CultureInfo.InvariantCulture, out var n) ? n.ToString(CultureInfo.InvariantCulture) : value;

    private static FrozenDictionary<uint, Rule[]> Load()
    {
        var rules = new Dictionary<uint, List<Rule>>();
        foreach (var line in RuleFile.Lines("values.txt"))
        {
            var parts = line.Split(' ', 4);
            var bracket = parts[1].IndexOf('[', StringComparison.Ordinal);
            var tag = RuleFile.Tag("values.txt", bracket < 0 ? parts[1] : parts[1][..bracket]);
            var index = bracket < 0 ? -1 : int.Parse(parts[1].AsSpan(bracket + 1, 1), CultureInfo.InvariantCulture) - 1;
            if (!rules.TryGetValue(tag.Value, out var list)) rules.Add(tag.Value, list = []);
            list.Add(new Rule(parts[0] == "E", index, parts[2], parts[3].Split('|').ToFrozenSet(StringComparer.Ordinal)));
        }

        return rules.ToFrozenDictionary(r => r.Key, r => r.Value.ToArray());
    }
}
