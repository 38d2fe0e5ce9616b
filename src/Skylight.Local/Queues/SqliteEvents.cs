using System.Text.Json;
using System.Text.Json.Nodes;
using Skylight.Core.Documents;
using Skylight.Core.Events;

namespace Skylight.Local.Queues;

/// <summary>One subscriber: the host's queue for it, and which events it wants.</summary>
public sealed record EventSubscription(string Queue, Func<SkylightEvent, bool> Wants);

/// <summary>Who subscribes; filled by the host before anything is published.</summary>
public sealed class EventSubscriptions
{
    private readonly List<EventSubscription> _all = [];

    public IReadOnlyList<EventSubscription> All => _all;

    public void Add(EventSubscription subscription) => _all.Add(subscription);
}

/// <summary><see cref="IEventPublisher"/> on the host's queues: each event is put once for every subscriber, all of them in one transaction.</summary>
public sealed class SqliteEvents(SqliteQueue queue, EventSubscriptions subscriptions) : IEventPublisher
{
    public async ValueTask PublishAsync(IReadOnlyList<SkylightEvent> events, CancellationToken cancellationToken)
    {
        var messages = new List<(string Queue, ReadOnlyMemory<byte> Body)>();
        foreach (var item in events)
        {
            var body = Envelope(item);
            foreach (var subscription in subscriptions.All)
            {
                if (subscription.Wants(item)) messages.Add((subscription.Queue, body));
            }
        }

        await queue.SendManyAsync(messages, TimeSpan.Zero, cancellationToken);
    }

    /// <summary>The event in CloudEvents' JSON format (1.0, structured mode).</summary>
    public static byte[] Envelope(SkylightEvent item)
    {
        if (item.Id.Length == 0 || item.Source.Length == 0 || item.Type.Length == 0) throw new ArgumentException("An event has an id, a source and a type.", nameof(item));
        var envelope = new JsonObject
        {
            ["specversion"] = "1.0",
            ["id"] = item.Id,
            ["source"] = item.Source,
            ["type"] = item.Type,
            ["time"] = item.Time.ToUniversalTime().ToString("yyyy-MM-ddTHH:mm:ss.fffZ", System.Globalization.CultureInfo.InvariantCulture),
            ["datacontenttype"] = "application/json",
        };
        if (item.Subject is not null) envelope["subject"] = item.Subject;
        if (item.Data.ValueKind != JsonValueKind.Undefined) envelope["data"] = JsonNode.Parse(item.Data.GetRawText());
        var body = JsonSerializer.SerializeToUtf8Bytes(envelope, DocumentJson.Options);
        if (body.Length > SkylightEvent.MaxBytes) throw new ArgumentException($"An event has at most {SkylightEvent.MaxBytes} bytes.", nameof(item));
        return body;
    }
}
