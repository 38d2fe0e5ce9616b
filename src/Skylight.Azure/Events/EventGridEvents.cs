using Azure.Messaging;
using Azure.Messaging.EventGrid;
using Skylight.Core.Events;

namespace Skylight.Azure.Events;

/// <summary><see cref="IEventPublisher"/> on an Event Grid topic with the CloudEvents schema.</summary>
public sealed class EventGridEvents(EventGridPublisherClient client) : IEventPublisher
{
    /// <summary>A request takes 1 MB; events have at most 32 KiB.</summary>
    private const int EventsPerRequest = 30;

    public async ValueTask PublishAsync(IReadOnlyList<SkylightEvent> events, CancellationToken cancellationToken)
    {
        var all = events.Select(Event).ToArray();
        foreach (var chunk in all.Chunk(EventsPerRequest)) await client.SendEventsAsync(chunk, cancellationToken);
    }

    private static CloudEvent Event(SkylightEvent item)
    {
        if (item.Id.Length == 0 || item.Source.Length == 0 || item.Type.Length == 0) throw new ArgumentException("An event has an id, a source and a type.", nameof(item));
        var data = BinaryData.FromString(item.Data.GetRawText());
        if (data.ToMemory().Length > SkylightEvent.MaxBytes) throw new ArgumentException($"An event has at most {SkylightEvent.MaxBytes} bytes.", nameof(item));
        return new CloudEvent(item.Source, item.Type, data, "application/json", CloudEventDataFormat.Json) { Id = item.Id, Subject = item.Subject, Time = item.Time };
    }
}
