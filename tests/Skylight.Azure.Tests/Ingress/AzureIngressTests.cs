using Azure.Storage;
using Azure.Storage.Blobs;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Skylight.Azure.Ingress;
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
