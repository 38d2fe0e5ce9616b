using System.Net;
using Azure.Storage.Blobs;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Conformance;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Integrity;
using Skylight.EndToEnd.Tests.DicomWeb;

namespace Skylight.EndToEnd.Tests.Maintenance;

/// <summary>A host on the Azure adapters with a second container: what the first loses or damages is put back from there.</summary>
public sealed class AzureReplicaTests(AzureServices services) : IAsyncLifetime
{
    private readonly Host _edge = new(services);

    private BlobContainerClient First => _edge.Services.GetRequiredService<BlobContainerClient>();

    private BlobContainerClient Second => _edge.Services.GetRequiredKeyedService<BlobContainerClient>(Replica.Service);

    public ValueTask InitializeAsync() => _edge.InitializeAsync();

    public ValueTask DisposeAsync() => _edge.DisposeAsync();

    [Fact]
    public async Task DamagedAndMissingObjects_AreMended_AndReadAsTheyWereSent()
    {
        services.Need();
        using var technician = await _edge.ClientAsync("technician");
        using var radiologist = await _edge.ClientAsync("radiologist");
        var file = DemoInstance.Load(_edge.Demo)[0];
        using (var stored = await EdgeFixture.StoreAsync(technician, "dicomweb/studies", file.Bytes)) Assert.True(stored.IsSuccessStatusCode);
        await _edge.Services.GetRequiredService<Replica>().StepAsync(default);
        var names = await NamesAsync(First);
        Assert.Equal(names, await NamesAsync(Second));

        // Every object of the study is damaged or gone in the first container.
        var whole = new Dictionary<string, byte[]>();
        foreach (var name in names)
        {
            var bytes = whole[name] = await ReadAsync(First, name);
            await First.DeleteBlobAsync(name);
            if (!name.EndsWith(".pack", StringComparison.Ordinal)) continue;
            var damaged = bytes.ToArray();
            damaged[^20] ^= 4;
            await First.UploadBlobAsync(name, new BinaryData(damaged));
        }

        var study = (await _edge.Services.GetRequiredService<ICatalog>().GetStudyAsync("demo", file.Study, default))!.Value;
        Assert.Equal(0, await _edge.Services.GetRequiredService<Scrub>().StudyAsync("demo", study.StudyKey, default));
        foreach (var name in names) Assert.Equal(whole[name], await ReadAsync(First, name));
        using var original = await radiologist.GetAsync($"api/studies/{file.Study}/series/{file.Series}/instances/{file.Sop}/original");
        Assert.Equal(HttpStatusCode.OK, original.StatusCode);
        Assert.Equal(file.Bytes, await original.Content.ReadAsByteArrayAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Read_OfADamagedOrDeletedBlob_GivesWhatWasSent_AndPutsItBack(bool deleted)
    {
        services.Need();
        using var technician = await _edge.ClientAsync("technician");
        using var radiologist = await _edge.ClientAsync("radiologist");
        var file = DemoInstance.Load(_edge.Demo)[0];
        using (var stored = await EdgeFixture.StoreAsync(technician, "dicomweb/studies", file.Bytes)) Assert.True(stored.IsSuccessStatusCode);
        await _edge.Services.GetRequiredService<Replica>().StepAsync(default);
        var pack = (await NamesAsync(First)).Single(name => name.EndsWith(".pack", StringComparison.Ordinal));
        var whole = await ReadAsync(First, pack);
        await First.DeleteBlobAsync(pack);
        if (!deleted)
        {
            var damaged = whole.ToArray();
            damaged[^20] ^= 4;
            await First.UploadBlobAsync(pack, new BinaryData(damaged));
        }

        using (var original = await radiologist.GetAsync($"api/studies/{file.Study}/series/{file.Series}/instances/{file.Sop}/original"))
        {
            Assert.Equal(HttpStatusCode.OK, original.StatusCode);
            Assert.Equal(file.Bytes, await original.Content.ReadAsByteArrayAsync());
        }

        // Nobody has waited for the repair: it is done when its record is there.
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (await _edge.Services.GetRequiredService<IDocuments>().GetAsync<DamageRecord>(new DocumentKey("demo", DamageRecord.Type, pack.Replace('/', '.')), default) is null)
            await Task.Delay(50, patience.Token);
        Assert.Equal(whole, await ReadAsync(First, pack));
    }

    private static async Task<List<string>> NamesAsync(BlobContainerClient container)
    {
        var names = new List<string>();
        await foreach (var blob in container.GetBlobsAsync(prefix: "demo/")) names.Add(blob.Name);
        return names;
    }

    private static async Task<byte[]> ReadAsync(BlobContainerClient container, string name) => (await container.GetBlobClient(name).DownloadContentAsync()).Value.Content.ToArray();

    private sealed class Host(AzureServices services) : EdgeFixture
    {
        private readonly AzureServices _services = services;

        protected override IEnumerable<KeyValuePair<string, string?>> Settings
        {
            get
            {
                var name = $"t{Guid.NewGuid():n}"[..24];
                var settings = _services.Settings(name);
                settings["Skylight:Replica:ConnectionString"] = _services.ConnectionString;
                settings["Skylight:Replica:Container"] = $"{name}-second";

                // The test scrubs itself; the timer would mend under its hands.
                settings["Skylight:Integrity:Scrub"] = "false";
                return settings;
            }
        }

        public override ValueTask InitializeAsync() => _services.Missing is null ? base.InitializeAsync() : ValueTask.CompletedTask;
    }
}
