using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Archive.Coding;
using Skylight.Core.Catalog;
using Skylight.EndToEnd.Tests.DicomWeb;

namespace Skylight.EndToEnd.Tests.Compression;

/// <summary>A study is compressed by policy, over HTTP, by the orchestration of the real host; every answer about it stays what it was, to the byte and the ETag.</summary>
public abstract class CompressedStudyTests(EdgeFixture edge)
{
    [Fact]
    public async Task CompressedStudy_EveryAnswer_IsWhatItWas()
    {
        edge.Ready();
        if (edge.Services.GetRequiredService<PictureCodecs>().Named("jpeg-ls")!.Missing is { } missing) Assert.Skip(missing);
        using var uploader = await edge.ClientAsync("uploader");
        using var reader = await edge.ClientAsync("radiologist");
        using var technician = await edge.ClientAsync("technician");
        using var admin = await edge.ClientAsync("institution-admin");
        var files = DemoInstance.Load(Path.Combine(edge.Demo, "head-mr"));
        (await EdgeFixture.StoreAsync(uploader, "dicomweb/studies", files.Select(file => file.Bytes))).EnsureSuccessStatusCode();
        await CompleteAsync(files[0].Study);
        var before = await AnswersAsync(reader, technician, files);

        Assert.Equal(HttpStatusCode.BadRequest, (await admin.PutAsJsonAsync("api/compression/policy", new { rules = new[] { new { codec = "zip" } } })).StatusCode);
        var put = await admin.PutAsJsonAsync("api/compression/policy", new { afterDays = 0, rules = new[] { new { modalities = new[] { "MR" }, tiers = new[] { "hot" }, codec = "jpeg-ls", minBytes = 1 } } });
        put.EnsureSuccessStatusCode();
        var policy = await JsonAsync(admin, "api/compression/policy");
        Assert.Equal(("jpeg-ls", "hot"), (policy.GetProperty("rules")[0].GetProperty("codec").GetString(), policy.GetProperty("rules")[0].GetProperty("tiers")[0].GetString()));
        using (var stale = new HttpRequestMessage(HttpMethod.Put, "api/compression/policy") { Content = JsonContent.Create(new { }) })
        {
            stale.Headers.IfMatch.Add(new EntityTagHeaderValue("\"never\""));
            Assert.Equal(HttpStatusCode.PreconditionFailed, (await admin.SendAsync(stale)).StatusCode);
        }

        using var sweep = await admin.PostAsync("api/compression/sweeps", null);
        Assert.Equal(HttpStatusCode.Accepted, sweep.StatusCode);
        var state = await EndedAsync(admin, sweep.Headers.Location!.OriginalString.TrimStart('/'));
        var report = (await JsonAsync(admin, "api/compression")).GetProperty("lastSweep");
        foreach (var told in new[] { state, report })
            Assert.Equal((files.Count, 0), (told.GetProperty("coded").GetInt32(), told.GetProperty("failed").GetInt32()));
        Assert.Equal(report.GetProperty("storedBytes").GetInt64(), state.GetProperty("storedBytes").GetInt64());
        Assert.Equal(HttpStatusCode.Forbidden, (await reader.GetAsync(sweep.Headers.Location!.OriginalString.TrimStart('/'))).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await admin.GetAsync("api/compression/sweeps/tiers-demo-2026010101-1")).StatusCode);
        Assert.True(report.GetProperty("storedBytes").GetInt64() < report.GetProperty("bytes").GetInt64() * 0.9);
        Assert.Equal(before, await AnswersAsync(reader, technician, files));
        Assert.Null((await JsonAsync(admin, "api/compression")).GetProperty("codecs")[0].TryGetProperty("missing", out var none) ? none.GetString() : null);
    }

    private async Task CompleteAsync(string study)
    {
        // As after the quiet minute, which nobody waits for here.
        var (catalog, commit) = (edge.Services.GetRequiredService<ICatalog>(), edge.Services.GetRequiredService<ICommit>());
        for (var outcome = CommitOutcome.Conflict; outcome != CommitOutcome.Committed;)
        {
            var document = (await catalog.GetStudyAsync("demo", study, default))!.Value;
            outcome = await commit.CommitAsync(new CommitBatch(StudyChange.Of(document, document with { State = StudyState.Complete }, []), []), default);
        }
    }

    /// <summary>A sweep's state once it has ended.</summary>
    private static async Task<JsonElement> EndedAsync(HttpClient admin, string address)
    {
        var ends = DateTime.UtcNow.AddSeconds(90);
        while (true)
        {
            var state = await JsonAsync(admin, address);
            if (state.GetProperty("status").GetString() is var status and not "running")
            {
                Assert.Equal("completed", status);
                return state;
            }

            Assert.True(DateTime.UtcNow < ends, "The sweep does not finish.");
            await Task.Delay(200);
        }
    }

    /// <summary>What clients are told about every instance: status, length, ETag and bytes.</summary>
    private static async Task<string> AnswersAsync(HttpClient reader, HttpClient technician, List<DemoInstance> files)
    {
        var text = new System.Text.StringBuilder();
        foreach (var file in files)
        {
            var original = $"api/studies/{file.Study}/series/{file.Series}/instances/{file.Sop}/original";
            var exact = await technician.GetAsync(original);
            Assert.Equal(file.Bytes, await exact.Content.ReadAsByteArrayAsync());
            await AddAsync(text, exact);
            using var range = new HttpRequestMessage(HttpMethod.Get, original) { Headers = { Range = new RangeHeaderValue(500, 2500) } };
            await AddAsync(text, await technician.SendAsync(range));
            await AddAsync(text, await EdgeFixture.GetAsync(reader, file.Path, "application/dicom; transfer-syntax=*"));
            await AddAsync(text, await EdgeFixture.GetAsync(reader, $"{file.Path}/frames/1", "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1"));
            await AddAsync(text, await EdgeFixture.GetAsync(reader, $"{file.Path}/rendered", "image/png"));
            await AddAsync(text, await EdgeFixture.GetAsync(reader, $"{file.Path}/metadata", "application/dicom+json"));
        }

        return text.ToString();
    }

    private static async Task AddAsync(System.Text.StringBuilder text, HttpResponseMessage response)
    {
        using (response)
        {
            Assert.True(response.IsSuccessStatusCode, $"{(int)response.StatusCode} {response.RequestMessage!.RequestUri}");
            var bytes = await response.Content.ReadAsByteArrayAsync();
            // Boundaries of multipart answers are drawn anew each time.
            var parts = response.Content.Headers.ContentType?.MediaType?.StartsWith("multipart/", StringComparison.Ordinal) == true;
            var digest = parts ? $"{bytes.Length}" : Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(bytes));
            text.AppendLine(FormattableString.Invariant($"{(int)response.StatusCode} {response.Content.Headers.ContentLength} {response.Headers.ETag} {response.Content.Headers.ContentRange} {digest}"));
        }
    }

    private static async Task<JsonElement> JsonAsync(HttpClient client, string path)
    {
        using var response = await client.GetAsync(path);
        Assert.True(response.IsSuccessStatusCode, $"{(int)response.StatusCode} {path}");
        return JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync()).RootElement;
    }
}

public sealed class EdgeCompressedStudyTests(EdgeFixture edge) : CompressedStudyTests(edge), IClassFixture<EdgeFixture>;

public sealed class AzureCompressedStudyTests(AzureEdgeFixture edge) : CompressedStudyTests(edge), IClassFixture<AzureEdgeFixture>;
