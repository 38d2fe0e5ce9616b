using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Skylight.Dicom;
using Skylight.EndToEnd.Tests.DicomWeb;

namespace Skylight.EndToEnd.Tests.Lifecycle;

/// <summary>Deletion over HTTP: what is deleted answers as missing at every address, comes back, and what must stay is refused with the rule that says so.</summary>
public abstract class DeletionHttpTests(EdgeFixture edge)
{
    [Fact]
    public async Task DeletedInstance_IsMissingEverywhere_UntilItIsBroughtBack()
    {
        using var technician = await edge.ClientAsync("technician");
        using var reader = await edge.ClientAsync("radiologist");
        using var records = await edge.ClientAsync("medical-records");
        var files = DemoInstance.Load(Path.Combine(edge.Demo, "head-mr"));
        (await EdgeFixture.StoreAsync(technician, "dicomweb/studies", files.Select(file => file.Bytes))).Dispose();
        var gone = files[0];
        var original = gone.Path.Replace("dicomweb/", "api/", StringComparison.Ordinal) + "/original";
        string[] addresses = [gone.Path, $"{gone.Path}/metadata", $"{gone.Path}/frames/1", original];
        foreach (var address in addresses) Assert.Equal(HttpStatusCode.OK, await StatusAsync(reader, address));
        var before = (await EdgeFixture.JsonAsync(reader, $"dicomweb/instances?StudyInstanceUID={gone.Study}")).GetArrayLength();

        using var refused = await reader.DeleteAsync(gone.Path);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        using var unknown = await technician.DeleteAsync($"{gone.Path}?reason=whatever");
        Assert.Equal(HttpStatusCode.BadRequest, unknown.StatusCode);
        using var deleted = await technician.DeleteAsync($"{gone.Path}?reason=receivedInError");
        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        var record = deleted.Headers.Location!.OriginalString;
        foreach (var address in addresses) Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(reader, address));
        Assert.Equal(before - 1, (await EdgeFixture.JsonAsync(reader, $"dicomweb/instances?StudyInstanceUID={gone.Study}")).GetArrayLength());
        Assert.Empty((await EdgeFixture.JsonAsync(reader, $"dicomweb/instances?SOPInstanceUID={gone.Sop}")).EnumerateArray());

