using System.Net;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Core.Access;
using Skylight.Core.Catalog;
using Skylight.Dicom;
using Skylight.EndToEnd.Tests.DicomWeb;

namespace Skylight.EndToEnd.Tests.Catalog;

/// <summary>Keyword search over the demo studies and a report, as people of each role see it.</summary>
public abstract class KeywordSearchTests(EdgeFixture edge)
{
    [Fact]
    public async Task Search_ByKeywordsAndConditions_FindsWhatTheCallerMaySee()
    {
        using var uploader = await edge.ClientAsync("uploader");
        using var reader = await edge.ClientAsync("radiologist");
        var files = DemoInstance.Load(edge.Demo);
        var ct = files.First(f => f.File.Dataset.GetString(DicomTags.PatientID) == "DEMO-0001");
        (await EdgeFixture.StoreAsync(uploader, "dicomweb/studies", [.. files.Select(f => f.Bytes), ct.With(ToReport).Bytes])).EnsureSuccessStatusCode();

        foreach (var (query, expected) in new[]
        {
            ("q=张伟", "DEMO-0001"), ("q=張偉", "DEMO-0001"), ("q=zhangwei", "DEMO-0001"), ("q=Zhang Wei", "DEMO-0001"), ("q=zw", "DEMO-0001"), ("q=ZW", "DEMO-0001"),
            ("q=ln", "DEMO-0002"), ("q=李娜", "DEMO-0002"), ("q=muller", "DEMO-0003"), ("q=DEMO-0004", "DEMO-0004"), ("q=DEMO2603120001", "DEMO-0001"),
            ("q=胸部 增强", "DEMO-0001"), ("q=zhang 磨玻璃", "DEMO-0001"), ("report=结节", "DEMO-0001"), ("report=伟", ""), ("q=磨玻璃&modality=MR", ""),
            ("modality=MR", "DEMO-0002"), ("date=2026-03-12", "DEMO-0001"), ("date=20260301-20260315&q=z", "DEMO-0001"), ("sex=F&age=40-60", "DEMO-0004"), ("age=-40", "DEMO-0002"),
            ("finding=SCT:27925004", "DEMO-0001"), ("finding=SCT:1", ""), ("measurement=SCT:410668003:5..10:mm", "DEMO-0001"), ("measurement=SCT:410668003:9..", ""),
            ("q=zhang *", "DEMO-0001"), ("level=5", ""), ("tier=archive", ""), ("bodyPart=chest&q=zhang", "DEMO-0001"), ("performing=demo&state=receiving&q=wei", "DEMO-0001"), ("q=nobody", ""),
        })
            Assert.True(await FindAsync(reader, query) == expected, query + " found " + await FindAsync(reader, query));

        foreach (var bad in new[] { "q=" + string.Join('+', Enumerable.Range(0, 30)), "level=9", "tier=warmish", "colour=red", "next=AAAA", "age=x", "measurement=1", "q=*", "q=_%25", "q=%00", "report=-", "date=2025-13-01", "date=20250229-20250301", "date=2025", "limit=x", "limit=501" })
        {
            using var refused = await reader.GetAsync("api/studies?" + bad);
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        }

        await PagesAsync(reader);
        await ScopesAsync(ct);
    }

