using Azure.Storage;
using Azure.Storage.Blobs;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Skylight.Azure.Costs;
using Skylight.Azure.Ingress;
using Skylight.Azure.Objects;
using Skylight.Conformance;
using Skylight.Core.Uploads;

namespace Skylight.Azure.Tests.Ingress;

public sealed class AzureIngressTests(AzureServices services) : IngressConformance
{
    protected override IIngress Ingress
    {
        get
        {
            services.Need();
            var credential = new StorageSharedKeyCredential(services.Account, services.AccountKey);
            return new AzureIngress(new BlobServiceClient(services.BlobUrl, credential), credential);
        }
    }
}

public sealed class FrozenStreamTests(AzureServices services)
{
    [Theory]
    [InlineData(0, 1)]
    [InlineData(600_000, 1)]
    [InlineData(20_000_000, 2)]
    public async Task Read_TakesFewRequests_AndAShortBlobCanBeReadAgainForNothing(int length, int requests)
    {
        services.Need();
        var costs = new AzureCosts();
        var options = services.Blobs(Services.NewName());
        var container = ObjectServices.Client(options, costs, () => throw new InvalidOperationException()).GetBlobContainerClient(options.Container);
        await container.CreateAsync();
        var bytes = new byte[length];
        new Random(3).NextBytes(bytes);
        await container.UploadBlobAsync("one", new BinaryData(bytes));
        var before = costs.Snapshot();
        await using var stream = await FrozenStream.OpenAsync(container.GetBlobClient("one"), null, default);
        Assert.Equal(length, stream.Length);
        for (var pass = 0; pass < (requests == 1 ? 2 : 1); pass++)
        {
            var copy = new MemoryStream();
            stream.Position = 0;
            await stream.CopyToAsync(copy);
            Assert.Equal(bytes, copy.ToArray());
        }

        Assert.Equal(requests, (costs.Snapshot() - before).Transactions);
        await container.GetBlobClient("one").UploadAsync(new BinaryData("overwritten"), overwrite: true);
        stream.Position = 0;
        if (requests > 1) await Assert.ThrowsAsync<UploadChangedException>(async () => await stream.ReadExactlyAsync(new byte[10]));
        await container.DeleteAsync();
    }
}

public sealed class IngressOptionsTests
{
    private static IIngress Compose(params (string Key, string Value)[] settings)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings.ToDictionary(s => $"Skylight:Ingress:{s.Key}", s => (string?)s.Value)).Build();
        return new ServiceCollection().AddAzureIngress(configuration).BuildServiceProvider().GetRequiredService<IIngress>();
    }

    [Fact]
    public void WithoutItsSettings_NamesThem()
    {
        var error = Assert.Throws<OptionsValidationException>(() => Compose());
        Assert.Contains(error.Failures, f => f.Contains("AccountName", StringComparison.Ordinal));
        Assert.Contains(error.Failures, f => f.Contains("AccountKey", StringComparison.Ordinal));
    }

    [Fact]
    public void WithThem_IsTheAccount() => Assert.Equal(TimeSpan.FromSeconds(30), Compose(("AccountName", "ingress1"), ("AccountKey", "a2V5")).RevocationDelay);
}
