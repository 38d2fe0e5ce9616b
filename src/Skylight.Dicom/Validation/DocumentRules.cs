namespace Skylight.Dicom;

/// <summary>Waveforms, encapsulated documents, presentation states: whether their contents are what their attributes say.</summary>
internal static class DocumentRules
{
    public static void Check(DicomDataset d, string sopClass, ValidationReport report)
    {
        Waveforms(d, report);
        if (sopClass == DicomUids.EncapsulatedPDFStorage) Pdf(d, report);
        if (sopClass is DicomUids.GrayscaleSoftcopyPresentationStateStorage or DicomUids.ColorSoftcopyPresentationStateStorage) Presentation(d, report);
    }

    /// <summary>PS3.3 C.10.9: samples of all channels, one after the other in time.</summary>
    private static void Waveforms(DicomDataset d, ValidationReport report)
    {
        var groups = d.GetItems(DicomTags.WaveformSequence);
        for (var i = 0; i < groups.Count; i++)
        {
            var (g, path) = (groups[i], $"{DicomTags.WaveformSequence}[{i + 1}].");
            if (g.GetInt64(DicomTags.NumberOfWaveformChannels) is not { } channels || g.GetInt64(DicomTags.NumberOfWaveformSamples) is not { } samples || g.GetInt64(DicomTags.WaveformBitsAllocated) is not { } bits) continue;
            if (g.GetItems(DicomTags.ChannelDefinitionSequence) is { Count: > 0 } definitions && definitions.Count != channels)
                report.Add(FindingCodes.CountInconsistent, path + DicomTags.ChannelDefinitionSequence, $"{definitions.Count} definitions, {channels} channels");
            if (!g.TryGet(DicomTags.WaveformData, out var data) || data.BulkUri is not null) continue;
            var expected = channels * samples * bits / 8;
            var actual = data.Bulk?.Length ?? data.Value.Length;
            if (actual != expected && actual != expected + (expected & 1)) report.Add(FindingCodes.WaveformLength, path + DicomTags.WaveformData, $"{actual} bytes, {expected} expected");
            var interpretation = g.GetString(DicomTags.WaveformSampleInterpretation);
            var size = interpretation switch { "SB" or "UB" or "MB" or "AB" => 8, "SS" or "US" => 16, "SL" or "UL" => 32, "SV" or "UV" => 64, _ => bits };
            if (size != bits) report.Add(FindingCodes.WaveformLength, path + DicomTags.WaveformSampleInterpretation, $"{interpretation} in {bits} bits");
        }
    }

    /// <summary>PS3.3 C.24.2.</summary>
    private static void Pdf(DicomDataset d, ValidationReport report)
    {
        if (d.GetString(DicomTags.MIMETypeOfEncapsulatedDocument) is { } type && !type.Equals("application/pdf", StringComparison.OrdinalIgnoreCase))
            report.Add(FindingCodes.DocumentContent, DicomTags.MIMETypeOfEncapsulatedDocument.ToString(), "application/pdf expected");
        if (!d.TryGet(DicomTags.EncapsulatedDocument, out var document)) return;
        if (!document.Value.IsEmpty && !document.Value.Span.StartsWith("%PDF"u8)) report.Add(FindingCodes.DocumentContent, DicomTags.EncapsulatedDocument.ToString(), "does not begin like a PDF file");
        var length = document.Bulk?.Length ?? document.Value.Length;
        if (document.BulkUri is null && d.GetInt64(DicomTags.EncapsulatedDocumentLength) is { } declared && declared != length && declared != length - 1)
            report.Add(FindingCodes.DocumentContent, DicomTags.EncapsulatedDocumentLength.ToString(), $"{declared}, {length} bytes");
    }

    /// <summary>PS3.3 C.11.11 and C.10.4: images to show, and how large.</summary>
    private static void Presentation(DicomDataset d, ValidationReport report)
    {
        var series = d.GetItems(DicomTags.ReferencedSeriesSequence);
        for (var i = 0; i < series.Count; i++)
            if (series[i].GetItems(DicomTags.ReferencedImageSequence).Count == 0) report.Add(FindingCodes.AttributeConditional, $"{DicomTags.ReferencedSeriesSequence}[{i + 1}].{DicomTags.ReferencedImageSequence}", "ReferencedImageSequence (type 1, PresentationRelationship, PS3.3 C.11.11)");
        var areas = d.GetItems(DicomTags.DisplayedAreaSelectionSequence);
        for (var i = 0; i < areas.Count; i++)
        {
            var path = $"{DicomTags.DisplayedAreaSelectionSequence}[{i + 1}].";
            foreach (var corner in (DicomTag[])[DicomTags.DisplayedAreaTopLeftHandCorner, DicomTags.DisplayedAreaBottomRightHandCorner])
                if (areas[i].GetDoubles(corner).Count != 2) report.Add(FindingCodes.AttributeMissing, path + corner, $"{DicomDictionary.KeywordOf(corner)} (type 1, DisplayedArea, PS3.3 C.10.4)");
            switch (areas[i].GetString(DicomTags.PresentationSizeMode))
            {
                case null:
                    report.Add(FindingCodes.AttributeMissing, path + DicomTags.PresentationSizeMode, "PresentationSizeMode (type 1, DisplayedArea, PS3.3 C.10.4)");
                    break;
                case "TRUE SIZE" when !areas[i].Contains(DicomTags.PresentationPixelSpacing):
                    report.Add(FindingCodes.AttributeConditional, path + DicomTags.PresentationPixelSpacing, "PresentationPixelSpacing (type 1C, DisplayedArea, PS3.3 C.10.4)");
                    break;
                case "MAGNIFY" when !areas[i].Contains(DicomTags.PresentationPixelMagnificationRatio):
                    report.Add(FindingCodes.AttributeConditional, path + DicomTags.PresentationPixelMagnificationRatio, "PresentationPixelMagnificationRatio (type 1C, DisplayedArea, PS3.3 C.10.4)");
                    break;
            }
        }
    }
}
