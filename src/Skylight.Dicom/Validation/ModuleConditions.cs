namespace Skylight.Dicom;

/// <summary>Under which circumstances a type 1C or 2C attribute is required, by the names in modules.txt.</summary>
internal static class ModuleConditions
{
    public static Func<DicomDataset, TransferSyntax?, bool> Find(string name) => name switch
    {
        "colour" => static (d, _) => d.GetInt32(DicomTags.SamplesPerPixel) > 1,
        "palette" => static (d, _) => d.GetString(DicomTags.PhotometricInterpretation) == "PALETTE COLOR" && !d.Contains(DicomTags.PixelPresentation),
        "no-other-pixels" => static (d, _) => !d.Contains(DicomTags.FloatPixelData) && !d.Contains(DicomTags.DoubleFloatPixelData) && !d.Contains(DicomTags.PixelDataProviderURL),
        // CT, MR and PET have their orientation in three dimensions or are wrong for want of that.
        "no-orientation" => static (d, _) => d.GetString(DicomTags.SOPClassUID) is not (DicomUids.CTImageStorage or DicomUids.MRImageStorage or DicomUids.PositronEmissionTomographyImageStorage)
            && !d.Contains(DicomTags.ImageOrientationPatient) && !d.Contains(DicomTags.ImagePositionPatient) && !d.Contains(DicomTags.SharedFunctionalGroupsSequence),
        "lossy-declared" => static (d, _) => d.GetString(DicomTags.LossyImageCompression) == "01",
        "not-epi-segmented" => static (d, _) => !(d.GetString(DicomTags.ScanningSequence) == "EP" && !d.GetStrings(DicomTags.SequenceVariant).Contains("SK")),
        "inversion" => static (d, _) => d.GetStrings(DicomTags.ScanningSequence).Contains("IR"),
        "no-current" => static (d, _) => d.GetString(DicomTags.XRayTubeCurrent) is null || d.GetString(DicomTags.ExposureTime) is null,
        "verified" => static (d, _) => d.GetString(DicomTags.VerificationFlag) == "VERIFIED",
        "content-by-value" => static (d, _) => d.GetItems(DicomTags.ContentSequence).All(i => !i.Contains(DicomTags.ReferencedContentItemIdentifier)),
        "pixels" => static (d, _) => d.Contains(DicomTags.PixelData),
        _ => throw new InvalidOperationException($"modules.txt: no condition {name}."),
    };
}
