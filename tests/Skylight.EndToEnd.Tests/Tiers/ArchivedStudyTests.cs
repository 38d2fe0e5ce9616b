using System.CommandLine;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Cli;
using Skylight.Cli.Query;
using Skylight.Core.Access;
using Skylight.Core.Catalog;
using Skylight.Core.Studies;
using Skylight.Core.Tiers;
using Skylight.Dicom;
using Skylight.EndToEnd.Tests.DicomWeb;
using Skylight.Local.Journal;

namespace Skylight.EndToEnd.Tests.Tiers;

/// <summary>A study goes to the archive by policy and comes back when somebody reads it, over HTTP, by the orchestration of the real host.</summary>
public sealed class ArchivedStudyTests : IClassFixture<ArchivedStudyTests.SlowArchive>
{
    private readonly SlowArchive _edge;

    public ArchivedStudyTests(SlowArchive edge) => _edge = edge;

    [Fact]
    public async Task ArchivedStudy_AnswersWhenItWillBeReady_AndComesBack()
    {
        using var uploader = await _edge.ClientAsync("uploader");
        using var reader = await _edge.ClientAsync("radiologist");
        using var admin = await _edge.ClientAsync("institution-admin");
        var files = DemoInstance.Load(Path.Combine(_edge.Demo, "head-mr"));
        var file = files[0];
        (await EdgeFixture.StoreAsync(uploader, "dicomweb/studies", files.Select(f => f.Bytes))).EnsureSuccessStatusCode();
        await ArchiveAsync(admin, reader, file.Study);

        // Everything but the pixels answers as before.
        Assert.Equal("NEARLINE", (await EdgeFixture.JsonAsync(reader, "dicomweb/studies?StudyInstanceUID=" + file.Study))[0].GetProperty("00080056").GetProperty("Value")[0].GetString());
        Assert.Equal(files.Count, (await EdgeFixture.JsonAsync(reader, $"dicomweb/studies/{file.Study}/metadata")).GetArrayLength());
        Assert.Equal(1, (await JsonAsync(reader, "api/studies?tier=archive&q=lina")).GetProperty("items").GetArrayLength());

        // The thumbnails that it keeps do not ask for the study.
        foreach (var path in (string[])[$"dicomweb/studies/{file.Study}", file.Path[..file.Path.IndexOf("/instances/", StringComparison.Ordinal)]])
        {
            using var thumbnail = await EdgeFixture.GetAsync(reader, $"{path}/thumbnail", "image/jpeg");
            Assert.Equal((HttpStatusCode.OK, "image/jpeg"), (thumbnail.StatusCode, thumbnail.Content.Headers.ContentType!.MediaType));
            Assert.Equal([0xFF, 0xD8, 0xFF], (await thumbnail.Content.ReadAsByteArrayAsync())[..3]);
        }

        // Who may not read it learns nothing; who may is told when, and the same each time.
        using var clinician = await _edge.ClientAsync("clinician");
        Assert.Equal(HttpStatusCode.NotFound, (await clinician.GetAsync(file.Path)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await clinician.PostAsync($"api/studies/{file.Study}/rehydration", null)).StatusCode);
        Assert.Equal(JsonValueKind.Undefined, (await JsonAsync(reader, $"api/studies/{file.Study}/availability")).TryGetProperty("requestedAt", out var none) ? none.ValueKind : JsonValueKind.Undefined);
        var first = await WaitingAsync(reader, $"{file.Path}/frames/1");
        await TreatAsync(clinician, file.Study);
        var second = await WaitingAsync(clinician, $"dicomweb/studies/{file.Study}");
        Assert.Equal(first.GetProperty("readyAt").GetString(), second.GetProperty("readyAt").GetString());

        // The command line says so too, or waits.
        var output = Path.Combine(_edge.Data, "archived");
        var told = await Assert.ThrowsAsync<CliException>(() => GetAsync(file.Study, output));
        Assert.Equal(ExitCode.Partial, told.ExitCode);
        Assert.Contains(first.GetProperty("readyAt").GetString()!, told.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(output));
        var waiting = GetAsync(file.Study, output, "--wait");

        var status = first.GetProperty("statusUrl").GetString()!;
        var ends = DateTime.UtcNow.AddMinutes(4);
        while (!(await JsonAsync(reader, status)).GetProperty("readable").GetBoolean())
        {
            Assert.True(DateTime.UtcNow < ends, "The study does not come back.");
            await Task.Delay(200);
        }

        using var returned = await EdgeFixture.GetAsync(reader, file.Path, "application/dicom; transfer-syntax=*");
        Assert.Equal(file.Dataset, DemoInstance.DatasetOf(await returned.Content.ReadAsByteArrayAsync()));
        Assert.Equal("ONLINE", (await EdgeFixture.JsonAsync(reader, "dicomweb/studies?StudyInstanceUID=" + file.Study))[0].GetProperty("00080056").GetProperty("Value")[0].GetString());
        Assert.Equal(StorageTier.Warm, (await _edge.Services.GetRequiredService<ICatalog>().GetStudyAsync("demo", file.Study, default))!.Value.Tier);
        Assert.Equal(0, await waiting);
        Assert.Equal(files.Count, Directory.GetFiles(output, "*.dcm").Length);
    }

