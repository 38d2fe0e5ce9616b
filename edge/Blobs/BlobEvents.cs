using System.Globalization;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Options;
using Skylight.Core.Documents;
using Skylight.Core.Events;
using Skylight.Core.Hosting;

namespace Skylight.Edge.Blobs;

/// <summary>Hands blob-created events over, at least once: a row of the table is deleted only after the event was taken.</summary>
internal sealed class BlobEvents(BlobTable table, IEventPublisher publisher, PublicAddress address, IOptions<BlobOptions> options, TimeProvider time, ILogger<BlobEvents> log) : BackgroundService
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(5);
    private readonly Channel<bool> _signal = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>Says that there is something to hand over.</summary>
    public void Signal() => _signal.Writer.TryWrite(true);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // What an earlier process committed and did not get rid of.
        Signal();
        await foreach (var _ in _signal.Reader.ReadAllAsync(stoppingToken))
        {
            try
            {
                while (table.PendingEvents() is { Count: > 0 } pending)
                {
                    await publisher.PublishAsync([.. pending.Select(Event)], stoppingToken);
                    foreach (var created in pending) await table.EventTakenAsync(created.Sequence, stoppingToken);
                }
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                BlobLog.EventNotTaken(log, error);
                await Task.Delay(RetryAfter, time, stoppingToken);
                Signal();
            }
        }
    }

    /// <summary>The event as Event Grid sends it ("Azure Blob Storage as an Event Grid source", CloudEvents schema).</summary>
    private SkylightEvent Event(BlobCreated created) => new(
        // The version's own id: announced again after a crash, it is the same event.
        $"{created.Container}-{created.ETag}",
        $"/skylight/edge/{options.Value.AccountName}",
        "Microsoft.Storage.BlobCreated",
        $"/blobServices/default/containers/{created.Container}/blobs/{created.Name}",
        created.Time,
        JsonSerializer.SerializeToElement(
            new BlobCreatedData(
                created.Api,
                created.RequestId,
                created.ETag,
                created.ContentType,
                created.Length,
                "BlockBlob",
                $"{options.Value.ContainerUrl(address.BaseUrl, created.Container)}/{Uri.EscapeDataString(created.Name)}",
                created.Sequence.ToString("D32", CultureInfo.InvariantCulture)),
            DocumentJson.Options));

    private sealed record BlobCreatedData(string Api, string RequestId, string ETag, string ContentType, long ContentLength, string BlobType, string Url, string Sequencer);
}
