using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Studies;
using Skylight.Torture;

namespace Skylight.EndToEnd.Tests.Torture;

/// <summary>A host that is killed in the middle of a rotation, a re-encryption, a compression sweep or a tier sweep goes on with it when it is back, unasked.</summary>
public sealed class KilledUpkeepTests : IAsyncLifetime
{
    private const int Studies = 12;

    private readonly string _data = Directory.CreateTempSubdirectory("skylight-killed-upkeep-").FullName;
    private readonly int _port = HostProcess.FreePort();
    private readonly Ledger _ledger = new("7.1");
    private readonly CancellationTokenSource _patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
    private HostProcess _host = null!;
    private Client _client = null!;

    public async ValueTask InitializeAsync()
    {
        _patience.CancelAfter(TimeSpan.FromMinutes(3));
        _host = HostProcess.Start(_data, _port, null, null, null);
        Assert.True(await _host.ReadyAsync(_patience.Token));
        _client = Client.Of(_host.Address, await Client.SignInAsync(_host.Address, _data, _patience.Token));
        for (var i = 0; i < Studies; i++) Assert.True(await _client.StoreAsync(_ledger, await _ledger.MakeStudyAsync(new Random(i)), reserve: false, _patience.Token));
    }

    public async ValueTask DisposeAsync()
    {
        await _host.KillAsync();
        _host.Dispose();
        _client.Dispose();
        _patience.Dispose();
        Directory.Delete(_data, recursive: true);
    }

    [Fact]
    public async Task Killed_InRotation_ReencryptionAndTierSweep_GoesOn()
    {
        var before = await SealedAsync();
        await InterruptAsync("MaintenanceV1", () => StartAsync("keyRotation"));
        await InterruptAsync("MaintenanceV1", () => StartAsync("reencryption"));
        var runs = (await Client.GetAsync(_client.Security, "api/maintenance?limit=200", _patience.Token))!.Value.GetProperty("items").EnumerateArray().ToArray();
        Assert.All(runs, run => Assert.Equal(("completed", 0), (run.GetProperty("state").GetString(), run.GetProperty("errors").GetInt32())));
        Assert.Equal(["keyRotation", "reencryption"], runs.Select(run => run.GetProperty("kind").GetString()).Distinct());
        Assert.Empty(before.Intersect(await SealedAsync()));

        await UntilAsync(study => study.GetProperty("state").GetString() == "complete");
        if ((await Client.GetAsync(_client.Administrator, "api/compression", _patience.Token))!.Value.GetProperty("codecs").EnumerateArray().Any(codec => codec.GetProperty("name").GetString() == "jpeg-ls" && !codec.TryGetProperty("missing", out _)))
        {
            using var policy = await _client.Administrator.PutAsJsonAsync("api/compression/policy", new { afterDays = 0, rules = new[] { new { codec = "jpeg-ls", minBytes = 1 } } }, _patience.Token);
            await InterruptAsync("CompressionSweepV1", () => _client.Administrator.PostAsync(new Uri("api/compression/sweeps", UriKind.Relative), null, _patience.Token));
            var sweep = (await Client.GetAsync(_client.Administrator, "api/compression", _patience.Token))!.Value.GetProperty("lastSweep");
            Assert.Equal(0, sweep.GetProperty("failed").GetInt32());
            Assert.True(await CodedAsync() > 0);
            foreach (var sent in _ledger.Instances.Values) Assert.True(await _client.ReadAsync(sent, _patience.Token));
        }

        using (await _client.Administrator.PutAsJsonAsync("api/tiers/policy", new { rules = new[] { new { warmAfterDays = 0 } } }, _patience.Token))
            await InterruptAsync("TierSweepV1", () => _client.Administrator.PostAsync(new Uri("api/tiers/sweeps", UriKind.Relative), null, _patience.Token));
        await UntilAsync(study => study.GetProperty("tier").GetString() == "warm");
        foreach (var sent in _ledger.Instances.Values) Assert.True(await _client.ReadAsync(sent, _patience.Token));
    }

    private Task<HttpResponseMessage> StartAsync(string kind) => _client.Security.PostAsJsonAsync("api/maintenance", new { kind }, _patience.Token);

    /// <summary>Starts it and kills the host, again if it was faster; then starts the host and waits for the end.</summary>
    private async Task InterruptAsync(string orchestration, Func<Task<HttpResponseMessage>> start)
    {
        do
        {
            using (var started = await start()) Assert.Equal(202, (int)started.StatusCode);
            await _host.KillAsync();
            var interrupted = UnderWay.Of(_data).Any(item => item.Name == orchestration);
            _host.Dispose();
            _host = HostProcess.Start(_data, _port, null, null, null);
            Assert.True(await _host.ReadyAsync(_patience.Token));
            while (UnderWay.Of(_data).Any(item => item.Name == orchestration)) await Task.Delay(50, _patience.Token);
            if (interrupted) return;
        }
        while (true);
    }

    private async Task UntilAsync(Func<JsonElement, bool> reached)
    {
        while (true)
        {
            var page = (await Client.GetAsync(_client.Reader, "api/studies?limit=100", _patience.Token))!.Value.GetProperty("items").EnumerateArray().ToArray();
            Assert.Equal(Studies, page.Length);
            if (page.All(reached)) return;
            await Task.Delay(100, _patience.Token);
        }
    }

    /// <summary>The packs and indexes that the studies name now.</summary>
    private async Task<HashSet<string>> SealedAsync()
    {
        return await LookAsync(services => Check.NamesAsync(services, _ledger, _patience.Token));
    }

    /// <summary>Instances that are kept compressed.</summary>
    private Task<int> CodedAsync() => LookAsync(async services =>
    {
        var (catalog, parts, coded) = (services.GetRequiredService<ICatalog>(), services.GetRequiredService<StudyParts>(), 0);
        foreach (var uid in _ledger.Studies)
        {
            var study = (await catalog.GetStudyAsync("demo", uid, _patience.Token))!.Value;
            foreach (var part in (await parts.ListAllAsync(study, _patience.Token)).Values.SelectMany(list => list))
                coded += (await SeriesIndex.ReadAsync(services.GetRequiredService<IObjectStore>(), part.ObjectName(study, part.Index), services.GetRequiredService<IReadKeys>(), _patience.Token)).Entries.Count(entry => entry.CodedLength > 0);
        }

        return coded;
    });

    private async Task<T> LookAsync<T>(Func<IServiceProvider, Task<T>> look)
    {
        var copy = _data + "-copy";
        Folders.Copy(_data, copy);
        try
        {
            await using var archive = await Cli.Integrity.OfflineArchive.OpenAsync(new DirectoryInfo(copy), _patience.Token);
            return await look(archive.Services);
        }
        finally
        {
            Folders.Clear(copy);
        }
    }
}
