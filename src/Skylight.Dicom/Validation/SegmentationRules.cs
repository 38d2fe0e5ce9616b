namespace Skylight.Dicom;

/// <summary>Segmentations (PS3.3 C.8.20): bits follow the type, segments count from 1, every frame names a segment that is described.</summary>
internal static class SegmentationRules
{
    public static void Check(DicomDataset d, ValidationReport report)
    {
        var type = d.GetString(DicomTags.SegmentationType);
        var bits = (d.GetInt32(DicomTags.BitsAllocated), d.GetInt32(DicomTags.BitsStored), d.GetInt32(DicomTags.HighBit));
        if ((type == "BINARY" && bits != (1, 1, 0)) || (type == "FRACTIONAL" && bits != (8, 8, 7))) report.Add(FindingCodes.SegmentInconsistent, DicomTags.BitsAllocated.ToString(), $"{type} with {bits.Item1} bits");
        if (d.GetInt32(DicomTags.SamplesPerPixel) is not (null or 1) || d.GetInt32(DicomTags.PixelRepresentation) is not (null or 0)) report.Add(FindingCodes.SegmentInconsistent, DicomTags.SamplesPerPixel.ToString(), "one unsigned sample expected");
        if (type == "FRACTIONAL")
        {
            foreach (var tag in (DicomTag[])[DicomTags.SegmentationFractionalType, DicomTags.MaximumFractionalValue])
                if (!d.Contains(tag)) report.Add(FindingCodes.AttributeConditional, tag.ToString(), $"{DicomDictionary.KeywordOf(tag)} (type 1C, Segmentation, PS3.3 C.8.20.2)");
        }

        var numbers = d.GetItems(DicomTags.SegmentSequence).Select(s => s.GetInt32(DicomTags.SegmentNumber)).ToList();
        if (type != "LABELMAP")
        {
            for (var i = 0; i < numbers.Count; i++)
                if (numbers[i] is { } n && n != i + 1) report.Add(FindingCodes.SegmentInconsistent, $"{DicomTags.SegmentSequence}[{i + 1}].{DicomTags.SegmentNumber}", $"{n}, {i + 1} expected");
        }

        Frames(d, DicomTags.SharedFunctionalGroupsSequence, numbers, report);
        Frames(d, DicomTags.PerFrameFunctionalGroupsSequence, numbers, report);
    }

    private static void Frames(DicomDataset d, DicomTag groups, List<int?> numbers, ValidationReport report)
    {
        var items = d.GetItems(groups);
        for (var i = 0; i < items.Count && !report.IsFull; i++)
            if (items[i].GetItems(DicomTags.SegmentIdentificationSequence) is [var identification, ..] && identification.GetInt32(DicomTags.ReferencedSegmentNumber) is { } number && !numbers.Contains(number))
                report.Add(FindingCodes.ReferenceUnknown, $"{groups}[{i + 1}].{DicomTags.SegmentIdentificationSequence}[1].{DicomTags.ReferencedSegmentNumber}", $"segment {number}");
    }
}
