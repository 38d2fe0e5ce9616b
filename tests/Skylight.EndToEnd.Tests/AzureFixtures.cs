using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Conformance;
using Skylight.EndToEnd.Tests.Access;
using Skylight.EndToEnd.Tests.DicomWeb;
using Skylight.EndToEnd.Tests.Uploads;

[assembly: AssemblyFixture(typeof(AzureServices))]

namespace Skylight.EndToEnd.Tests;

/// <summary>An edge host whose archive lies in Azurite and the Cosmos protocol server. Its tests are skipped where those cannot be installed.</summary>
public sealed class AzureEdgeFixture(AzureServices services) : EdgeFixture
{
    protected override IEnumerable<KeyValuePair<string, string?>> Settings => services.Settings($"t{Guid.NewGuid():n}"[..24]);

    public override ValueTask InitializeAsync() => services.Missing is null ? base.InitializeAsync() : ValueTask.CompletedTask;

    public override async Task DamageAsync(long bytes, int position)
    {
        var container = Services.GetRequiredService<BlobContainerClient>();
        var packs = new List<BlobItem>();
        await foreach (var blob in container.GetBlobsAsync()) packs.Add(blob);
        var pack = container.GetBlobClient(packs.Where(blob => blob.Name.EndsWith(".pack", StringComparison.Ordinal) && blob.Properties.ContentLength > bytes).MaxBy(blob => blob.Properties.CreatedOn)!.Name);
        var content = (await pack.DownloadContentAsync()).Value.Content.ToArray();
        content[position] ^= 1;
        await pack.UploadAsync(new BinaryData(content), overwrite: true);
    }

    protected override void Need() => services.Need();

}

public sealed class AzureUploadFixture(AzureServices services) : UploadFixture(new AzureEdgeFixture(services))
{
    public override ValueTask InitializeAsync() => services.Missing is null ? base.InitializeAsync() : ValueTask.CompletedTask;

    public override async Task<int> ArrivedAsync()
    {
        var service = new BlobServiceClient(services.ConnectionString);
        var blocks = 0;
        await foreach (var container in service.GetBlobContainersAsync(prefix: "up-"))
        {
            var client = service.GetBlobContainerClient(container.Name);
            await foreach (var blob in client.GetBlobsAsync(states: BlobStates.Uncommitted))
            {
                var list = (await client.GetBlockBlobClient(blob.Name).GetBlockListAsync()).Value;
                blocks += list.CommittedBlocks.Count() + list.UncommittedBlocks.Count();
            }
        }

        return blocks;
    }

    public UploadFixture Ready()
    {
        services.Need();
        return this;
    }
}

public sealed class AzureRouteWorld(AzureServices services) : RouteWorld(new AzureEdgeFixture(services))
{
    public override ValueTask InitializeAsync() => services.Missing is null ? base.InitializeAsync() : ValueTask.CompletedTask;

    public RouteWorld Ready()
    {
        services.Need();
        return this;
    }
}
