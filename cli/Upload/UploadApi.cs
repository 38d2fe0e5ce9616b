using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace Skylight.Cli.Upload;

/// <summary>The upload API of a host.</summary>
internal sealed class UploadApi(HttpClient client)
{
    /// <summary>
    /// Opens the journal's session, or finds it again. Without URL: the session is completed already and only its report is missing.
    /// A session that has ended otherwise is forgotten, and another one opened.
    /// </summary>
    /// <param name="allArrived">Whether the journal knows every file as it is now; if not, a completed session is not the one that is wanted.</param>
    public async Task<OpenedUpload> OpenAsync(UploadJournal journal, int? days, bool allArrived, CancellationToken cancellationToken)
    {
        while (true)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "api/uploads") { Content = JsonContent.Create(new { days = journal.Days }, options: JsonText.Options) };
            request.Headers.Add("Idempotency-Key", journal.Key);
            using var response = await client.SendAsync(request, cancellationToken);
            if (response.IsSuccessStatusCode)
            {
                var body = await response.Content.ReadFromJsonAsync<OpenBody>(JsonText.Options, cancellationToken) ?? throw new CliException(ExitCode.Server, "The host's answer is empty.");
                return new OpenedUpload(body.UploadId, new Uri(body.UploadUrl), body.MaxBlockBytes);
            }

            var ended = response.StatusCode is HttpStatusCode.Conflict or HttpStatusCode.UnprocessableEntity;
            if (!ended || !journal.Resumed) throw await CliException.FromAsync(response, cancellationToken);
            using var problem = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(cancellationToken));
            if (allArrived && problem.RootElement.TryGetProperty("uploadId", out var id) && id.GetString() is { } known)
            {
                var status = await StatusAsync(known, cancellationToken);
                if (status.Status is "running" or "completed") return new OpenedUpload(known, null, 0);
                if (status.Status is "failed")
                {
                    // Its content is still there: the run is repeated.
                    await CompleteAsync(known, [], cancellationToken);
                    return new OpenedUpload(known, null, 0);
                }
            }

            journal.Restart(days);
        }
    }

    /// <summary>What has arrived, by blob name.</summary>
    public async Task<Dictionary<string, Arrived>> ArrivedAsync(string id, CancellationToken cancellationToken)
    {
        var arrived = new Dictionary<string, Arrived>(StringComparer.Ordinal);
        string? next = null;
        do
        {
            var page = await GetAsync<ArrivedPage>($"api/uploads/{id}/blobs?limit=1000{(next is null ? "" : $"&next={Uri.EscapeDataString(next)}")}", cancellationToken);
            foreach (var item in page.Items) arrived[item.Name] = item;
            next = page.Next;
        }
        while (next is not null);
        return arrived;
    }

    public async Task CompleteAsync(string id, IReadOnlyList<ManifestLine> manifest, CancellationToken cancellationToken)
    {
        using var content = JsonContent.Create(manifest, new MediaTypeHeaderValue("application/json"), JsonText.Options);
        using var response = await client.PostAsync(new Uri($"api/uploads/{Uri.EscapeDataString(id)}/complete", UriKind.Relative), content, cancellationToken);
        if (!response.IsSuccessStatusCode) throw await CliException.FromAsync(response, cancellationToken);
    }

    public Task<UploadStatus> StatusAsync(string id, CancellationToken cancellationToken) => GetAsync<UploadStatus>($"api/uploads/{Uri.EscapeDataString(id)}", cancellationToken);

    private async Task<T> GetAsync<T>(string path, CancellationToken cancellationToken)
    {
        using var response = await client.GetAsync(new Uri(path, UriKind.Relative), cancellationToken);
        if (!response.IsSuccessStatusCode) throw await CliException.FromAsync(response, cancellationToken);
        return await response.Content.ReadFromJsonAsync<T>(JsonText.Options, cancellationToken) ?? throw new CliException(ExitCode.Server, "The host's answer is empty.");
    }

    private sealed record OpenBody(string UploadId, string UploadUrl, DateTimeOffset ExpiresOn, int MaxBlockBytes);

    private sealed record ArrivedPage(IReadOnlyList<Arrived> Items, string? Next);
}

internal sealed record OpenedUpload(string Id, Uri? Url, int MaxBlockBytes);

internal sealed record ManifestLine(string Name, string Path, long Size, string Sha256);

internal sealed record Arrived(string Name, long Size, bool Committed, IReadOnlyList<ArrivedBlock> Blocks);

internal sealed record ArrivedBlock(string Id, long Size);

/// <summary>The answer of <c>GET /api/uploads/{id}</c>.</summary>
internal sealed record UploadStatus(
    string Status,
    int Received,
    int Stored,
    int Duplicates,
    int Revisions,
    int Held,
    int Ignored,
    IReadOnlyList<RejectedFile> Rejected,
    IReadOnlyList<UploadedStudy> Studies,
    string? Failure);

internal sealed record RejectedFile(string Name, string Code, string Reason);

internal sealed record UploadedStudy(string StudyInstanceUid, int Series, int Instances);
