using System.Globalization;
using Skylight.Dicom;

namespace Skylight.Core.Catalog;

/// <summary>
/// Takes from a structured report what searches find it by: the values of its coded and numeric content items with their concept names (TID 1500 and any
/// other template alike: the tree is walked as it is), and the words of its texts. Bounded in depth, items and results, whatever the file holds. Names,
/// dates and references are left out.
/// </summary>
internal static class ReportReader
{
    private const int MaxItems = 20_000;
    private const int MaxDepth = 32;
    private const int MaxTextChars = 64 * 1024;
    private const int MaxCode = 64;

    /// <summary>Null for an object that is no structured report.</summary>
    public static ReportContent? Read(DicomDataset dataset, string sopInstanceUid)
    {
        if (!dataset.Contains(DicomTags.ContentSequence) || dataset.GetString(DicomTags.ValueType)?.Trim() != "CONTAINER") return null;
        var found = new Found();
        var open = new Stack<(DicomDataset Item, int Depth)>([(dataset, 0)]);
        for (var seen = 0; seen < MaxItems && open.TryPop(out var next); seen++)
        {
            found.Take(next.Item);
            if (next.Depth >= MaxDepth) continue;
            // In the order of the document, so that what a bound cuts off is its end.
            foreach (var child in next.Item.GetItems(DicomTags.ContentSequence).Reverse()) open.Push((child, next.Depth + 1));
        }

        return new ReportContent
        {
            SopInstanceUid = sopInstanceUid,
            Words = [.. found.Words],
            Codes = [.. found.Values.Concat(found.Names).Distinct(StringComparer.Ordinal).Take(ReportContent.MaxCodes)],
            Measurements = [.. found.Measurements.Distinct().Take(ReportContent.MaxMeasurements)],
        };
    }

    private sealed class Found
    {
        private int _chars;

        public HashSet<string> Words { get; } = new(StringComparer.Ordinal);

        public List<string> Values { get; } = [];

        public List<string> Names { get; } = [];

        public List<Measurement> Measurements { get; } = [];

        public void Take(DicomDataset item)
        {
            var name = First(item, DicomTags.ConceptNameCodeSequence);
            var code = Code(name);
            if (code is not null && Names.Count < ReportContent.MaxCodes) Names.Add(code);
            Text(name?.GetString(DicomTags.CodeMeaning));
            switch (item.GetString(DicomTags.ValueType)?.Trim())
            {
                case "TEXT":
                    Text(item.GetString(DicomTags.TextValue));
                    break;
                case "CODE" when First(item, DicomTags.ConceptCodeSequence) is { } value:
                    if (Code(value) is { } finding && Values.Count < ReportContent.MaxCodes) Values.Add(finding);
                    Text(value.GetString(DicomTags.CodeMeaning));
                    break;
                case "NUM" when code is not null && First(item, DicomTags.MeasuredValueSequence) is { } measured:
                    Number(code, measured);
                    break;
            }
        }

        private void Number(string code, DicomDataset measured)
        {
            var unit = First(measured, DicomTags.MeasurementUnitsCodeSequence)?.GetString(DicomTags.CodeValue)?.Trim() ?? "";
            if (Measurements.Count < ReportContent.MaxMeasurements && unit.Length <= MaxCode
                && double.TryParse(measured.GetString(DicomTags.NumericValue)?.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value))
            {
                Measurements.Add(new Measurement(code, unit, value));
            }
        }

        private void Text(string? text)
        {
            if (text is null || _chars >= MaxTextChars) return;
            if (text.Length > MaxTextChars - _chars) text = text[..(MaxTextChars - _chars)];
            _chars += text.Length;
            foreach (var word in Catalog.Words.Split(text).SelectMany(Catalog.Words.IndexForms))
            {
                if (Words.Count >= ReportContent.MaxWords) return;
                Words.Add(word);
            }
        }

        private static DicomDataset? First(DicomDataset item, DicomTag tag) => item.GetItems(tag) is [var first, ..] ? first : null;

        /// <summary>The code of a coded entry (PS3.3 table 8.8-1), short, long or URN; null when it has none that is worth an index term.</summary>
        private static string? Code(DicomDataset? entry)
        {
            if (entry is null) return null;
            var value = (entry.GetString(DicomTags.CodeValue) ?? entry.GetString(DicomTags.LongCodeValue) ?? entry.GetString(DicomTags.URNCodeValue))?.Trim();
            var scheme = entry.GetString(DicomTags.CodingSchemeDesignator)?.Trim();
            return value is { Length: > 0 and <= MaxCode } && scheme is { Length: <= MaxCode } ? $"{scheme}:{value}" : null;
        }
    }
}
