using System.Net;
using Microsoft.Azure.Cosmos;
using Microsoft.Extensions.DependencyInjection;
using Newtonsoft.Json.Linq;
using Skylight.Archive.Keys;
using Skylight.Conformance;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Keys;
using Skylight.Core.Keys.Backup;
using Skylight.Core.Lifecycle;
using Skylight.EndToEnd.Tests.DicomWeb;

namespace Skylight.EndToEnd.Tests.Maintenance;

/// <summary>
/// The restore drill of a host on Azure. The platform's part, a database as it was at an earlier moment, is a copy of the database; ours, keys from the second account and erasures carried out
/// again before the first request, is the host's own.
/// </summary>
public sealed class AzureRestoreTests(AzureServices services) : IAsyncLifetime
{
    private readonly Host _edge = new(services);

    public ValueTask InitializeAsync() => _edge.InitializeAsync();

    public ValueTask DisposeAsync() => _edge.DisposeAsync();

    [Fact]
    public async Task Drill_DatabaseSetBackAndKeysLost_StudiesReadAsSent_AndTheErasedStaysErased()
    {
        services.Need();
        var files = DemoInstance.Load(_edge.Demo).GroupBy(file => file.Study).Take(3).Select(study => study.First()).ToArray();
        var (kept, erased, late) = (files[0], files[1], files[2]);
        using (var technician = await _edge.ClientAsync("technician"))
        using (var stored = await EdgeFixture.StoreAsync(technician, "dicomweb/studies", kept.Bytes, erased.Bytes)) Assert.True(stored.IsSuccessStatusCode);
        await _edge.Services.GetRequiredService<KeyGenerations>().WriteAsync(default);

        // Received after the generation: its key lies in the second account all the same.
        using (var technician = await _edge.ClientAsync("technician"))
        using (var stored = await EdgeFixture.StoreAsync(technician, "dicomweb/studies", late.Bytes)) Assert.True(stored.IsSuccessStatusCode);
        await _edge.StopAsync();

        // The moment that everything is set back to.
        var earlier = _edge.Database + "-earlier";
        await CopyAsync(_edge.Database, earlier);
        await _edge.StartAsync();
        var key = await EraseAsync(erased.Study);
        await _edge.StopAsync();

        // It knows the study and its key, and nothing of the erasure.
        _edge.Database = earlier;
        _edge.RestoreFrom = KeyBackupOptions.Newest;
        await _edge.StartAsync();
        await AssertReadsAsync([kept, late], erased, key);
        Assert.Single(await _edge.Services.GetRequiredService<Erasure>().ListErasedAsync(default));

        // All key records are lost, those of the institutions' secrets too.
        Assert.True(await DropKeysAsync() >= 3);
        await _edge.StopAsync();
        await _edge.StartAsync();
        await AssertReadsAsync([kept, late], erased, key);
    }

    [Fact]
    public async Task DatabaseSetBack_WithoutARestore_WhatWasErasedIsGoneFromTheFirstRequestOn()
    {
        services.Need();
        var erased = DemoInstance.Load(_edge.Demo)[0];
        using (var technician = await _edge.ClientAsync("technician"))
        using (var stored = await EdgeFixture.StoreAsync(technician, "dicomweb/studies", erased.Bytes)) Assert.True(stored.IsSuccessStatusCode);
        await _edge.Services.GetRequiredService<KeyGenerations>().WriteAsync(default);
        await _edge.StopAsync();
        var earlier = _edge.Database + "-earlier";
        await CopyAsync(_edge.Database, earlier);
        await _edge.StartAsync();
        await EraseAsync(erased.Study);
        await _edge.StopAsync();

        // Nobody has set RestoreFrom.
        _edge.Database = earlier;
        await _edge.StartAsync();
        await AssertGoneAsync(erased);
        Assert.Single(await _edge.Services.GetRequiredService<Erasure>().ListErasedAsync(default));
    }

    [Fact]
    public async Task CatalogSetBack_UnderARunningHost_AnswersAsForAnErasedStudy()
    {
        services.Need();
        var erased = DemoInstance.Load(_edge.Demo)[0];
        using (var technician = await _edge.ClientAsync("technician"))
        using (var stored = await EdgeFixture.StoreAsync(technician, "dicomweb/studies", erased.Bytes)) Assert.True(stored.IsSuccessStatusCode);
        var before = (await _edge.Services.GetRequiredService<ICatalog>().GetStudyAsync("demo", erased.Study, default))!.Value;
        await EraseAsync(erased.Study);
        await _edge.Services.GetRequiredService<ICommit>().CommitAsync(new CommitBatch(StudyChange.Of(null, before with { Revision = 1 }, []), []), default);
        await AssertGoneAsync(erased);
    }

