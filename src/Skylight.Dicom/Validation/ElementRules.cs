using System.Globalization;

namespace Skylight.Dicom;

/// <summary>What the dictionary and PS3.5 say about one element.</summary>
internal static class ElementRules
{
    public static void Check(DicomDataset dataset, in DicomElement e, string path, ValidationReport report)
    {
        if (e.Tag.Element == 0)
        {
            report.Add(FindingCodes.GroupLengthPresent, path);
            return;
        }

        if (e.Tag.IsPrivate)
        {
            if (!e.Tag.IsPrivateCreator && !HasCreator(dataset, e.Tag)) report.Add(FindingCodes.PrivateCreatorMissing, path);
        }
        else if (DicomDictionary.Find(e.Tag) is { } entry) Entry(in e, entry, dataset, path, report);
        else report.Add(FindingCodes.UnknownElement, path);

        if (e.Content is not null || e.Value.IsEmpty) return;
        if (e.Vr.IsBinaryNumber || e.Vr.IsBytes && e.Vr.SwapUnit > 1)
        {
            var size = e.Vr.IsBinaryNumber ? e.Vr.ValueSize : e.Vr.SwapUnit;
            if (e.Value.Length % size != 0) report.Add(FindingCodes.ValueSize, path, $"{e.Value.Length} bytes of {e.Vr}");
        }
        else if (e.Vr.IsText) Text(dataset, in e, path, report);
    }

    /// <summary>Whether a number of values fits a multiplicity as PS3.6 writes it: "1", "1-3", "2-n", "3-3n".</summary>
    public static bool FitsVm(string vm, int count)
    {
        var dash = vm.IndexOf('-', StringComparison.Ordinal);
        if (dash < 0) return count == int.Parse(vm, CultureInfo.InvariantCulture);
        var least = int.Parse(vm.AsSpan(0, dash), CultureInfo.InvariantCulture);
        var most = vm.AsSpan(dash + 1);
        if (!most.EndsWith("n")) return count >= least && count <= int.Parse(most, CultureInfo.InvariantCulture);
        var step = most.Length == 1 ? 1 : int.Parse(most[..^1], CultureInfo.InvariantCulture);
        return count >= least && count % step == 0;
    }

    private static void Entry(in DicomElement e, DictionaryEntry entry, DicomDataset dataset, string path, ValidationReport report)
    {
        if (entry.Retired) report.Add(FindingCodes.RetiredElement, path, entry.Keyword);
        if (entry.Vrs.Count > 0 && !entry.Vrs.Contains(e.Vr) && e.DeclaredVr != Vr.UN) report.Add(FindingCodes.VrNotAllowed, path, $"{e.Vr}, {string.Join('/', entry.Vrs)} expected");
        if (e.Content is not null || e.Value.IsEmpty || e.Vr.IsBytes || e.Vr.Code == VrCode.SQ) return;
        var count = e.Vr.IsBinaryNumber ? e.Value.Length / e.Vr.ValueSize : e.Vr.IsMultiText ? DicomText.ReadAll(e.Vr, e.Value.Span, dataset.CharacterSet).Length : 1;
        // A look-up table's data in US has as many values as it has entries.
        if (!FitsVm(entry.Vm, count) && !(entry.Vrs.Contains(Vr.OW) && e.Vr != Vr.OW)) report.Add(FindingCodes.VmNotAllowed, path, $"{count} values, {entry.Vm} expected");
    }

    private static void Text(DicomDataset dataset, in DicomElement e, string path, ValidationReport report)
    {
        if (e.Vr.UsesCharacterSet && dataset.CharacterSet.Decode(e.Value.Span, e.Vr).Contains('\uFFFD', StringComparison.Ordinal)) report.Add(FindingCodes.TextUndecodable, path);
        foreach (var value in DicomText.ReadAll(e.Vr, e.Value.Span, dataset.CharacterSet))
        {
            if (value.Length == 0) continue;
            if (TooLong(e.Vr, value)) report.Add(FindingCodes.ValueTooLong, path, $"{value.Length} characters, {e.Vr.MaxLength} allowed");
            if (!ValueFormats.IsValid(e.Vr, value)) report.Add(FindingCodes.ValueFormat, path, e.Vr.ToString());
        }
    }

    private static bool TooLong(Vr vr, string value)
    {
        if (vr.MaxLength == 0) return false;
        // 64 characters in each group of a name (PS3.5 6.2).
        if (vr.Code == VrCode.PN) return value.Split('=').Any(g => g.EnumerateRunes().Count() > vr.MaxLength);
        return value.Length > vr.MaxLength && value.EnumerateRunes().Count() > vr.MaxLength;
    }

    private static bool HasCreator(DicomDataset dataset, DicomTag tag) =>
        tag.Element >= 0x1000 && dataset.TryGet(new DicomTag(tag.Group, (ushort)(tag.Element >> 8)), out var creator) && !creator.IsEmpty;
}
