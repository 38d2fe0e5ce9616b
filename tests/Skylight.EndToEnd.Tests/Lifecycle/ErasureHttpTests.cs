using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Azure.Storage.Blobs;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Core.Access;
using Skylight.Core.Catalog;
using Skylight.Core.Identity;
using Skylight.EndToEnd.Tests.DicomWeb;

namespace Skylight.EndToEnd.Tests.Lifecycle;

/// <summary>Erasure over HTTP: retention first, two persons, the durable run, the certificate, and the study received anew.</summary>
public sealed class ErasureHttpTests(EdgeFixture edge) : IClassFixture<EdgeFixture>
{
    [Fact]
    public async Task Erasure_WaitsForRetention_TakesTwoPersons_AndIsCertified()
    {
        using var technician = await edge.ClientAsync("technician");
        using var reader = await edge.ClientAsync("radiologist");
        using var records = await edge.ClientAsync("medical-records");
        using var second = await SecondAsync();
        var files = DemoInstance.Load(Path.Combine(edge.Demo, "head-mr"));
        (await EdgeFixture.StoreAsync(technician, "dicomweb/studies", files.Select(file => file.Bytes))).Dispose();
        var study = files[0].Study;

        using (var retained = await records.PostAsJsonAsync($"api/studies/{study}/erasure", new { basis = "retentionExpired" }))
        {
            var problem = await retained.Content.ReadFromJsonAsync<JsonElement>();
            Assert.Equal((HttpStatusCode.Conflict, "retention-not-over", "RET-UNKNOWN"), (retained.StatusCode, problem.GetProperty("code").GetString(), problem.GetProperty("rule").GetString()));
        }

        using (var forbidden = await reader.PostAsJsonAsync($"api/studies/{study}/erasure", new { basis = "legalOrder" })) Assert.Equal(HttpStatusCode.Forbidden, forbidden.StatusCode);
        // Eight at the same moment are one request.
        var asked = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => records.PostAsJsonAsync($"api/studies/{study}/erasure", new { basis = "legalOrder", reference = "(2026) 12" })));
        Assert.All(asked, answer => Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode));
        var erasure = Assert.Single(asked.Select(answer => answer.Headers.Location!.OriginalString).Distinct());
        var accepted = await asked[0].Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal((true, "study"), (accepted.GetProperty("needsApproval").GetBoolean(), accepted.GetProperty("level").GetString()));
        foreach (var answer in asked) answer.Dispose();
        using (var own = await records.PostAsync($"{erasure}/approve", null)) Assert.Equal(HttpStatusCode.Forbidden, own.StatusCode);
        using (var approved = await second.PostAsync($"{erasure}/approve", null)) Assert.Equal(HttpStatusCode.Accepted, approved.StatusCode);

        JsonElement state;
        do
        {
            await Task.Delay(100, TestContext.Current.CancellationToken);
            state = await records.GetFromJsonAsync<JsonElement>(erasure, TestContext.Current.CancellationToken);
        }
        while (state.GetProperty("status").GetString() == "running");
        Assert.Equal("erased", state.GetProperty("status").GetString());
        var view = await records.GetFromJsonAsync<JsonElement>($"{erasure}/certificate", TestContext.Current.CancellationToken);
        Assert.True(view.GetProperty("genuine").GetBoolean());
        Assert.Equal(files.Count, view.GetProperty("certificate").GetProperty("instances").GetInt32());
        Assert.DoesNotContain(study, view.GetRawText(), StringComparison.Ordinal);
        using (var gone = await EdgeFixture.GetAsync(reader, $"dicomweb/studies/{study}/metadata", null)) Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);

        using var again = await EdgeFixture.StoreAsync(technician, "dicomweb/studies", files[0].Bytes);
        Assert.Equal(HttpStatusCode.OK, again.StatusCode);
        using var served = await EdgeFixture.GetAsync(reader, files[0].Path, "application/dicom");
        Assert.Equal(files[0].Dataset, DemoInstance.DatasetOf(await served.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken)));
    }

    [Fact]
    public async Task Hold_OnAStudyThatIsBeingDestroyed_IsRefused()
    {
        using var technician = await edge.ClientAsync("technician");
        using var records = await edge.ClientAsync("medical-records");
        var files = DemoInstance.Load(Path.Combine(edge.Demo, "chest-cr"));
        (await EdgeFixture.StoreAsync(technician, "dicomweb/studies", files.Select(file => file.Bytes))).Dispose();
        await MarkAsync(files[0].Study, "0123456789abcdef0123456789abcdef");
        using (var refused = await records.PostAsJsonAsync($"api/studies/{files[0].Study}/holds", new { kind = "legal", reference = "(2026) 7" }))
            Assert.Equal((HttpStatusCode.Conflict, "erasure-under-way"), (refused.StatusCode, (await refused.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString()));
        await MarkAsync(files[0].Study, null);
        using var set = await records.PostAsJsonAsync($"api/studies/{files[0].Study}/holds", new { kind = "legal", reference = "(2026) 7" });
        Assert.Equal(HttpStatusCode.Created, set.StatusCode);
    }

    [Fact]
    public async Task Store_ToAStudyThatIsBeingDestroyed_IsToldToTryAgain_AndAnUploadDoesSo()
    {
        using var technician = await edge.ClientAsync("technician");
        using var uploader = await edge.ClientAsync("uploader");
        var files = DemoInstance.Load(Path.Combine(edge.Demo, "chest-ct")).Take(3).ToList();
        (await EdgeFixture.StoreAsync(technician, "dicomweb/studies", files[0].Bytes)).Dispose();
        await MarkAsync(files[0].Study, "0123456789abcdef0123456789abcdef");
        using (var refused = await EdgeFixture.StoreAsync(technician, "dicomweb/studies", files[1].Bytes))
        {
            Assert.Equal((HttpStatusCode.ServiceUnavailable, TimeSpan.FromSeconds(10)), (refused.StatusCode, refused.Headers.RetryAfter?.Delta));
            Assert.Equal("study-being-erased", (await refused.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString());
        }

        using var opened = await uploader.PostAsync(new Uri("api/uploads", UriKind.Relative), null);
        var upload = await opened.Content.ReadFromJsonAsync<JsonElement>();
        await new BlobContainerClient(new Uri(upload.GetProperty("uploadUrl").GetString()!)).UploadBlobAsync("one", BinaryData.FromBytes(files[2].Bytes));
        (await uploader.PostAsync(new Uri($"api/uploads/{upload.GetProperty("uploadId").GetString()}/complete", UriKind.Relative), null)).Dispose();
        await MarkAsync(files[0].Study, null);
        JsonElement state;
        do
        {
            await Task.Delay(100, TestContext.Current.CancellationToken);
            state = await uploader.GetFromJsonAsync<JsonElement>($"api/uploads/{upload.GetProperty("uploadId").GetString()}", TestContext.Current.CancellationToken);
        }
        while (state.GetProperty("status").GetString() == "running");
        Assert.Equal(("completed", 1), (state.GetProperty("status").GetString(), state.GetProperty("stored").GetInt32()));
        using var again = await EdgeFixture.StoreAsync(technician, "dicomweb/studies", files[1].Bytes);
        Assert.Equal(HttpStatusCode.OK, again.StatusCode);
    }

    private async Task MarkAsync(string uid, string? erasure)
    {
        CommitOutcome outcome;
        do
        {
            var study = (await edge.Services.GetRequiredService<ICatalog>().GetStudyAsync("demo", uid, default))!.Value;
            outcome = await edge.Services.GetRequiredService<ICommit>().CommitAsync(new CommitBatch(StudyChange.Keeping(study, study with { Erasing = erasure }), []), default);
        }
        while (outcome == CommitOutcome.Conflict);
    }

    private async Task<HttpClient> SecondAsync()
    {
        var account = await edge.Services.GetRequiredService<AccountDirectory>().CreateAsync("demo", "second-records", "郑病案", AccountKind.Person, [Role.MedicalRecords], null, "test", default);
        var token = await edge.Services.GetRequiredService<TokenIssuer>().IssueAsync(account, PublicClients.Cli, default);
        var client = new HttpClient { BaseAddress = edge.Address };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token.AccessToken);
        return client;
    }
}
