using System.Net;
using System.Text.Json;

namespace Skylight.EndToEnd.Tests.DicomWeb;

public abstract class SearchTests(EdgeFixture edge)
{
    [Fact]
    public async Task Search_DemoStudies_AnswersViewersAndPeople()
    {
        using var uploader = await edge.ClientAsync("uploader");
        using var reader = await edge.ClientAsync("radiologist");
        var files = DemoInstance.Load(edge.Demo);
        (await EdgeFixture.StoreAsync(uploader, "dicomweb/studies", files.Select(f => f.Bytes))).EnsureSuccessStatusCode();

        var all = await EdgeFixture.JsonAsync(reader, "dicomweb/studies?limit=101&offset=0&fuzzymatching=false&includefield=00081030%2C00080060");
        Assert.Equal(4, all.GetArrayLength());
        // Newest first.
        Assert.Equal(["20260325", "20260320", "20260318", "20260312"], all.EnumerateArray().Select(s => Text(s, "00080020")));
        Assert.Equal("胸部CT平扫+增强", Text(all[3], "00081030"));

        foreach (var (query, count) in new[]
        {
            ("PatientName=" + Uri.EscapeDataString("张*"), 1), ("PatientName=zhang*", 1), ("PatientName=" + Uri.EscapeDataString("Müller^Jürgen"), 1), ("00100020=DEMO-0002", 1),
            ("ModalitiesInStudy=CT", 2), ("ModalitiesInStudy=CT,MR", 3), ("StudyDate=20260318-20260320", 2), ("AccessionNumber=DEMO2603120001", 1), ("PatientID=nobody", 0),
        })
            Assert.True((await EdgeFixture.JsonAsync(reader, "dicomweb/studies?" + query)).GetArrayLength() == count, query);

        var ct = files.First(f => f.File.Dataset.GetString(Skylight.Dicom.DicomTags.PatientID) == "DEMO-0001");
        var series = await EdgeFixture.JsonAsync(reader, $"dicomweb/studies/{ct.Study}/series?includefield=00080021%2C00080031%2C0008103E%2C00200011");
        Assert.Equal(2, series.GetArrayLength());
        Assert.Equal(1, series[0].GetProperty("00200011").GetProperty("Value")[0].GetInt32());
        var instances = await EdgeFixture.JsonAsync(reader, $"dicomweb/studies/{ct.Study}/series/{ct.Series}/instances?limit=2");
        Assert.Equal([1, 2], instances.EnumerateArray().Select(i => i.GetProperty("00200013").GetProperty("Value")[0].GetInt32()));
        Assert.Equal("1.2.840.10008.5.1.4.1.1.2", Text(instances[0], "00080016"));
        var positions = await EdgeFixture.JsonAsync(reader, $"dicomweb/studies/{ct.Study}/instances?includefield=ImagePositionPatient,00280030");
        Assert.All(positions.EnumerateArray(), i => Assert.Equal(3, i.GetProperty("00200032").GetProperty("Value").GetArrayLength()));
        Assert.All(positions.EnumerateArray(), i => Assert.True(i.TryGetProperty("00280030", out _)));
        Assert.Equal(ct.Sop, Text(Assert.Single((await EdgeFixture.JsonAsync(reader, $"dicomweb/instances?SOPInstanceUID={ct.Sop}")).EnumerateArray()), "00080018"));
        Assert.Equal(2, (await EdgeFixture.JsonAsync(reader, "dicomweb/series?Modality=MR")).GetArrayLength());

        using var limited = await reader.GetAsync("dicomweb/studies?limit=2");
        Assert.Contains("299", limited.Headers.GetValues("Warning").Single(), StringComparison.Ordinal);
        using var elsewhere = await reader.GetAsync("institutions/demo/dicomweb/studies");
        Assert.Equal(HttpStatusCode.OK, elsewhere.StatusCode);

        // A clinician without a care relation sees nothing, and an uploader may not look.
        using var clinician = await edge.ClientAsync("clinician");
        Assert.Equal(0, (await EdgeFixture.JsonAsync(clinician, "dicomweb/studies")).GetArrayLength());
        Assert.Equal(HttpStatusCode.NotFound, (await clinician.GetAsync($"dicomweb/studies/{ct.Study}/series")).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await uploader.GetAsync("dicomweb/studies")).StatusCode);
        using var nobody = new HttpClient { BaseAddress = edge.Address };
        Assert.Equal(HttpStatusCode.Unauthorized, (await nobody.GetAsync("dicomweb/studies")).StatusCode);
    }

    private static string? Text(JsonElement item, string tag) => item.GetProperty(tag).GetProperty("Value")[0].GetString();
}

public sealed class SearchTestsOnDisk(EdgeFixture edge) : SearchTests(edge), IClassFixture<EdgeFixture>;

public sealed class SearchTestsOnAzure(AzureEdgeFixture edge) : SearchTests(edge.Ready()), IClassFixture<AzureEdgeFixture>;
