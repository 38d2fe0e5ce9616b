using Azure.Storage;
using Azure.Storage.Queues;
using Skylight.Azure.Queues;
using Skylight.Conformance;
using Skylight.Core.Queues;

namespace Skylight.Azure.Tests.Queues;

public sealed class AzureQueueTests(Azurite azurite) : QueueConformance, IClassFixture<Azurite>
{
    protected override IQueue Queue
    {
        get
        {
            Assert.SkipWhen(azurite.Missing is not null, azurite.Missing ?? "");
            return new AzureQueue(new QueueServiceClient(azurite.QueueAddress, new StorageSharedKeyCredential(Azurite.Account, Azurite.Key), AzureQueue.Options));
        }
    }

    [Fact]
    public async Task Receive_QueueIsNotThere_IsEmpty()
    {
        Assert.Empty(await Queue.ReceiveAsync(Name, 1, TimeSpan.FromMinutes(1), CancellationToken.None));
        Assert.Equal(0, await Queue.CountAsync(Name, CancellationToken.None));
    }
}
