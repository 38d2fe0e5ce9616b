using Skylight.Dicom;

namespace Skylight.Cli.Dicom;

/// <summary>A dataset as indented text.</summary>
internal static class DatasetText
{
    private const int MaxShown = 64;

    public static void Write(TextWriter to, DicomDataset dataset, int depth)
    {
        var indent = new string(' ', 2 * depth);
        foreach (var element in dataset)
        {
            to.WriteLine($"{indent}{element.Tag} {element.Vr} {Length(element),7} {Value(dataset, element)}  # {DicomDictionary.KeywordOf(element.Tag) ?? (element.Tag.Group % 2 == 1 ? "private" : "unknown")}");
            if (element.Sequence is not { } sequence) continue;
            for (var i = 0; i < sequence.Items.Count; i++)
            {
                to.WriteLine($"{indent}  [{i + 1}]");
                Write(to, sequence.Items[i], depth + 2);
            }
        }
    }

    private static string Length(DicomElement element) =>
        element.Sequence is { } sequence ? $"{sequence.Items.Count} items"
        : element.Fragments is { } fragments ? $"{fragments.Fragments.Count} fragments"
        : element.Bulk is { } bulk ? bulk.Length.ToString(System.Globalization.CultureInfo.InvariantCulture)
        : element.Value.Length.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private static string Value(DicomDataset dataset, DicomElement element)
    {
        if (element.Sequence is not null || element.Fragments is not null) return "";
        if (element.Bulk is { } bulk) return $"at {bulk.Position}";
        if (element.Value.IsEmpty) return "(empty)";
        if (element.Vr.IsText || element.Vr.IsBinaryNumber) return Shorten($"[{string.Join('\\', dataset.GetStrings(element.Tag))}]");
        return Shorten(Convert.ToHexStringLower(element.Value.Span[..Math.Min(element.Value.Length, MaxShown / 2)]));
    }

    /// <summary>One line, without control characters: the text goes to a terminal.</summary>
    private static string Shorten(string text)
    {
        text = string.Concat(text.Select(c => char.IsControl(c) ? '␣' : c));
        return text.Length <= MaxShown ? text : text[..(MaxShown - 1)] + "…";
    }
}
