using Skylight.Dicom.Tests.Corpus;

namespace Skylight.Dicom.Tests.Validation;

public sealed class DicomValidatorTests
{
    [Fact]
    public void Validate_GoodCt_HasNoFindings() => Assert.Empty(DicomValidator.Validate(Good(), TransferSyntax.ExplicitLittle));

    public static TheoryData<string, string, string> Faults => new()
    {
        { "PatientSex", "", "attribute-missing" },
        { "RescaleSlope", "0", "rescale-slope" },
        { "StudyDate", "2026-01-02", "value-format" },
        { "StudyDate", "20260231", "value-format" },
        { "StudyTime", "2561", "value-format" },
        { "PatientID", "12345678901234567890123456789012345678901234567890123456789012345", "value-too-long" },
        { "PatientSex", "male", "value-format" },
        { "SliceThickness", "thick", "value-format" },
        { "SeriesInstanceUID", "1.02", "value-format" },
        { "Modality", "MR", "modality-mismatch" },
        { "BitsStored", "17", "bits-inconsistent" },
        { "SamplesPerPixel", "3", "samples-inconsistent" },
        { "Rows", "31", "pixel-length" },
        { "PixelSpacing", "0\\1", "spacing" },
        { "ImageOrientationPatient", "1\\0\\0\\1\\0\\0", "orientation" },
        { "ImageOrientationPatient", "1\\0\\0", "vm-not-allowed" },
        { "WindowWidth", "0.5", "window-width" },
        { "KVP", "", "attribute-missing" },
        { "StudyInstanceUID", "", "attribute-missing" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void Validate_OneFault_IsFoundInItsPlace(string keyword, string value, string code)
    {
        Assert.True(DicomTag.TryParse(keyword, out var tag));
        var dataset = Good();
        if (value.Length == 0) dataset.Remove(tag);
        else dataset.Set(tag, value.Split('\\'));
        var found = DicomValidator.Validate(dataset, TransferSyntax.ExplicitLittle);
        Assert.Contains(found, f => f.Code == code);
        if (code is "value-format" or "value-too-long" or "attribute-missing") Assert.Contains(found, f => f.Code == code && f.Path == tag.ToString());
    }

    [Fact]
    public void Validate_EmptyTypeOne_IsAnError()
    {
        var dataset = Good().Set(new DicomElement(DicomTags.ImageType, Vr.CS, default));
        var finding = Assert.Single(DicomValidator.Validate(dataset), f => f.Code == FindingCodes.AttributeEmpty);
        Assert.Equal(FindingSeverity.Error, finding.Severity);
        Assert.Contains("C.8.2.1", finding.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Validate_PrivateWithoutCreatorAndWrongVr_AreFoundInItems()
    {
        var item = new DicomDataset().Set(new DicomTag(0x0033, 0x1001), Vr.LO, "x").Set(DicomTags.CodeValue, Vr.LO, "y");
        var found = DicomValidator.Validate(Good().Set(DicomTags.ProcedureCodeSequence, item));
        Assert.Contains(found, f => f is { Code: FindingCodes.PrivateCreatorMissing, Path: "(0008,1032)[1].(0033,1001)" });
        Assert.Contains(found, f => f is { Code: FindingCodes.VrNotAllowed, Path: "(0008,1032)[1].(0008,0100)" });
    }

    [Theory]
    [InlineData("1", 1, true)]
    [InlineData("1", 2, false)]
    [InlineData("1-3", 3, true)]
    [InlineData("1-3", 4, false)]
    [InlineData("2-n", 9, true)]
    [InlineData("2-n", 1, false)]
    [InlineData("3-3n", 6, true)]
    [InlineData("3-3n", 5, false)]
    public void FitsVm_Multiplicity_FollowsTheNotation(string vm, int count, bool fits) => Assert.Equal(fits, ElementRules.FitsVm(vm, count));

    [Fact]
    public void Catalogue_EveryKind_HasBothTexts()
    {
        Assert.All(FindingCatalogue.All, k => Assert.True(k.English.Length > 0 && k.Chinese.Any(c => c is >= '\u4e00' and <= '\u9fff'), k.Code));
        var codes = typeof(FindingCodes).GetFields().Select(f => (string)f.GetRawConstantValue()!).ToHashSet();
        Assert.Equal(codes.Order(), FindingCatalogue.All.Select(k => k.Code).Order());
    }

    [Fact]
    public void SopClasses_OfTheTable_AreStorageClasses() =>
        Assert.All(ModuleRules.SopClasses, uid => Assert.EndsWith("Storage", DicomUids.Find(uid)!.Keyword.Replace("ForPresentation", "", StringComparison.Ordinal).Replace("ForProcessing", "", StringComparison.Ordinal), StringComparison.Ordinal));

    [Theory]
    [MemberData(nameof(CorpusFiles.All), MemberType = typeof(CorpusFiles))]
    public void Validate_CorpusFile_EndsWithTextsForEveryFinding(string name)
    {
        using var inspector = new InstanceInspector(new InspectOptions { AllowTruncated = true });
        inspector.Append(CorpusFiles.Bytes(name));
        var found = DicomValidator.Validate(inspector.Complete(), ValidationOptions.Strict);
        Assert.All(found, f => Assert.True(f.Text.Length > 0 && f.TextZh.Length > 0));
    }

    private static DicomDataset Good() => Samples.Ct()
        .Set(DicomTags.ReferringPhysicianName, "").Set(DicomTags.StudyID, "1").Set(DicomTags.PositionReferenceIndicator, "").Set(DicomTags.AcquisitionNumber, 1);
}