    private async Task<int> GetAsync(string study, string output, params string[] more)
    {
        var root = new RootCommand { Connection.Url, Connection.Token, Connection.Json, GetCommand.Create() };
        return await root.Parse(["get", "study", study, "-o", output, .. more, "--url", _edge.Address.AbsoluteUri, "--token", await _edge.TokenAsync("radiologist")])
            .InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
    }

    [Fact]
    public async Task HeldContentOfAnArchivedStudy_IsTakenInWhenTheStudyIsBack()
    {
        using var uploader = await _edge.ClientAsync("uploader");
        using var technician = await _edge.ClientAsync("technician");
        using var reader = await _edge.ClientAsync("radiologist");
        var first = DemoInstance.Load(Path.Combine(_edge.Demo, "chest-cr"))[0];
        var other = first.With(d => d.Set(DicomTags.PixelData, Vr.OW, new byte[d.GetBytes(DicomTags.PixelData).Length]));
        (await EdgeFixture.StoreAsync(uploader, "dicomweb/studies", first.Bytes)).EnsureSuccessStatusCode();
        (await EdgeFixture.StoreAsync(uploader, "dicomweb/studies", other.Bytes)).Dispose();
        await _edge.Services.GetRequiredService<JournalDrain>().DrainAllAsync(default);
        var key = (await _edge.Services.GetRequiredService<ICatalog>().GetStudyAsync("demo", first.Study, default))!.Value.StudyKey;
        Assert.Equal(TierMove.Done, await _edge.Services.GetRequiredService<StudyTiers>().MoveAsync("demo", key, StorageTier.Archive, default));
        await WaitingAsync(reader, first.Path.Replace("dicomweb/", "api/", StringComparison.Ordinal) + "/versions/1");
        var item = (await JsonAsync(technician, "api/intake?status=open")).GetProperty("items").EnumerateArray().Single(i => i.GetProperty("sopInstanceUid").GetString() == first.Sop);
        var path = $"/api/intake/{item.GetProperty("id").GetString()}";
        using (var accepted = await technician.PostAsJsonAsync($"{path}/accept", new { note = "checked" }))
        {
            Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
            Assert.Equal(path, accepted.Headers.Location!.OriginalString);
        }

        Assert.Equal("deciding", (await JsonAsync(technician, path)).GetProperty("status").GetString());
        var ends = DateTime.UtcNow.AddSeconds(60);
        while ((await JsonAsync(technician, path)).GetProperty("status").GetString() != "accepted")
        {
            Assert.True(DateTime.UtcNow < ends, "The decision is not carried out.");
            await JsonAsync(reader, $"api/studies/{first.Study}/availability");
            await Task.Delay(200);
        }

        using var served = await EdgeFixture.GetAsync(reader, first.Path, "application/dicom");
        Assert.Equal(other.Dataset, DemoInstance.DatasetOf(await served.Content.ReadAsByteArrayAsync()));
    }

