namespace Skylight.Dicom.Tests.Media;

public sealed class PatientKeysTests
{
    [Fact]
    public void Identifiers_WithIssuersAndOthers_AreListedOnce()
    {
        var d = new DicomDataset().Set(DicomTags.PatientID, " ab-12 ").Set(DicomTags.IssuerOfPatientID, "HIS")
            .Set(DicomTags.OtherPatientIDsSequence,
                new DicomDataset().Set(DicomTags.PatientID, "AB12").Set(DicomTags.IssuerOfPatientID, "his"),
                new DicomDataset().Set(DicomTags.PatientID, "AB12").Set(DicomTags.IssuerOfPatientID, "RIS"));
        var ids = PatientKeys.Identifiers(d);
        Assert.Equal(["HIS", "RIS"], ids.Select(i => i.Assigner));
        Assert.Equal("HIS\u001fAB12", ids[0].MatchingKey);
    }

    [Theory]
    [InlineData("Ｐ０００１", "P0001")]
    [InlineData("p 00-01", "P0001")]
    public void Normalize_Id_IgnoresWidthCaseAndSeparators(string id, string expected) => Assert.Equal(expected, PatientKeys.Normalize(id));

    [Fact]
    public void Compare_PinyinAndCharacters_DifferOnlyWhenNoGroupAgrees()
    {
        var a = new DicomDataset().Set(DicomTags.SpecificCharacterSet, "GB18030").Set(DicomTags.PatientName, "Wang^Xiaodong=王^小东").Set(DicomTags.PatientSex, "M");
        var b = new DicomDataset().Set(DicomTags.PatientName, "WANG XIAODONG").Set(DicomTags.PatientSex, "F");
        Assert.Equal(PatientDifferences.Sex, PatientKeys.Compare(a, b));
        b.Set(DicomTags.PatientName, "LI^MING");
        Assert.Equal(PatientDifferences.Name | PatientDifferences.Sex, PatientKeys.Compare(a, b));
    }
}
