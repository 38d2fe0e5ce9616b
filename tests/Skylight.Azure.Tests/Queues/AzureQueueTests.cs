using Azure.Storage;
using Azure.Storage.Queues;
using Skylight.Azure.Queues;
using Skylight.Conformance;
using Skylight.Core.Queues;

namespace Skylight.Azure.Tests.Queues;

public sealed class AzureQueueTests(AzureServices services) : QueueConformance
{
    protected override IQueue Queue
    {
        get
        {
            services.Need();
            return new AzureQueue(new QueueServiceClient(services.QueueUrl, new StorageSharedKeyCredential(services.Account, services.AccountKey), AzureQueue.Options));
        }
    }

    [Fact]
    public async Task Receive_QueueIsNotThere_IsEmpty()
    {
        Assert.Empty(await Queue.ReceiveAsync(Name, 1, TimeSpan.FromMinutes(1), CancellationToken.None));
        Assert.Equal(0, await Queue.CountAsync(Name, CancellationToken.None));
    }
}