    private async Task ArchiveAsync(HttpClient admin, HttpClient reader, string study)
    {
        // The study is complete, and its packs have left the journal.
        var catalog = _edge.Services.GetRequiredService<ICatalog>();
        var ends = DateTime.UtcNow.AddMinutes(4);
        while ((await catalog.GetStudyAsync("demo", study, default))!.Value.State != StudyState.Complete)
        {
            Assert.True(DateTime.UtcNow < ends, "The study does not become complete.");
            await _edge.Services.GetRequiredService<StudyClock>().AdvanceAsync(default);
            await Task.Delay(200);
        }

        await _edge.Services.GetRequiredService<JournalDrain>().DrainAllAsync(default);
        Assert.Equal(HttpStatusCode.BadRequest, (await admin.PutAsJsonAsync("api/tiers/policy", new { rules = new[] { new { warmAfterDays = 9, coldAfterDays = 1 } } })).StatusCode);
        (await admin.PutAsJsonAsync("api/tiers/policy", new { rules = new[] { new { archiveAfterDays = 0 } } })).EnsureSuccessStatusCode();
        Assert.Equal(0, (await JsonAsync(admin, "api/tiers/policy")).GetProperty("rules")[0].GetProperty("archiveAfterDays").GetInt32());
        using var sweep = await admin.PostAsync("api/tiers/sweeps", null);
        Assert.Equal(HttpStatusCode.Accepted, sweep.StatusCode);
        while ((await JsonAsync(reader, $"api/studies/{study}/availability")).GetProperty("tier").GetString() is not ("archive" or "Archive"))
        {
            Assert.True(DateTime.UtcNow < ends, "The study does not go to the archive.");
            await Task.Delay(200);
        }

        await AssertEndsAsync(admin, reader, sweep, ends);
    }

    /// <summary>A sweep says at its address how far it has got, to its institution's administrator.</summary>
    private static async Task AssertEndsAsync(HttpClient admin, HttpClient reader, HttpResponseMessage started, DateTime ends)
    {
        var (address, id) = (started.Headers.Location!.OriginalString.TrimStart('/'), JsonDocument.Parse(await started.Content.ReadAsStringAsync()).RootElement.GetProperty("id").GetString()!);
        Assert.Equal($"api/tiers/sweeps/{id}", address);
        var state = await JsonAsync(admin, address);
        while (state.GetProperty("status").GetString() == "running")
        {
            Assert.True(DateTime.UtcNow < ends, "The sweep does not end.");
            await Task.Delay(200);
            state = await JsonAsync(admin, address);
        }

        Assert.Equal(("completed", id, true), (state.GetProperty("status").GetString(), state.GetProperty("id").GetString(), state.GetProperty("moved").GetInt32() > 0));
        Assert.True(state.GetProperty("updatedAt").GetDateTimeOffset() >= state.GetProperty("startedAt").GetDateTimeOffset());
        Assert.Equal(HttpStatusCode.Forbidden, (await reader.GetAsync(address)).StatusCode);
        foreach (var none in new[] { "api/tiers/sweeps/tiers-demo-2026010101-7", $"{address}0", "api/tiers/sweeps/tiers-demo-2-2026010101-1", "api/tiers/sweeps/compression-demo-2026010101-1" })
            Assert.Equal(HttpStatusCode.NotFound, (await admin.GetAsync(none)).StatusCode);
    }

    private static async Task<JsonElement> WaitingAsync(HttpClient client, string path)
    {
        using var response = await client.GetAsync(path);
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        Assert.True(response.Headers.RetryAfter?.Delta > TimeSpan.Zero);
        var body = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync()).RootElement;
        Assert.Equal("study-archived", body.GetProperty("code").GetString());
        Assert.Equal(response.Headers.Location!.OriginalString, body.GetProperty("statusUrl").GetString());
        return body;
    }

    private async Task TreatAsync(HttpClient clinician, string uid)
    {
        var study = (await _edge.Services.GetRequiredService<ICatalog>().GetStudyAsync("demo", uid, default))!.Value;
        var me = await JsonAsync(clinician, "api/me");
        var now = DateTimeOffset.UtcNow;
        await _edge.Services.GetRequiredService<RelationRecords>().AddAsync(
            "demo", new CareRelation(1, me.GetProperty("subject").GetString()!, CareRelationKind.Treating, false, study.PatientKey, null, now.AddHours(-1), now.AddHours(1), "ward", "test", now, null), null, default);
    }

    private static async Task<JsonElement> JsonAsync(HttpClient client, string path)
    {
        using var response = await client.GetAsync(path);
        Assert.True(response.IsSuccessStatusCode, $"{(int)response.StatusCode} {path}");
        return JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync()).RootElement;
    }

    /// <summary>A host whose archive takes eight seconds to give something back, and whose studies are complete at once.</summary>
    public sealed class SlowArchive : EdgeFixture
    {
        protected override IEnumerable<KeyValuePair<string, string?>> Settings =>
        [
            new("Skylight:Objects:RehydrationDelaySeconds", "8"), new("Skylight:Tiers:RehydrationMinutes", "0"), new("Skylight:Ingest:QuietSeconds", "1"),
            new("Skylight:Tiers:KeepAccessedDays", "1"),
        ];
    }
}
