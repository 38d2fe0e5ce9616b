using Skylight.Core.Catalog;
using Skylight.Dicom;

namespace Skylight.Core.Tests.Catalog;

public sealed class ReportReaderTests
{
    [Fact]
    public void Read_MeasurementReport_TakesFindingsMeasurementsAndWords()
    {
        var report = ReportReader.Read(Report(
            Code(("121071", "DCM", "Finding"), ("27925004", "SCT", "Nodule")),
            Container(
                Text(("121071", "DCM", "Finding"), "右肺上叶磨玻璃结节 Ground glass"),
                Number(("410668003", "SCT", "Length"), "8.5", "mm"),
                Number(("118565006", "SCT", "Volume"), "-", "mm3"))), "1.2.3")!;
        Assert.Equal(["SCT:27925004", "DCM:121071", "SCT:410668003", "SCT:118565006"], [.. report.Codes.Where(code => code != "DCM:126000")]);
        Assert.Equal([new Measurement("SCT:410668003", "mm", 8.5)], report.Measurements);
        Assert.Equal(5, new[] { "nodule", "磨玻", "结节", "ground", "glass" }.Intersect(report.Words).Count());
        Assert.DoesNotContain("zhang", report.Words);
    }

    [Fact]
    public void Read_OfAnImage_IsNothing() => Assert.Null(ReportReader.Read(new DicomDataset().Set(DicomTags.SOPInstanceUID, "1.2.3"), "1.2.3"));

    [Fact]
    public void Read_HostileTree_StaysBounded()
    {
        var deep = Text(("1", "99X", "leaf"), "leaf");
        for (var i = 0; i < 100; i++) deep = Container(deep);
        var many = Enumerable.Range(0, 2000).Select(i => Number(($"{i}", "99X", $"name{i}"), $"{i}", "mm"));
        var report = ReportReader.Read(Report([deep, .. many, Text(("2", "99X", "long"), string.Join(' ', Enumerable.Range(0, 50_000)))]), "1.2.3")!;
        Assert.Equal(ReportContent.MaxMeasurements, report.Measurements.Count);
        Assert.InRange(report.Codes.Count, 1, ReportContent.MaxCodes);
        Assert.Equal(ReportContent.MaxWords, report.Words.Count);
        Assert.DoesNotContain("leaf", report.Words);
    }

    [Theory]
    [InlineData(5.0, 10.0, "mm", 8.5, "mm", true)]
    [InlineData(5.0, 10.0, null, 8.5, "mm", true)]
    [InlineData(5.0, 10.0, "cm", 8.5, "mm", false)]
    [InlineData(null, 8.5, "mm", 8.5, "mm", true)]
    [InlineData(8.6, null, "mm", 8.5, "mm", false)]
    [InlineData(-3.0, -1.0, "mm", -2.0, "mm", true)]
    [InlineData(-3.0, 0.0, "mm", 0.0, "mm", true)]
    public void MeasurementKey_TermsAndComparison_Agree(double? from, double? to, string? unit, double value, string stored, bool expected)
    {
        var key = new MeasurementKey("SCT:1", unit, from, to);
        var measurement = new Measurement("SCT:1", stored, value);
        Assert.Equal(expected, key.Matches(measurement));
        var (first, last) = key.Terms();
        Assert.Equal(expected, MeasurementKey.TermsOf(measurement).Any(term => string.CompareOrdinal(term, first) >= 0 && string.CompareOrdinal(term, last) <= 0));
    }

    private static DicomDataset Report(params DicomDataset[] items) => Container(items)
        .Set(DicomTags.PatientName, "Zhang^San").Set(DicomTags.Modality, "SR")
        .Set(DicomTags.ConceptNameCodeSequence, Entry(("126000", "DCM", "Imaging Measurement Report")));

    private static DicomDataset Container(params DicomDataset[] items) =>
        new DicomDataset().Set(DicomTags.SpecificCharacterSet, "ISO_IR 192").Set(DicomTags.ValueType, "CONTAINER").Set(DicomTags.ContentSequence, items);

    private static DicomDataset Text((string, string, string) name, string text) => Item("TEXT", name).Set(DicomTags.TextValue, text);

    private static DicomDataset Code((string, string, string) name, (string, string, string) value) => Item("CODE", name).Set(DicomTags.ConceptCodeSequence, Entry(value));

    private static DicomDataset Number((string, string, string) name, string number, string unit) => Item("NUM", name).Set(
        DicomTags.MeasuredValueSequence, new DicomDataset().Set(DicomTags.NumericValue, number).Set(DicomTags.MeasurementUnitsCodeSequence, Entry((unit, "UCUM", unit))));

    private static DicomDataset Item(string type, (string, string, string) name) =>
        new DicomDataset().Set(DicomTags.SpecificCharacterSet, "ISO_IR 192").Set(DicomTags.ValueType, type).Set(DicomTags.ConceptNameCodeSequence, Entry(name));

    private static DicomDataset Entry((string Value, string Scheme, string Meaning) code) => new DicomDataset()
        .Set(DicomTags.SpecificCharacterSet, "ISO_IR 192").Set(DicomTags.CodeValue, code.Value).Set(DicomTags.CodingSchemeDesignator, code.Scheme).Set(DicomTags.CodeMeaning, code.Meaning);
}
