using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Skylight.Conformance;
using Skylight.Torture;

namespace Skylight.EndToEnd.Tests.Hosting;

/// <summary>Each host loads the stores that it uses and no others: what a process has mapped is read from the kernel, what an app could load from its list of files.</summary>
public sealed class LoadedAssembliesTests(AzureServices services) : IAsyncLifetime
{
    private static readonly string[] Cloud =
    [
        "Skylight.Azure", "Microsoft.Azure.Cosmos.Client", "Microsoft.Azure.Cosmos.Direct", "Azure.Identity", "Azure.Storage.Queues", "Azure.Messaging.EventGrid", "Newtonsoft.Json",
    ];

    private readonly string _data = Directory.CreateTempSubdirectory("skylight-loaded-").FullName;
    private readonly CancellationTokenSource _patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);

    public ValueTask InitializeAsync()
    {
        _patience.CancelAfter(TimeSpan.FromMinutes(3));
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        _patience.Dispose();
        Directory.Delete(_data, recursive: true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Edge_OnItsOwnStores_LoadsNoClientOfAzureButTheSignatureOfUploadUrls()
    {
        var loaded = await WorkAsync();
        Assert.Empty(loaded.Intersect(Cloud));
        Assert.Contains("Skylight.Local", loaded);
        Assert.Contains("Microsoft.Data.Sqlite", loaded);

        // The SAS of an upload session is made by the client's own builder; nothing else of it is loaded.
        Assert.Equal(["Azure.Core", "Azure.Storage.Blobs", "Azure.Storage.Common"], loaded.Where(name => name.StartsWith("Azure.", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Edge_OnAzure_LoadsWhatTheOtherDoesNot()
    {
        services.Need();
        var loaded = await WorkAsync(new Dictionary<string, string?>(services.Settings($"t{Guid.NewGuid():n}"[..24])) { ["Skylight:Edge:MinFreeSpaceMiB"] = "0" });
        Assert.Contains("Skylight.Azure", loaded);
        Assert.Contains("Microsoft.Azure.Cosmos.Client", loaded);
    }

    [Fact]
    public void Functions_HaveNoSqliteToLoad()
    {
        Assert.Contains(Files("skylight-edge"), name => name.Contains("sqlite", StringComparison.OrdinalIgnoreCase));
        var files = Files("Skylight.Functions");
        Assert.Contains(files, name => name.StartsWith("Microsoft.Azure.Cosmos/", StringComparison.Ordinal));
        Assert.DoesNotContain(files, name => name.Contains("sqlite", StringComparison.OrdinalIgnoreCase) || name.StartsWith("Skylight.Local/", StringComparison.Ordinal));
    }

    /// <summary>Runs a host, lets it store, search, read and open an upload, and answers the assemblies that it has mapped.</summary>
    private async Task<IReadOnlyList<string>> WorkAsync(IReadOnlyDictionary<string, string?>? settings = null)
    {
        using var host = HostProcess.Start(_data, HostProcess.FreePort(), null, null, null, settings);
        Assert.True(await host.ReadyAsync(_patience.Token));
        using var client = Client.Of(host.Address, await Client.SignInAsync(host.Address, _data, _patience.Token));
        var ledger = new Ledger("8.1");
        var study = await ledger.MakeStudyAsync(new Random(1));
        Assert.True(await client.StoreAsync(ledger, study, reserve: false, _patience.Token));
        Assert.Equal(study.Count, (await client.ListAsync(study[0].Sent.Study, _patience.Token))!.Count);
        Assert.True(await client.ReadAsync(study[0].Sent, _patience.Token));
        using (var opened = await client.Technician.PostAsJsonAsync("api/uploads", new { }, _patience.Token)) Assert.Equal(HttpStatusCode.Created, opened.StatusCode);
        return [.. File.ReadLines($"/proc/{host.Id}/maps").Where(line => line.EndsWith(".dll", StringComparison.Ordinal)).Select(line => Path.GetFileNameWithoutExtension(line)).Distinct()];
    }

    /// <summary>What a program could load, as its build wrote it down: <c>name/version</c>.</summary>
    private static IReadOnlyList<string> Files(string program)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, $"{program}.deps.json")));
        return [.. json.RootElement.GetProperty("libraries").EnumerateObject().Select(library => library.Name)];
    }
}
