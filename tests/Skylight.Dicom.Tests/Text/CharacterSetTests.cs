using System.Text;

namespace Skylight.Dicom.Tests.Text;

public sealed class CharacterSetTests
{
    [Theory]
    [InlineData("ISO_IR 101", "44766FF8E16B5E416E746F6EED6E", "Dvořák^Antonín")]
    [InlineData("ISO_IR 109", "C66170656B5EA6", "Ĉapek^Ĥ")]
    [InlineData("ISO_IR 110", "42BA727A69F1B95E4AE06E6973", "Bērziņš^Jānis")]
    [InlineData("ISO_IR 144", "BBEEDA6365DCD17970D3", "Люкceмбypг")]
    [InlineData("ISO_IR 127", "E2C8C7E6EA5EE4E6D2C7D1", "قباني^لنزار")]
    [InlineData("ISO_IR 126", "C4E9EFEDF5F3E9EFF2", "Διονυσιος")]
    [InlineData("ISO_IR 138", "F9F8E5EF5EE3E1E5F8E4", "שרון^דבורה")]
    [InlineData("ISO_IR 148", "C7617675FE6FF06C755EDD6C6B6572", "Çavuşoğlu^İlker")]
    [InlineData("ISO_IR 166", "CAC1AAD2C2", "สมชาย")]
    [InlineData("ISO_IR 203", "BC757672655EA4", "Œuvre^€")]
    [InlineData("ISO_IR 13", "D4CFC0DE5EC0DBB3", "ﾔﾏﾀﾞ^ﾀﾛｳ")]
    [InlineData("GB18030", "CDF55ED0A1B6AB3D9534B235", "王^小东=𠮷")]
    [InlineData("GBK", "CDF55ED0A1B6AB", "王^小东")]
    [InlineData("ISO_IR 192", "E78E8B5EE5B08FE4B89C", "王^小东")]
    [InlineData("iso-ir 100", "4AE972F46D65", "Jérôme")]
    [InlineData("UTF-8", "E78E8B", "王")]
    [InlineData("\\ISO 2022 IR 87", "1B24423B3345441B28425E1B244242404F3A1B2842", "山田^太郎")]
    [InlineData("\\ISO 2022 IR 159", "1B24284430211B2842", "丂")]
    [InlineData("\\ISO 2022 IR 149", "1B242943FBF35E1B242943D1CED4D7", "洪^吉洞")]
    [InlineData("\\ISO 2022 IR 149", "FBF35ED1CED4D7", "洪^吉洞")]
    [InlineData("\\ISO 2022 IR 58", "1B242941D5C55E1B242941D0A1B6AB", "张^小东")]
    [InlineData("ISO 2022 IR 13\\ISO 2022 IR 87", "D4CFC0DE5EC0DBB33D1B24423B3345441B284A5E1B244242404F3A1B284A", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎")]
    [InlineData("ISO 2022 IR 100\\ISO 2022 IR 144", "4AE9721B2D4CBBEE5EE9", "JérЛю^é")]
    public void Decode_DeclaredSet_GivesText(string terms, string hex, string expected)
    {
        var set = CharacterSet.Of(terms.Split('\\'));
        Assert.True(set.IsKnown);
        Assert.Equal(expected, set.Decode(Convert.FromHexString(hex), Vr.PN));
    }

    [Theory]
    [InlineData("ISO_IR 101", "Dvořák^Antonín")]
    [InlineData("ISO_IR 166", "สมชาย")]
    [InlineData("GB18030", "Wang^XiaoDong=王^小东=𠮷")]
    [InlineData("GBK", "王^小东")]
    [InlineData("ISO_IR 192", "王^小东 𠮷 é")]
    [InlineData("\\ISO 2022 IR 87", "Yamada^Tarou=山田^太郎=やまだ^たろう")]
    [InlineData("ISO 2022 IR 13\\ISO 2022 IR 87", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎")]
    [InlineData("\\ISO 2022 IR 87\\ISO 2022 IR 159", "山丂田")]
    [InlineData("\\ISO 2022 IR 149", "Hong^Gildong=洪^吉洞=홍^길동")]
    [InlineData("\\ISO 2022 IR 58", "Zhang^XiaoDong=张^小东")]
    [InlineData("ISO 2022 IR 100\\ISO 2022 IR 144\\ISO 2022 IR 126", "Jérôme Люкс Διον")]
    public void Encode_ThenDecode_IsTheSame(string terms, string text)
    {
        var set = CharacterSet.Of(terms.Split('\\'));
        Assert.Equal(text, set.Decode(set.Encode(text, Vr.PN), Vr.PN));
    }

    [Fact]
    public void Encode_CharacterOutsideTheSet_Throws() =>
        Assert.Throws<ArgumentException>(() => CharacterSet.Of(["ISO_IR 100"]).Encode("王", Vr.LO));

    [Fact]
    public void GetStrings_TrailBytesThatAreDelimiters_AreNotSplit()
    {
        // 盶 is B1 5C, 盺 is B1 5E.
        var dataset = new DicomDataset().Set(DicomTags.SpecificCharacterSet, "GB18030");
        dataset.Set(DicomTags.PatientName, Vr.PN, Convert.FromHexString("B15C5EB15E"));
        dataset.Set(DicomTags.OtherPatientNames, Vr.PN, Convert.FromHexString("B15C5CB15E20"));
        var name = dataset.GetPersonName(DicomTags.PatientName)!;
        Assert.Equal(["盶", "盺", "", "", ""], PersonName.Components(name.Alphabetic));
        Assert.Equal(["盶", "盺"], dataset.GetStrings(DicomTags.OtherPatientNames));
    }

    [Fact]
    public void GetString_ItemWithoutDeclaration_TakesTheOuterSet()
    {
        var item = new DicomDataset().Set(DicomTags.CodeMeaning, Vr.LO, Convert.FromHexString("CDF5"));
        var dataset = new DicomDataset().Set(DicomTags.SpecificCharacterSet, "GB18030").Set(DicomTags.ProcedureCodeSequence, item);
        Assert.Equal("王", dataset.GetItems(DicomTags.ProcedureCodeSequence)[0].GetString(DicomTags.CodeMeaning));
    }

    [Theory]
    [InlineData(null, "Wang^Xiaodong=", "王^小东", "gbk", "GB18030")]
    [InlineData("ISO_IR 100", "", "王^小东", "gbk", "GB18030")]
    [InlineData("ISO_IR 100", "", "王小东", "utf-8", "ISO_IR 192")]
    [InlineData("ISO_IR 192", "", "李明", "gbk", "GB18030")]
    [InlineData("ISO_IR 6", "", "陈", "gbk", "GB18030")]
    [InlineData("ISO_IR 100", "", "Müller^Jürgen", "latin1", null)]
    [InlineData("ISO_IR 100", "", "Jérôme^Noël créée", "latin1", null)]
    [InlineData("GB18030", "", "王^小东", "gbk", null)]
    [InlineData(null, "", "Smith^John", "latin1", null)]
    public void Examine_TextAndDeclaration_ProposesWhatReadsIt(string? declared, string prefix, string text, string actual, string? proposal)
    {
        Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);
        var dataset = new DicomDataset();
        if (declared is not null) dataset.Set(DicomTags.SpecificCharacterSet, declared);
        dataset.Set(DicomTags.PatientName, Vr.PN, Encoding.GetEncoding(actual).GetBytes(prefix + text));
        var findings = new List<Finding>();

        var set = CharacterSetRepair.Examine(dataset, findings);

        Assert.Equal(proposal, set?.ToString());
        Assert.Equal(proposal is not null, findings.Exists(f => f.Code == FindingCodes.CharsetWrong));
        if (set is not null) Assert.Equal(prefix + text, dataset.ReadAs(set).GetString(DicomTags.PatientName));
    }

    [Fact]
    public void ReadAs_ItemsWithAndWithoutDeclaration_AreReadEachInTheirSet()
    {
        var own = new DicomDataset().Set(DicomTags.SpecificCharacterSet, "ISO_IR 100").Set(DicomTags.CodeMeaning, Vr.LO, Convert.FromHexString("4AE9"));
        var plain = new DicomDataset().Set(DicomTags.CodeMeaning, Vr.LO, Convert.FromHexString("CDF5"));
        var stored = new DicomDataset().Set(DicomTags.PatientName, Vr.PN, Convert.FromHexString("CDF5")).Set(DicomTags.ProcedureCodeSequence, own, plain);

        var read = stored.ReadAs(CharacterSet.Gb18030);

        Assert.Equal("GB18030", read.GetString(DicomTags.SpecificCharacterSet));
        Assert.Equal("王", read.GetString(DicomTags.PatientName));
        Assert.Equal(["Jé", "王"], read.GetItems(DicomTags.ProcedureCodeSequence).Select(i => i.GetString(DicomTags.CodeMeaning)));
        Assert.False(stored.Contains(DicomTags.SpecificCharacterSet));
    }

    [Fact]
    public void Of_UnknownTerm_IsReadAsDefault()
    {
        var set = CharacterSet.Of(["KLINGON"]);
        Assert.False(set.IsKnown);
        Assert.Equal("abc", set.Decode("abc"u8, Vr.LO));
    }
}
