using Skylight.Conformance;
using Skylight.Core.Uploads;

namespace Skylight.Edge.Tests.Blobs;

public sealed class EdgeIngressTests(EdgeIngressTests.Host host) : IngressConformance, IClassFixture<EdgeIngressTests.Host>
{
    protected override IIngress Ingress => host.Blobs.Ingress;

    public sealed class Host : IAsyncLifetime
    {
        public BlobHost Blobs { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Blobs = await BlobHost.StartAsync();

        public ValueTask DisposeAsync() => Blobs.DisposeAsync();
    }
}
