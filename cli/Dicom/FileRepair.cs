using Skylight.Dicom;

namespace Skylight.Cli.Dicom;

/// <summary>One element as it reads before and after a repair.</summary>
internal sealed record RepairChange(string Path, string Keyword, string Before, string After);

/// <summary>The repaired file, what was found to repair, and which elements read differently then.</summary>
internal sealed record RepairProposal(DicomFile Repaired, IReadOnlyList<Finding> Repairs, IReadOnlyList<RepairChange> Changes);

/// <summary>
/// What can be put right without guessing at meaning: the writer makes preamble, File Meta Information, lengths and delimiters anew; values read under the wrong VR
/// get their right one; text under a wrongly declared character set is written again as UTF-8. Truncation, missing identity and pixel data are not touched.
/// </summary>
internal static class FileRepair
{
    private static readonly HashSet<string> Mended =
    [
        FindingCodes.MissingPreamble, FindingCodes.MissingMeta, FindingCodes.MetaIncomplete, FindingCodes.MetaGroupLength, FindingCodes.MetaMismatch, FindingCodes.PreambleContent,
        FindingCodes.SyntaxMismatch, FindingCodes.ZlibHeader, FindingCodes.VrInvalid, FindingCodes.OddLength, FindingCodes.StrayDelimiter, FindingCodes.MissingDelimiter,
        FindingCodes.TagOrder, FindingCodes.TrailingBytes, FindingCodes.CharsetWrong, FindingCodes.OffsetTable,
    ];

    public static async Task<RepairProposal> ProposeAsync(Stream file, CancellationToken cancellationToken)
    {
        using var memory = new MemoryStream();
        await file.CopyToAsync(memory, cancellationToken);
        memory.Position = 0;
        var inspected = await FileFindings.InspectAsync(memory, cancellationToken);
        var whole = DicomFile.Read(memory.GetBuffer().AsSpan(0, (int)memory.Length), new ReadOptions { MaxDatasetBytes = 2L << 30 });
        var dataset = whole.Dataset;
        var changes = new List<RepairChange>();
        if (inspected.RepairedCharacterSet is { } set) dataset = ToUtf8(dataset.ReadAs(set));
        Compare(whole.Dataset, dataset, "", changes);
        return new RepairProposal(DicomFile.Of(dataset, whole.Syntax), [.. inspected.Findings.Where(f => Mended.Contains(f.Code))], changes);
    }

    /// <summary>Elements are the same ones in the same order, but for a declared character set that was not there.</summary>
    private static void Compare(DicomDataset before, DicomDataset after, string path, List<RepairChange> changes)
    {
        foreach (var e in after)
        {
            var (place, keyword) = (path + e.Tag, DicomDictionary.KeywordOf(e.Tag) ?? "");
            if (!before.TryGet(e.Tag, out var was)) changes.Add(new RepairChange(place, keyword, "", Text(after, e)));
            else if (e.Sequence is { } sequence && was.Sequence is { } old)
            {
                for (var i = 0; i < Math.Min(sequence.Items.Count, old.Items.Count); i++) Compare(old.Items[i], sequence.Items[i], $"{place}[{i + 1}].", changes);
            }
            else
            {
                var (x, y) = (Text(before, was), Text(after, e));
                if (was.DeclaredVr != e.Vr && e.Content() is null) changes.Add(new RepairChange(place, keyword, $"{was.DeclaredVr} {x}", $"{e.Vr} {y}"));
                else if (x != y) changes.Add(new RepairChange(place, keyword, x, y));
            }
        }
    }

    private static object? Content(this DicomElement e) => (object?)e.Sequence ?? (object?)e.Fragments ?? e.Bulk;

    private static string Text(DicomDataset dataset, DicomElement e) =>
        e.Vr.IsText ? string.Concat(string.Join('\\', dataset.GetStrings(e.Tag)).Take(80).Select(c => char.IsControl(c) ? '␣' : c)) : e.Vr.IsBinaryNumber ? string.Join('\\', dataset.GetStrings(e.Tag).Take(16)) : "";

    /// <summary>Every text value again, in UTF-8. Specific Character Set says so first, because the values are encoded under it; items follow it unless they had their own.</summary>
    private static DicomDataset ToUtf8(DicomDataset source, bool isItem = false)
    {
        var target = new DicomDataset(CharacterSet.Utf8);
        if (!isItem || source.Contains(DicomTags.SpecificCharacterSet)) target.Set(DicomTags.SpecificCharacterSet, "ISO_IR 192");
        Copy(source, target);
        return target;
    }

    private static void Copy(DicomDataset source, DicomDataset target)
    {
        foreach (var element in source)
        {
            if (element.Tag == DicomTags.SpecificCharacterSet) continue;
            if (element.Sequence is { } sequence)
            {
                target.Set(element.Tag, [.. sequence.Items.Select(item => ToUtf8(item, isItem: true))]);
                continue;
            }

            if (element.Vr.UsesCharacterSet && element.Fragments is null && element.Bulk is null) target.Set(element.Tag, element.Vr, [.. source.GetStrings(element.Tag)]);
            else target.Set(element);
        }
    }
}
