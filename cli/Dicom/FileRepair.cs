using Skylight.Dicom;

namespace Skylight.Cli.Dicom;

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

    public static async Task<(DicomFile Repaired, IReadOnlyList<Finding> Repairs)> ProposeAsync(Stream file, CancellationToken cancellationToken)
    {
        using var memory = new MemoryStream();
        await file.CopyToAsync(memory, cancellationToken);
        memory.Position = 0;
        var inspected = await FileFindings.InspectAsync(memory, cancellationToken);
        var whole = DicomFile.Read(memory.GetBuffer().AsSpan(0, (int)memory.Length), new ReadOptions { MaxDatasetBytes = 2L << 30 });
        var dataset = whole.Dataset;
        if (inspected.RepairedCharacterSet is { } set) dataset = ToUtf8(dataset.ReadAs(set));
        return (DicomFile.Of(dataset, whole.Syntax), [.. inspected.Findings.Where(f => Mended.Contains(f.Code))]);
    }

    /// <summary>Every text value again, in UTF-8. Specific Character Set says so first, because the values are encoded under it.</summary>
    private static DicomDataset ToUtf8(DicomDataset source)
    {
        var target = new DicomDataset();
        target.Set(DicomTags.SpecificCharacterSet, "ISO_IR 192");
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
                target.Set(element.Tag, [.. sequence.Items.Select(ToUtf8)]);
                continue;
            }

            if (element.Vr.UsesCharacterSet && element.Fragments is null && element.Bulk is null) target.Set(element.Tag, element.Vr, [.. source.GetStrings(element.Tag)]);
            else target.Set(element);
        }
    }
}
