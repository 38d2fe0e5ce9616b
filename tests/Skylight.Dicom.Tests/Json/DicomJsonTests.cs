using System.Text;

namespace Skylight.Dicom.Tests.Json;

public sealed class DicomJsonTests
{
    [Theory]
    [InlineData("1.50", "1.50")]
    [InlineData("+1.5", "1.5")]
    [InlineData(".5", "0.5")]
    [InlineData("007", "7")]
    [InlineData("1e999", "\"1e999\"")]
    [InlineData("1e5 1", "\"1e5 1\"")]
    [InlineData("12 mm", "\"12 mm\"")]
    public void Write_DecimalString_IsANumberWhereItCanBe(string value, string json)
    {
        var dataset = new DicomDataset().Set(DicomTags.SliceThickness, Vr.DS, Encoding.ASCII.GetBytes(value));
        Assert.Equal("{\"00180050\":{\"vr\":\"DS\",\"Value\":[" + json + "]}}", Encoding.UTF8.GetString(DicomJson.ToUtf8(dataset)));
    }

    [Fact]
    public void Write_EmptyValuesAmongOthers_AreNull()
    {
        var dataset = new DicomDataset().Set(DicomTags.ImageType, "A", "", "B").Set(DicomTags.PatientID, "");
        Assert.Equal("""{"00080008":{"vr":"CS","Value":["A",null,"B"]},"00100020":{"vr":"LO"}}""", Encoding.UTF8.GetString(DicomJson.ToUtf8(dataset)));
    }

    [Fact]
    public void WriteRead_EveryKindOfNumber_KeepsItsBits()
    {
        var dataset = new DicomDataset()
            .Set(new DicomTag(0x0009, 0x1001), Vr.FD, double.NaN, double.PositiveInfinity, -0.0, 1e-300)
            .Set(new DicomTag(0x0009, 0x1002), Vr.FL, 0.1f, float.MaxValue)
            .Set(new DicomTag(0x0009, 0x1003), Vr.UV, BitConverter.GetBytes(ulong.MaxValue))
            .Set(new DicomTag(0x0009, 0x1004), Vr.SV, BitConverter.GetBytes(long.MinValue))
            .Set(new DicomTag(0x0009, 0x1005), Vr.AT, new byte[] { 0x10, 0x00, 0x20, 0x00 })
            .Set(new DicomTag(0x0009, 0x1006), Vr.OB, new byte[] { 1, 2, 3, 4 });
        var again = DicomJson.Read(DicomJson.ToUtf8(dataset));
        foreach (var e in dataset) Assert.Equal(Convert.ToHexString(e.Value.Span), Convert.ToHexString(again.GetBytes(e.Tag).Span));
    }

    [Fact]
    public void Write_RepairedReading_IsUtf8()
    {
        var stored = new DicomDataset().Set(DicomTags.SpecificCharacterSet, "ISO_IR 100").Set(DicomTags.PatientName, Vr.PN, Convert.FromHexString("CDF55ED0A1B6AB20"));
        var json = Encoding.UTF8.GetString(DicomJson.ToUtf8(stored.ReadAs(CharacterSet.Gb18030)));
        Assert.Equal("""{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00100010":{"vr":"PN","Value":[{"Alphabetic":"王^小东"}]}}""", json);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[")]
    [InlineData("{}x")]
    [InlineData("{\"00100020\":{\"vr\":\"LO\",\"Value\":[\"\\uD800\"]}}")]
    [InlineData("{\"Nonsense\":{}}")]
    [InlineData("{\"00100010\":1}")]
    [InlineData("{\"00100010\":{\"vr\":\"QQ\"}}")]
    [InlineData("{\"00280010\":{\"vr\":\"US\",\"Value\":[70000]}}")]
    [InlineData("{\"00280010\":{\"vr\":\"US\",\"Value\":[null]}}")]
    [InlineData("{\"00280010\":{\"vr\":\"US\"},\"Rows\":{\"vr\":\"US\"}}")]
    [InlineData("{\"7FE00010\":{\"vr\":\"OB\",\"InlineBinary\":\"***\"}}")]
    public void Read_NotDicomJson_IsRefusedWithItsCode(string json) =>
        Assert.Equal(DicomErrors.BadJson, Assert.Throws<DicomFormatException>(() => DicomJson.Read(Encoding.UTF8.GetBytes(json))).Code);
}
