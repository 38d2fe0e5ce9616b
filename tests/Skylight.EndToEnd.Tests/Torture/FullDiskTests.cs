using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Skylight.Torture;

namespace Skylight.EndToEnd.Tests.Torture;

/// <summary>The disk of the real host is full, for many requests and for the work behind them, and has room again later.</summary>
public sealed class FullDiskTests : IAsyncLifetime
{
    private const long Floor = 24 << 20;

    private readonly BadDiskHost _host = new(replica: false, Floor);
    private readonly Random _random = new(5);

    public async ValueTask InitializeAsync()
    {
        if (TortureRun.Unavailable() is { } reason) Assert.Skip(reason);
        await _host.StartAsync();
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task BelowTheFloor_WhatIsSentIsRefused_WhatIsThereIsServed_AndEverythingGoesOnWhenThereIsRoom()
    {
        for (var i = 0; i < 6; i++) Assert.True(await SendAsync());

        // An upload that is open when the disk fills up.
        var (id, url) = await OpenAsync();
        var (first, bytes) = await _host.Ledger.MakeAsync(_random);
        Assert.Equal(HttpStatusCode.Created, await PutAsync(url, 0, bytes));
        _host.Disk.Fill(Floor + 1_500_000);
        var refused = 0;
        for (var i = 0; refused < 25; i++)
        {
            if (!await SendAsync()) refused++;
            if (i % 10 == 0) Assert.True(await _host.AllReadAsync());
        }

        Assert.True(await _host.AllReadAsync());
        Assert.Equal((HttpStatusCode)507, await PutAsync(url, 1, bytes));

        // What was begun before goes on by itself, and new things are taken in: after a moment, without a restart.
        _host.Disk.Free();
        await _host.UntilAsync(SendAsync);
        await GoesOnAsync(id, first);
    }

    /// <summary>The upload is stored, studies are completed and merged, and the verification finds nothing.</summary>
    private async Task GoesOnAsync(string id, Sent first)
    {
        await _host.UntilAsync(async () => await CompleteAsync(id) == HttpStatusCode.Accepted);
        var upload = _host.Ledger.Uploads[id] = new Upload(id, [first]);
        var load = new Load(_host.Client, _host.Ledger);
        var progress = Progress.UnderWay;
        await _host.UntilAsync(async () => (progress = await load.FollowAsync(upload, _host.Token)) != Progress.UnderWay);
        Assert.Equal(Progress.Done, progress);
        await _host.UntilAsync(async () =>
            (await Client.GetAsync(_host.Client.Reader, "api/studies?limit=100", _host.Token))!.Value.GetProperty("items").EnumerateArray().All(study => study.GetProperty("state").GetString() == "complete"));
        Assert.True(await _host.AllReadAsync());
        await _host.StopAsync();
        var (code, output) = await _host.VerifyAsync();
        Assert.True(code == 0, output);
    }

    /// <summary>One instance by STOW-RS. False when it was refused, as it has to be.</summary>
    private async Task<bool> SendAsync()
    {
        var made = await _host.Ledger.MakeAsync(_random);
        var (status, stored) = await _host.Client.TryStoreAsync(_host.Ledger, [made], _host.Token);
        if (!stored) Assert.Equal(HttpStatusCode.InsufficientStorage, status);
        return stored;
    }

    private async Task<(string Id, UriBuilder Url)> OpenAsync()
    {
        using var opened = await _host.Client.Technician.PostAsync(new Uri("api/uploads", UriKind.Relative), null, _host.Token);
        Assert.Equal(HttpStatusCode.Created, opened.StatusCode);
        var body = await opened.Content.ReadFromJsonAsync<JsonElement>(_host.Token);
        return (body.GetProperty("uploadId").GetString()!, new UriBuilder(body.GetProperty("uploadUrl").GetString()!));
    }

    private async Task<HttpStatusCode> PutAsync(UriBuilder url, int number, byte[] file)
    {
        var to = new UriBuilder(url.Uri) { Path = $"{url.Path}/{number}" };
        using var put = new HttpRequestMessage(HttpMethod.Put, to.Uri) { Content = new ByteArrayContent(file) };
        put.Headers.Add("x-ms-blob-type", "BlockBlob");
        put.Headers.Add("x-ms-version", "2024-11-04");
        using var answer = await _host.Client.Anonymous.SendAsync(put, _host.Token);
        return answer.StatusCode;
    }

    private async Task<HttpStatusCode> CompleteAsync(string id)
    {
        using var completed = await _host.Client.Technician.PostAsync(new Uri($"api/uploads/{id}/complete", UriKind.Relative), null, _host.Token);
        return completed.StatusCode;
    }
}
