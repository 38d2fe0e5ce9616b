using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Skylight.Torture;

/// <summary>
/// What goes on while the host is killed: instances come by STOW-RS and by upload, others are deleted, brought back and erased, studies move between tiers, keys
/// are rotated and studies sealed anew. Each actor goes on until the host is gone or the token says enough, and writes down what was acknowledged.
/// </summary>
internal sealed class Load(Client client, Ledger ledger)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(40);

    /// <summary>All actors; completes when the last has ended.</summary>
    public Task RunAsync(Random random, CancellationToken cancellationToken)
    {
        var actors = new List<Func<Random, CancellationToken, Task>> { SendAsync, SendAsync };
        if (random.Next(2) == 0) actors.Add(UploadAsync);
        if (random.Next(2) == 0) actors.Add(DeleteAsync);
        if (random.Next(2) == 0) actors.Add(EraseAsync);
        if (random.Next(2) == 0) actors.Add(UpkeepAsync);
        var seeds = actors.Select(actor => (Actor: actor, Random: new Random(random.Next()))).ToArray();
        return Task.WhenAll(seeds.Select(item => Task.Run(() => UntilGoneAsync(item.Actor, item.Random, cancellationToken), CancellationToken.None)));
    }

    private static async Task UntilGoneAsync(Func<Random, CancellationToken, Task> actor, Random random, CancellationToken cancellationToken)
    {
        try
        {
            while (!cancellationToken.IsCancellationRequested) await actor(random, cancellationToken);
        }
        catch (Exception error) when (error is HttpRequestException or IOException or OperationCanceledException)
        {
            // Killed in the middle: nothing was promised.
        }
    }

    private async Task SendAsync(Random random, CancellationToken cancellationToken)
    {
        var instances = new List<(Sent, byte[])>();
        for (var count = 1 + (random.Next(3) == 0 ? random.Next(8) : 0); count > 0; count--) instances.Add(await ledger.MakeAsync(random));
        await client.StoreAsync(ledger, instances, reserve: false, cancellationToken);
    }

    private async Task UploadAsync(Random random, CancellationToken cancellationToken)
    {
        using var opened = await client.Technician.PostAsync(new Uri("api/uploads", UriKind.Relative), null, cancellationToken);
        if (opened.StatusCode != HttpStatusCode.Created)
        {
            await Task.Delay(Pause, cancellationToken);
            return;
        }

        var body = await opened.Content.ReadFromJsonAsync<JsonElement>(cancellationToken);
        var url = new UriBuilder(body.GetProperty("uploadUrl").GetString()!);
        var path = url.Path;
        var sent = new List<Sent>();
        for (var count = 1 + random.Next(5); count > 0; count--)
        {
            var (instance, file) = await ledger.MakeAsync(random);
            url.Path = $"{path}/{sent.Count}";
            using var put = new HttpRequestMessage(HttpMethod.Put, url.Uri) { Content = new ByteArrayContent(file) };
            put.Headers.Add("x-ms-blob-type", "BlockBlob");
            put.Headers.Add("x-ms-version", "2024-11-04");
            using var answer = await client.Anonymous.SendAsync(put, cancellationToken);
            if (answer.StatusCode != HttpStatusCode.Created) return;
            sent.Add(instance);
        }

        var id = body.GetProperty("uploadId").GetString()!;
        using var completed = await client.Technician.PostAsync(new Uri($"api/uploads/{id}/complete", UriKind.Relative), null, cancellationToken);
        if (completed.StatusCode != HttpStatusCode.Accepted) return;
        var upload = ledger.Uploads[id] = new Upload(id, sent);
        for (var look = 0; look < 20 && await FollowAsync(upload, cancellationToken) == Progress.UnderWay; look++) await Task.Delay(Pause, cancellationToken);
    }

    private async Task DeleteAsync(Random random, CancellationToken cancellationToken)
    {
        if (ledger.Claim(random) is not { } sent)
        {
            await Task.Delay(Pause, cancellationToken);
            return;
        }

        if (await HideAsync($"dicomweb/studies/{sent.Study}/series/{sent.Series}/instances/{sent.Instance}", [sent], cancellationToken) is not { } deletion) return;
        await NextAsync(deletion, null, [sent], random, cancellationToken);
    }

    private async Task EraseAsync(Random random, CancellationToken cancellationToken)
    {
        var made = await ledger.MakeStudyAsync(random);
        if (!await client.StoreAsync(ledger, made, reserve: true, cancellationToken)) return;
        Sent[] sent = [.. made.Select(item => item.Sent)];
        var study = sent[0].Study;
        if (random.Next(2) == 0)
        {
            if (await HideAsync($"dicomweb/studies/{study}", sent, cancellationToken) is { } deletion) await NextAsync(deletion, study, sent, random, cancellationToken);
            return;
        }

        await DestroyAsync($"api/studies/{study}/erasure", study, sent, cancellationToken);
    }

    /// <summary>Tier moves, also to the archive and back, compressing, rotation of the key-encryption key, and sealing everything anew.</summary>
    private async Task UpkeepAsync(Random random, CancellationToken cancellationToken)
    {
        switch (random.Next(6))
        {
            case 0:
                await SweepAsync("tiers", new { rules = new[] { new { warmAfterDays = 0, coldAfterDays = random.Next(2) == 0 ? 0 : (int?)null } } }, cancellationToken);
                break;
            case 1:
                await SweepAsync("tiers", new { rules = new[] { new { archiveAfterDays = 0 } } }, cancellationToken);
                break;
            case 2:
                await SweepAsync("compression", new { afterDays = 0, rules = new[] { new { codec = random.Next(4) == 0 ? "jpeg2000" : "jpeg-ls", minBytes = 1 } } }, cancellationToken);
                break;
            case 3:
                // Whatever it answers: most studies are not archived, and some are gone.
                if (ledger.Instances.Values.ElementAtOrDefault(random.Next(Math.Max(1, ledger.Instances.Count))) is { } sent)
                    using (await client.Reader.PostAsync(new Uri($"api/studies/{sent.Study}/rehydration", UriKind.Relative), null, cancellationToken)) break;
                break;
            case 4:
                using (await client.Security.PostAsJsonAsync("api/maintenance", new { kind = "keyRotation" }, cancellationToken)) break;
            default:
                using (await client.Security.PostAsJsonAsync("api/maintenance", new { kind = "reencryption", algorithm = random.Next(4) == 0 ? "sm4Gcm" : "aes256Gcm" }, cancellationToken)) break;
        }

        await Task.Delay(random.Next(20, 400), cancellationToken);
    }

    /// <summary>Sets a policy and has it applied at once.</summary>
    private async Task SweepAsync<T>(string what, T policy, CancellationToken cancellationToken)
    {
        using (await client.Administrator.PutAsJsonAsync($"api/{what}/policy", policy, cancellationToken))
        using (await client.Administrator.PostAsync(new Uri($"api/{what}/sweeps", UriKind.Relative), null, cancellationToken))
            return;
    }

    /// <summary>Deletes; answers the path of the deletion once the host has said that it is done.</summary>
    private async Task<string?> HideAsync(string path, Sent[] sent, CancellationToken cancellationToken)
    {
        foreach (var item in sent) item.Doubtful = true;
        using var answer = await client.Technician.DeleteAsync(new Uri(path, UriKind.Relative), cancellationToken);
        if (!answer.IsSuccessStatusCode)
        {
            // Not found: nothing was changed, and the next look says whether it is there.
            if (answer.StatusCode == HttpStatusCode.NotFound) foreach (var item in sent) item.Doubtful = false;
            return null;
        }

        foreach (var item in sent) (item.Gone, item.Doubtful) = (true, false);
        return answer.Headers.Location?.OriginalString.TrimStart('/');
    }

    /// <summary>What was deleted stays so, is brought back, or is erased.</summary>
    private async Task NextAsync(string deletion, string? study, Sent[] sent, Random random, CancellationToken cancellationToken)
    {
        switch (random.Next(3))
        {
            case 0:
                foreach (var item in sent) item.Doubtful = true;
                using (var answer = await client.Technician.PostAsync(new Uri($"{deletion}/restore", UriKind.Relative), null, cancellationToken))
                    if (answer.IsSuccessStatusCode) foreach (var item in sent) (item.Gone, item.Doubtful) = (false, false);
                break;
            case 1:
                await DestroyAsync($"{deletion}/erasure", study, sent, cancellationToken);
                break;
        }
    }

    private async Task DestroyAsync(string path, string? study, Sent[] sent, CancellationToken cancellationToken)
    {
        // What is hidden already stays absent whatever becomes of this.
        foreach (var item in sent) item.Doubtful = !item.Gone;
        using var answer = await client.Records.PostAsJsonAsync(path, new { basis = "retentionExpired" }, cancellationToken);
        if (answer.StatusCode != HttpStatusCode.Accepted) return;
        var id = (await answer.Content.ReadFromJsonAsync<JsonElement>(cancellationToken)).GetProperty("id").GetString()!;
        var erasure = ledger.Erasures[id] = new Destruction(id, study, sent);
        for (var look = 0; look < 20 && await FollowAsync(erasure, cancellationToken) == Progress.UnderWay; look++) await Task.Delay(Pause, cancellationToken);
    }

    /// <summary>Looks how an upload stands and writes down what is stored.</summary>
    public async Task<Progress> FollowAsync(Upload upload, CancellationToken cancellationToken)
    {
        if (await Client.GetAsync(client.Technician, $"api/uploads/{upload.Id}", cancellationToken) is not { } state) return Progress.UnderWay;
        var status = state.GetProperty("status").GetString();
        if (status == "running") return Progress.UnderWay;
        var stored = state.GetProperty("stored").GetInt32() + state.GetProperty("duplicates").GetInt32();
        if (status != "completed" || stored != upload.Instances.Count) return Progress.Failed;
        foreach (var sent in upload.Instances) ledger.Acknowledge(sent.Instance);
        ledger.Uploads.TryRemove(upload.Id, out _);
        return Progress.Done;
    }

    /// <summary>Looks how an erasure stands and writes down that it is done.</summary>
    public async Task<Progress> FollowAsync(Destruction erasure, CancellationToken cancellationToken)
    {
        if (await Client.GetAsync(client.Records, $"api/erasures/{erasure.Id}", cancellationToken) is not { } state) return Progress.UnderWay;
        var status = state.GetProperty("status").GetString();
        if (status == "running") return Progress.UnderWay;
        if (status != "erased") return Progress.Failed;
        ledger.Destroyed(erasure);
        return Progress.Done;
    }
}

/// <summary>How something that goes on in the background stands.</summary>
internal enum Progress
{
    UnderWay,
    Done,
    Failed,
}