    private async Task AssertGoneAsync(DemoInstance erased)
    {
        using var radiologist = await _edge.ClientAsync("radiologist");
        foreach (var address in (string[])[
            $"api/studies/{erased.Study}/series/{erased.Series}/instances/{erased.Sop}/original", $"dicomweb/studies/{erased.Study}/metadata", $"dicomweb/studies/{erased.Study}"])
        {
            using var gone = await radiologist.GetAsync(address);
            Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
            Assert.Contains("not-found", await gone.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
    }

    private async Task AssertReadsAsync(DemoInstance[] kept, DemoInstance erased, string erasedKey)
    {
        using var radiologist = await _edge.ClientAsync("radiologist");
        foreach (var file in kept)
        {
            using var whole = await radiologist.GetAsync($"api/studies/{file.Study}/series/{file.Series}/instances/{file.Sop}/original");
            Assert.Equal(HttpStatusCode.OK, whole.StatusCode);
            Assert.Equal(file.Bytes, await whole.Content.ReadAsByteArrayAsync());
        }

        using var gone = await radiologist.GetAsync($"api/studies/{erased.Study}/series/{erased.Series}/instances/{erased.Sop}/original");
        Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
        Assert.Null(await _edge.Services.GetRequiredService<IKeyRecordStore>().GetAsync("demo", erasedKey, default));
    }

    /// <summary>Erases a study to the end; answers its key.</summary>
    private async Task<string> EraseAsync(string studyInstanceUid)
    {
        var study = (await _edge.Services.GetRequiredService<ICatalog>().GetStudyAsync("demo", studyInstanceUid, default))!.Value;
        var requests = _edge.Services.GetRequiredService<ErasureRequests>();
        var asked = (await requests.RequestAsync("demo", study.StudyKey, ErasureBasis.ReceivedInError, null, "demo/one", false, null, default)).Erasure!;
        await requests.ApproveAsync("demo", asked.Id, "demo/two", default);
        var erasure = _edge.Services.GetRequiredService<Erasure>();
        var running = true;
        while (running) running = await erasure.StepAsync("demo", asked.Id, TestContext.Current.CancellationToken);
        Assert.Equal(ErasureStatus.Erased, (await erasure.GetAsync("demo", asked.Id, default))!.Value.Status);
        return study.StudyKey;
    }

    private async Task<int> DropKeysAsync()
    {
        // From the database alone: what the second account has, nobody has touched.
        var records = new DocumentKeyRecords(_edge.Services.GetRequiredService<IDocuments>());
        var dropped = 0;
        foreach (var owner in (string[])["platform", "demo"])
        {
            foreach (var stored in await ((IKeyRecordStore)records).ListAsync(owner, default).ToListAsync())
                if (await records.DeleteAsync(owner, stored.Record.Subject, default)) dropped++;
        }

        return dropped;
    }

    private async Task CopyAsync(string from, string to)
    {
        using var client = new CosmosClient(
            services.CosmosUrl.ToString(), services.CosmosKey, new CosmosClientOptions { ConnectionMode = ConnectionMode.Gateway, LimitToEndpoint = true });
        Database target = await client.CreateDatabaseAsync(to);
        foreach (var name in (string[])["studies", "instances", "documents", "audit"])
        {
            var source = client.GetContainer(from, name);
            Container copy = await target.CreateContainerAsync(new ContainerProperties(name, "/pk") { IndexingPolicy = (await source.ReadContainerAsync()).Resource.IndexingPolicy });
            using var items = source.GetItemQueryIterator<JObject>("SELECT * FROM c");
            while (items.HasMoreResults)
                foreach (var item in await items.ReadNextAsync()) await copy.CreateItemAsync(item, new PartitionKey(item.Value<string>("pk")));
        }
    }

    private sealed class Host(AzureServices services) : EdgeFixture
    {
        private readonly AzureServices _services = services;
        private readonly string _name = $"t{Guid.NewGuid():n}"[..24];

        public string Database { get; set; } = $"d{Guid.NewGuid():n}"[..24];

        public string? RestoreFrom { get; set; }

        protected override IEnumerable<KeyValuePair<string, string?>> Settings => new Dictionary<string, string?>(_services.Settings(_name))
        {
            ["Skylight:Cosmos:Database"] = Database,
            ["Skylight:KeyBackup:Store:ConnectionString"] = _services.ConnectionString,
            ["Skylight:KeyBackup:Store:Container"] = $"{_name}-keys",
            ["Skylight:KeyBackup:RestoreFrom"] = RestoreFrom,
        };

        public override ValueTask InitializeAsync() => _services.Missing is null ? base.InitializeAsync() : ValueTask.CompletedTask;
    }
}
