namespace Skylight.Dicom;

/// <summary>The shape of documents that say they follow TID 1500, Imaging Measurement Report (PS3.16).</summary>
internal static class TemplateRules
{
    private static readonly string[] s_results = ["126010", "126011", "C0034375", "126012"];

    public static void Check(DicomDataset d, ValidationReport report)
    {
        if (!d.GetItems(DicomTags.ContentTemplateSequence).Any(t => t.GetString(DicomTags.TemplateIdentifier) == "1500")) return;
        if (Concept(d) != "126000") report.Add(FindingCodes.TemplateShape, DicomTags.ConceptNameCodeSequence.ToString(), "the title is (126000, DCM, Imaging Measurement Report)");
        var items = d.GetItems(DicomTags.ContentSequence);
        if (!items.Any(i => Concept(i) == "121058" && i.GetString(DicomTags.RelationshipType) == "HAS CONCEPT MOD"))
            report.Add(FindingCodes.TemplateShape, DicomTags.ContentSequence.ToString(), "no procedure reported (121058, DCM)");
        var results = items.Where(i => i.GetString(DicomTags.ValueType) == "CONTAINER" && s_results.Contains(Concept(i))).ToList();
        if (results.Count == 0) report.Add(FindingCodes.TemplateShape, DicomTags.ContentSequence.ToString(), "neither measurements (126010, 126011) nor evaluations (C0034375)");
        for (var k = 0; k < items.Count; k++)
        {
            if (Concept(items[k]) is not ("126010" or "126011")) continue;
            var groups = items[k].GetItems(DicomTags.ContentSequence);
            for (var i = 0; i < groups.Count; i++)
                if (groups[i].GetString(DicomTags.ValueType) == "CONTAINER" && Concept(groups[i]) == "125007" && !groups[i].GetItems(DicomTags.ContentSequence).Any(x => Concept(x) == "112040"))
                    report.Add(FindingCodes.TemplateShape, $"{DicomTags.ContentSequence}[{k + 1}].{DicomTags.ContentSequence}[{i + 1}]", "a measurement group without tracking UID (112040, DCM)");
        }
    }

    private static string? Concept(DicomDataset item) => item.GetItems(DicomTags.ConceptNameCodeSequence) is [var code, ..] ? code.GetString(DicomTags.CodeValue) : null;
}
