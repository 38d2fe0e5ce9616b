using Azure;
using Azure.Storage.Blobs;
using Microsoft.Extensions.Hosting;

namespace Skylight.Azure.Objects;

/// <summary>Makes a container before the host takes requests; nothing where there is none to make.</summary>
internal sealed class ContainerStart(BlobContainerClient? container) : IHostedLifecycleService
{
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (container is not null) await container.CreateIfNotExistsAsync(cancellationToken: cancellationToken);
        }
        catch (RequestFailedException error)
        {
            throw BlobFaults.Of(error, "");
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
