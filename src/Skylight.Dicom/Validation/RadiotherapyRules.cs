namespace Skylight.Dicom;

/// <summary>RT structure sets, plans and doses (PS3.3 C.8.8): numbers refer to what is there, counts count what is there.</summary>
internal static class RadiotherapyRules
{
    public static void Check(DicomDataset d, string sopClass, ValidationReport report)
    {
        switch (sopClass)
        {
            case DicomUids.RTStructureSetStorage: Structures(d, report); break;
            case DicomUids.RTPlanStorage: Plan(d, report); break;
            case DicomUids.RTDoseStorage: Dose(d, report); break;
        }
    }

    private static void Structures(DicomDataset d, ValidationReport report)
    {
        var rois = Numbers(d, DicomTags.StructureSetROISequence, DicomTags.ROINumber, report);
        Refer(d, DicomTags.ROIContourSequence, DicomTags.ReferencedROINumber, rois, report);
        Refer(d, DicomTags.RTROIObservationsSequence, DicomTags.ReferencedROINumber, rois, report);
        var contoured = d.GetItems(DicomTags.ROIContourSequence);
        for (var r = 0; r < contoured.Count; r++)
        {
            var contours = contoured[r].GetItems(DicomTags.ContourSequence);
            for (var c = 0; c < contours.Count && !report.IsFull; c++)
            {
                var points = contours[c].GetInt32(DicomTags.NumberOfContourPoints);
                if (!contours[c].TryGet(DicomTags.ContourData, out var data) || data.Value.IsEmpty) continue;
                var numbers = data.Value.Span.Count((byte)'\\') + 1;
                if (numbers % 3 != 0 || (points is { } p && numbers != p * 3L))
                    report.Add(FindingCodes.CountInconsistent, $"{DicomTags.ROIContourSequence}[{r + 1}].{DicomTags.ContourSequence}[{c + 1}].{DicomTags.ContourData}", $"{numbers} numbers, {points} points");
            }
        }
    }

    private static void Plan(DicomDataset d, ValidationReport report)
    {
        var beams = Numbers(d, DicomTags.BeamSequence, DicomTags.BeamNumber, report);
        var items = d.GetItems(DicomTags.BeamSequence);
        for (var i = 0; i < items.Count; i++)
            Count(items[i], DicomTags.NumberOfControlPoints, DicomTags.ControlPointSequence, $"{DicomTags.BeamSequence}[{i + 1}].", report);
        var groups = d.GetItems(DicomTags.FractionGroupSequence);
        for (var i = 0; i < groups.Count; i++)
        {
            var path = $"{DicomTags.FractionGroupSequence}[{i + 1}].";
            Count(groups[i], DicomTags.NumberOfBeams, DicomTags.ReferencedBeamSequence, path, report);
            if (items.Count > 0) Refer(groups[i], DicomTags.ReferencedBeamSequence, DicomTags.ReferencedBeamNumber, beams, report, path);
        }
    }

    private static void Dose(DicomDataset d, ValidationReport report)
    {
        if (d.GetDouble(DicomTags.DoseGridScaling) is <= 0) report.Add(FindingCodes.CountInconsistent, DicomTags.DoseGridScaling.ToString(), "not positive");
        var offsets = d.GetDoubles(DicomTags.GridFrameOffsetVector);
        if (offsets.Count > 0 && offsets.Count != PixelLayout.Frames(d)) report.Add(FindingCodes.CountInconsistent, DicomTags.GridFrameOffsetVector.ToString(), $"{offsets.Count} offsets, {PixelLayout.Frames(d)} frames");
    }

    private static HashSet<int> Numbers(DicomDataset d, DicomTag sequence, DicomTag number, ValidationReport report)
    {
        var numbers = new HashSet<int>();
        var items = d.GetItems(sequence);
        for (var i = 0; i < items.Count; i++)
            if (items[i].GetInt32(number) is { } n && !numbers.Add(n)) report.Add(FindingCodes.CountInconsistent, $"{sequence}[{i + 1}].{number}", $"{n} occurs twice");
        return numbers;
    }

    private static void Refer(DicomDataset d, DicomTag sequence, DicomTag reference, HashSet<int> known, ValidationReport report, string path = "")
    {
        var items = d.GetItems(sequence);
        for (var i = 0; i < items.Count; i++)
            if (items[i].GetInt32(reference) is { } n && !known.Contains(n)) report.Add(FindingCodes.ReferenceUnknown, $"{path}{sequence}[{i + 1}].{reference}", $"number {n}");
    }

    private static void Count(DicomDataset d, DicomTag count, DicomTag sequence, string path, ValidationReport report)
    {
        // A sequence that is not there at all is a matter of the modules.
        if (d.GetInt32(count) is { } n && d.Contains(sequence) && d.GetItems(sequence).Count != n)
            report.Add(FindingCodes.CountInconsistent, path + count, $"{n}, {d.GetItems(sequence).Count} items");
    }
}