    /// <summary>Every study once, newest first.</summary>
    private static async Task PagesAsync(HttpClient reader)
    {
        var seen = new List<string>();
        string? next = null;
        do
        {
            var page = await JsonAsync(reader, "api/studies?limit=1" + (next is null ? "" : "&next=" + next));
            seen.AddRange(page.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("patientId").GetString()!));
            next = page.TryGetProperty("next", out var more) ? more.GetString() : null;
        }
        while (next is not null);
        Assert.Equal(["DEMO-0004", "DEMO-0003", "DEMO-0002", "DEMO-0001"], seen);
    }

    private async Task ScopesAsync(DemoInstance ct)
    {
        using var clinician = await edge.ClientAsync("clinician");
        Assert.Equal("", await FindAsync(clinician, "q=zhang"));
        using var patient = await edge.ClientAsync("patient");
        Assert.Equal("", await FindAsync(patient, ""));
        foreach (var role in new[] { "uploader", "institution-admin", "system-admin" })
        {
            using var refused = await edge.ClientAsync(role);
            Assert.Equal(HttpStatusCode.Forbidden, (await refused.GetAsync("api/studies?q=zhang")).StatusCode);
        }

        // A clinician who treats the patient sees that patient alone.
        var study = (await edge.Services.GetRequiredService<ICatalog>().GetStudyAsync("demo", ct.Study, default))!.Value;
        var me = await JsonAsync(clinician, "api/me");
        var now = DateTimeOffset.UtcNow;
        await edge.Services.GetRequiredService<RelationRecords>().AddAsync(
            "demo", new CareRelation(1, me.GetProperty("subject").GetString()!, CareRelationKind.Treating, false, study.PatientKey, null, now.AddHours(-1), now.AddHours(1), "ward", "test", now, null), null, default);
        Assert.Equal("DEMO-0001", await FindAsync(clinician, ""));
        Assert.Equal("DEMO-0001", await FindAsync(clinician, "q=zw"));
        Assert.Equal("", await FindAsync(clinician, "q=lina"));
    }

    private static async Task<string> FindAsync(HttpClient client, string query)
    {
        var page = await JsonAsync(client, "api/studies?" + string.Join('&', query.Split('&').Select(part => string.Join('=', part.Split('=', 2).Select(Uri.EscapeDataString)))).TrimEnd('='));
        return string.Join(' ', page.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("patientId").GetString()));
    }

    private static async Task<JsonElement> JsonAsync(HttpClient client, string path)
    {
        using var response = await client.GetAsync(path);
        Assert.True(response.IsSuccessStatusCode, $"{(int)response.StatusCode} {path}");
        return JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync()).RootElement;
    }

    private static void ToReport(DicomDataset dataset)
    {
        dataset.Remove(DicomTags.PixelData);
        dataset.Set(DicomTags.SOPClassUID, "1.2.840.10008.5.1.4.1.1.88.33").Set(DicomTags.SOPInstanceUID, "1.2.826.0.1.77.1").Set(DicomTags.SeriesInstanceUID, "1.2.826.0.1.77").Set(DicomTags.Modality, "SR");
        dataset.Set(DicomTags.ValueType, "CONTAINER").Set(DicomTags.ConceptNameCodeSequence, Entry("126000", "DCM", "Imaging Measurement Report"));
        dataset.Set(
            DicomTags.ContentSequence,
            new DicomDataset().Set(DicomTags.ValueType, "CODE").Set(DicomTags.ConceptNameCodeSequence, Entry("121071", "DCM", "Finding")).Set(DicomTags.ConceptCodeSequence, Entry("27925004", "SCT", "Nodule")),
            new DicomDataset().Set(DicomTags.SpecificCharacterSet, "ISO_IR 192").Set(DicomTags.ValueType, "TEXT").Set(DicomTags.ConceptNameCodeSequence, Entry("121071", "DCM", "Finding")).Set(DicomTags.TextValue, "右肺上叶磨玻璃结节"),
            new DicomDataset().Set(DicomTags.ValueType, "NUM").Set(DicomTags.ConceptNameCodeSequence, Entry("410668003", "SCT", "Length")).Set(
                DicomTags.MeasuredValueSequence, new DicomDataset().Set(DicomTags.NumericValue, "8.5").Set(DicomTags.MeasurementUnitsCodeSequence, Entry("mm", "UCUM", "mm"))));
    }

    private static DicomDataset Entry(string value, string scheme, string meaning) =>
        new DicomDataset().Set(DicomTags.CodeValue, value).Set(DicomTags.CodingSchemeDesignator, scheme).Set(DicomTags.CodeMeaning, meaning);
}

public sealed class KeywordSearchTestsOnDisk(EdgeFixture edge) : KeywordSearchTests(edge), IClassFixture<EdgeFixture>;

public sealed class KeywordSearchTestsOnAzure(AzureEdgeFixture edge) : KeywordSearchTests(edge.Ready()), IClassFixture<AzureEdgeFixture>;