        using (var again = await EdgeFixture.StoreAsync(technician, "dicomweb/studies", gone.Bytes)) Assert.Equal(HttpStatusCode.Conflict, again.StatusCode);
        using (var forbidden = await reader.PostAsync($"{record}/restore", null)) Assert.Equal(HttpStatusCode.Forbidden, forbidden.StatusCode);
        using (var seen = await records.GetAsync(record))
            Assert.Equal(("hidden", "receivedInError", "instances"), await seen.Content.ReadFromJsonAsync<JsonElement>() is var view
                ? (view.GetProperty("status").GetString(), view.GetProperty("reason").GetString(), view.GetProperty("level").GetString()) : default);
        using (var restored = await records.PostAsync($"{record}/restore", null)) Assert.Equal(HttpStatusCode.OK, restored.StatusCode);
        using (var twice = await records.PostAsync($"{record}/restore", null)) Assert.Equal(HttpStatusCode.Conflict, twice.StatusCode);
        foreach (var address in addresses) Assert.Equal(HttpStatusCode.OK, await StatusAsync(reader, address));
    }

    [Fact]
    public async Task Hold_ForbidsDeletion_AndNamesItself()
    {
        using var technician = await edge.ClientAsync("technician");
        using var records = await edge.ClientAsync("medical-records");
        var file = DemoInstance.Load(Path.Combine(edge.Demo, "chest-cr"))[0];
        (await EdgeFixture.StoreAsync(technician, "dicomweb/studies", file.Bytes)).Dispose();
        (await EdgeFixture.StoreAsync(technician, "dicomweb/studies", file.With(dataset => dataset.Set(DicomTags.StudyDescription, Vr.LO, "Other")).Bytes)).Dispose();
        var study = $"api/studies/{file.Study}";
        using var forbidden = await technician.PostAsJsonAsync($"{study}/holds", new { kind = "dispute", reference = "2026-17" });
        Assert.Equal(HttpStatusCode.NotFound, forbidden.StatusCode);
        using var incomplete = await records.PostAsJsonAsync($"{study}/holds", new { kind = "dispute" });
        Assert.Equal(HttpStatusCode.BadRequest, incomplete.StatusCode);
        using var set = await records.PostAsJsonAsync($"{study}/holds", new { kind = "dispute", reference = "2026-17" });
        Assert.Equal(HttpStatusCode.Created, set.StatusCode);
        var hold = (await set.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString();

        using var refused = await technician.DeleteAsync($"dicomweb/studies/{file.Study}");
        var problem = await refused.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal((HttpStatusCode.Conflict, "study-on-hold", hold), (refused.StatusCode, problem.GetProperty("code").GetString(), problem.GetProperty("holdId").GetString()));

        // Whatever else the hold forbids names it likewise.
        var versions = file.Path.Replace("dicomweb/", "api/", StringComparison.Ordinal) + "/versions";
        var order = new { scope = "study", values = new Dictionary<string, string> { ["AccessionNumber"] = "ACC-9" } };
        foreach (var forbiddenToo in new[] { await technician.PostAsJsonAsync($"{study}/corrections", order), await technician.PostAsync($"{versions}/1/restore", null) })
        {
            using (forbiddenToo)
            {
                var named = await forbiddenToo.Content.ReadFromJsonAsync<JsonElement>();
                Assert.Equal((HttpStatusCode.Conflict, hold, "dispute"), (forbiddenToo.StatusCode, named.GetProperty("holdId").GetString(), named.GetProperty("kind").GetString()));
                Assert.NotEqual(default, named.GetProperty("since").GetDateTimeOffset());
            }
        }

        using var encounter = await records.PutAsJsonAsync($"{study}/encounter", new { kind = "outpatient", lastVisit = "2026-01-31" });
        var view = await encounter.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(("RET-OUTPATIENT", 15, true), (view.GetProperty("rule").GetString(), view.GetProperty("years").GetInt32(), view.GetProperty("hold").GetBoolean()));
        using var released = await records.PostAsync($"{study}/holds/{hold}/release", null);
        Assert.Equal(HttpStatusCode.OK, released.StatusCode);
        using var deleted = await technician.DeleteAsync($"dicomweb/studies/{file.Study}");
        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
    }

    [Fact]
    public async Task Post_RepeatedUnderItsIdempotencyKey_MakesOneHoldAndOneProposal()
    {
        using var technician = await edge.ClientAsync("technician");
        using var records = await edge.ClientAsync("medical-records");
        var made = DemoInstance.Load(Path.Combine(edge.Demo, "chest-cr"))[0].With(d => d.Set(DicomTags.StudyInstanceUID, Vr.UI, "1.2.65.1")).With(d => d.Set(DicomTags.SOPInstanceUID, Vr.UI, "1.2.65.1.1.1"));
        (await EdgeFixture.StoreAsync(technician, "dicomweb/studies", made.Bytes)).Dispose();
        var order = new { scope = "study", reason = "correct", values = new Dictionary<string, string> { ["StudyDescription"] = "Thorax" } };
        var hold = new { kind = "dispute", reference = "2026-18" };
        foreach (var (address, body) in new (string, object)[] { ("corrections", order), ("holds", hold) })
        {
            var first = await PostAsync(address, body, "k-1");
            Assert.Equal(first, await PostAsync(address, body, "k-1"));
            if (address == "holds") Assert.NotEqual(first, await PostAsync(address, body, "k-2"));
        }

        // Another request under a key that was used is not the old one.
        foreach (var (address, body) in new (string, object)[]
        {
            ("corrections", order with { values = new Dictionary<string, string> { ["StudyDescription"] = "Abdomen" } }), ("corrections", order with { reason = "coerce" }),
            ("holds", hold with { kind = "legal" }), ("holds", hold with { reference = "2026-19" }),
        })
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, $"api/studies/{made.Study}/{address}") { Content = JsonContent.Create(body) };
            request.Headers.Add("Idempotency-Key", "k-1");
            using var answer = await records.SendAsync(request);
            Assert.Equal((HttpStatusCode.UnprocessableEntity, "idempotency-key-reused"), (answer.StatusCode, (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString()));
        }

        async Task<string> PostAsync(string address, object body, string key)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, $"api/studies/{made.Study}/{address}") { Content = JsonContent.Create(body) };
            request.Headers.Add("Idempotency-Key", key);
            using var answer = await records.SendAsync(request);
            Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
            return (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString()!;
        }
    }

    [Fact]
    public async Task RejectionNote_OfWhoMayNotDelete_WaitsForATechnician()
    {
        using var technician = await edge.ClientAsync("technician");
        using var reader = await edge.ClientAsync("radiologist");
        var made = DemoInstance.Load(Path.Combine(edge.Demo, "chest-cr"))[0].With(d =>
        {
            d.Set(DicomTags.StudyInstanceUID, Vr.UI, "1.2.64.1");
            d.Set(DicomTags.SeriesInstanceUID, Vr.UI, "1.2.64.1.1");
            d.Set(DicomTags.SOPInstanceUID, Vr.UI, "1.2.64.1.1.1");
        });
        (await EdgeFixture.StoreAsync(technician, "dicomweb/studies", made.Bytes)).Dispose();
        var note = Note(made);
        using (var refused = await EdgeFixture.StoreAsync(reader, "dicomweb/studies", note)) Assert.NotEqual(HttpStatusCode.InternalServerError, refused.StatusCode);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(reader, made.Path));
        using (var taken = await EdgeFixture.StoreAsync(technician, "dicomweb/studies", note)) Assert.Equal(HttpStatusCode.OK, taken.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(reader, made.Path));
    }

    /// <summary>A Key Object Selection that rejects an instance for patient safety.</summary>
    private static byte[] Note(DemoInstance rejected)
    {
        var note = new DicomDataset();
        note.Set(DicomTags.SOPClassUID, Vr.UI, "1.2.840.10008.5.1.4.1.1.88.59");
        note.Set(DicomTags.SOPInstanceUID, Vr.UI, "1.2.64.1.9.1");
        note.Set(DicomTags.StudyInstanceUID, Vr.UI, rejected.Study);
        note.Set(DicomTags.SeriesInstanceUID, Vr.UI, "1.2.64.1.9");
        foreach (var tag in new[] { DicomTags.SpecificCharacterSet, DicomTags.PatientID, DicomTags.PatientName })
            if (rejected.File.Dataset.GetString(tag) is { } value) note.Set(tag, tag == DicomTags.PatientID ? Vr.LO : tag == DicomTags.PatientName ? Vr.PN : Vr.CS, value);
        note.Set(DicomTags.Modality, Vr.CS, "KO");
        var title = new DicomDataset();
        title.Set(DicomTags.CodeValue, Vr.SH, "113037");
        title.Set(DicomTags.CodingSchemeDesignator, Vr.SH, "DCM");
        note.Set(DicomTags.ConceptNameCodeSequence, title);
        var instance = new DicomDataset();
        instance.Set(DicomTags.ReferencedSOPInstanceUID, Vr.UI, rejected.Sop);
        var series = new DicomDataset();
        series.Set(DicomTags.ReferencedSOPSequence, instance);
        var study = new DicomDataset();
        study.Set(DicomTags.StudyInstanceUID, Vr.UI, rejected.Study);
        study.Set(DicomTags.ReferencedSeriesSequence, series);
        note.Set(DicomTags.CurrentRequestedProcedureEvidenceSequence, study);
        return DicomWriter.ToArray(DicomFile.Of(note, TransferSyntax.ExplicitLittle));
    }

    [Fact]
    public async Task Hold_OnWhatIsHidden_StopsItsErasure_AndNobodyElseLearnsOfTheStudy()
    {
        using var technician = await edge.ClientAsync("technician");
        using var reader = await edge.ClientAsync("radiologist");
        using var records = await edge.ClientAsync("medical-records");
        var file = DemoInstance.Load(Path.Combine(edge.Demo, "chest-cr"))[0].With(dataset =>
        {
            dataset.Set(DicomTags.StudyInstanceUID, Vr.UI, "1.2.826.0.5.1");
            dataset.Set(DicomTags.SeriesInstanceUID, Vr.UI, "1.2.826.0.5.2");
            dataset.Set(DicomTags.SOPInstanceUID, Vr.UI, "1.2.826.0.5.3");
        });
        (await EdgeFixture.StoreAsync(technician, "dicomweb/studies", file.Bytes)).Dispose();
        using var deleted = await technician.DeleteAsync($"dicomweb/studies/{file.Study}?reason=patientSafety");
        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        var (study, deletion, order) = ($"api/studies/{file.Study}", deleted.Headers.Location!.OriginalString, new { kind = "legal", reference = "2026-18" });

        using (var forbidden = await technician.PostAsJsonAsync($"{study}/holds", order)) Assert.Equal(HttpStatusCode.NotFound, forbidden.StatusCode);
        using (var unseen = await reader.PostAsJsonAsync($"{study}/holds", order)) Assert.Equal(HttpStatusCode.NotFound, unseen.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(reader, $"{study}/retention"));
        using var set = await records.PostAsJsonAsync($"{study}/holds", order);
        Assert.Equal(HttpStatusCode.Created, set.StatusCode);
        var hold = (await set.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString();
        Assert.True((await records.GetFromJsonAsync<JsonElement>($"{study}/retention")).GetProperty("hold").GetBoolean());

        using (var refused = await records.PostAsJsonAsync($"{deletion}/erasure", new { basis = "legalOrder" }))
            Assert.Equal((HttpStatusCode.Conflict, hold), (refused.StatusCode, (await refused.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("holdId").GetString()));
        using (var released = await records.PostAsync($"{study}/holds/{hold}/release", null)) Assert.Equal(HttpStatusCode.OK, released.StatusCode);
        using var asked = await records.PostAsJsonAsync($"{deletion}/erasure", new { basis = "legalOrder" });
        Assert.Equal(HttpStatusCode.Accepted, asked.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(reader, $"dicomweb/studies/{file.Study}/metadata"));
    }

    private static async Task<HttpStatusCode> StatusAsync(HttpClient client, string path)
    {
        using var response = await EdgeFixture.GetAsync(client, path, null);
        return response.StatusCode;
    }
}

public sealed class DeletionHttpTestsOnDisk(EdgeFixture edge) : DeletionHttpTests(edge), IClassFixture<EdgeFixture>;

public sealed class DeletionHttpTestsOnAzure(AzureEdgeFixture edge) : DeletionHttpTests(edge.Ready()), IClassFixture<AzureEdgeFixture>;
