using System.Text.Json;
using Microsoft.Azure.Cosmos;
using Microsoft.Extensions.DependencyInjection;
using Newtonsoft.Json.Linq;
using Skylight.Cli.Integrity;
using Skylight.Conformance;
using Skylight.Core.Documents;
using Skylight.Core.Studies;
using Skylight.EndToEnd.Tests.DicomWeb;

namespace Skylight.EndToEnd.Tests.Catalog;

/// <summary><c>skylight reindex --azure</c>: catalog and instance index are lost, and made again from the blobs, the keys and the records.</summary>
public sealed class AzureReindexTests(AzureServices services) : IAsyncLifetime
{
    private readonly Host _edge = new(services);

    public ValueTask InitializeAsync() => _edge.InitializeAsync();

    public ValueTask DisposeAsync() => _edge.DisposeAsync();

    [Fact]
    public async Task Reindex_OfALostCatalog_AnswersAsBefore()
    {
        services.Need();
        var files = DemoInstance.Load(_edge.Demo).GroupBy(file => file.Study).Take(3).SelectMany(study => study.Take(6)).ToArray();
        using (var technician = await _edge.ClientAsync("technician"))
        {
            foreach (var group in files.Chunk(4))
                using (var stored = await EdgeFixture.StoreAsync(technician, "dicomweb/studies", [.. group.Select(file => file.Bytes)])) Assert.True(stored.IsSuccessStatusCode);
        }

        var addresses = files.Select(file => file.Study).Distinct().SelectMany(study => (string[])[$"dicomweb/studies/{study}/instances?includefield=all", $"dicomweb/studies/{study}/metadata"])
            .Append("dicomweb/studies?includefield=all&limit=50").ToArray();
        var before = await AskAsync(addresses);
        await _edge.StopAsync();
        var settings = new FileInfo(Path.Combine(_edge.Data, "azure.json"));
        await File.WriteAllTextAsync(settings.FullName, JsonSerializer.Serialize(_edge.All));
        var keys = new DirectoryInfo(Path.Combine(_edge.Data, "host"));
        var whole = await ReindexCommand.RunOnAzureAsync(settings, keys, write: false, default);
        Assert.True(whole.Ok, string.Join("; ", [.. whole.Different, .. whole.Unreadable]));
        Assert.Equal((3, files.Length), (whole.Studies, whole.Instances));

        await LoseAsync("studies");
        await LoseAsync("instances");
        Assert.Equal(3, (await ReindexCommand.RunOnAzureAsync(settings, keys, write: false, default)).Different.Count);
        var made = await ReindexCommand.RunOnAzureAsync(settings, keys, write: true, default);
        Assert.True(made.Ok, string.Join("; ", [.. made.Different, .. made.Unreadable]));
        Assert.Equal((3, files.Length), (made.Studies, made.Instances));
        Assert.True((await ReindexCommand.RunOnAzureAsync(settings, keys, write: false, default)).Ok);

        await _edge.StartAsync();
        Assert.Equal(before, await AskAsync(addresses));
        using var radiologist = await _edge.ClientAsync("radiologist");
        foreach (var file in files)
        {
            using var original = await radiologist.GetAsync($"api/studies/{file.Study}/series/{file.Series}/instances/{file.Sop}/original");
            Assert.Equal(file.Bytes, await original.Content.ReadAsByteArrayAsync());
        }
    }

    private async Task<List<string>> AskAsync(string[] addresses)
    {
        using var radiologist = await _edge.ClientAsync("radiologist");
        var answers = new List<string>();
        foreach (var address in addresses)
        {
            using var answer = await radiologist.GetAsync(address);
            Assert.True(answer.IsSuccessStatusCode, $"{address}: {answer.StatusCode}");

            // The host has another port after its restart.
            answers.Add((await answer.Content.ReadAsStringAsync()).Replace(radiologist.BaseAddress!.Authority, "host", StringComparison.Ordinal));
        }

        return answers;
    }

    private async Task LoseAsync(string container)
    {
        using var client = new CosmosClient(services.CosmosUrl.ToString(), services.CosmosKey, new CosmosClientOptions { ConnectionMode = ConnectionMode.Gateway, LimitToEndpoint = true });
        var items = client.GetContainer(_edge.Database, container);
        var found = new List<JObject>();
        using var all = items.GetItemQueryIterator<JObject>("SELECT * FROM c");
        while (all.HasMoreResults) found.AddRange(await all.ReadNextAsync());
        Assert.NotEmpty(found);
        foreach (var item in found) await items.DeleteItemAsync<JObject>(item.Value<string>("id"), new PartitionKey(item.Value<string>("pk")));
    }

    private sealed class Host(AzureServices services) : EdgeFixture
    {
        private readonly AzureServices _services = services;
        private readonly string _name = $"t{Guid.NewGuid():n}"[..24];

        public string Database => _name;

        public IReadOnlyDictionary<string, string?> All => _services.Settings(_name);

        protected override IEnumerable<KeyValuePair<string, string?>> Settings => All;

        public override ValueTask InitializeAsync() => _services.Missing is null ? base.InitializeAsync() : ValueTask.CompletedTask;
    }
}
