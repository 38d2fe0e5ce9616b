using System.Text.Json;

namespace Skylight.Core.Events;

/// <summary>
/// Announces what has happened, in the CloudEvents 1.0 envelope. In the cloud the events go to Event Grid; the edge keeps them and hands
/// each to every function that subscribes, at least once. Publishers call it from an outbox, so a crash between commit and publish repeats
/// an event rather than losing it: subscribers recognise a repetition by (<see cref="SkylightEvent.Source"/>, <see cref="SkylightEvent.Id"/>).
/// </summary>
public interface IEventPublisher
{
    /// <summary>All of them accepted and durable when the task completes; otherwise an exception, and any of them may be announced again.</summary>
    /// <exception cref="ArgumentException">An event is larger than <see cref="SkylightEvent.MaxBytes"/> or lacks a required attribute.</exception>
    ValueTask PublishAsync(IReadOnlyList<SkylightEvent> events, CancellationToken cancellationToken);
}

/// <summary>One event. Attributes as in CloudEvents 1.0; no personal data in any of them, <see cref="Data"/> included: keys and counts.</summary>
/// <param name="Id">Unique for its source; the same id means the same event, sent again.</param>
/// <param name="Source">Who says so: a URI reference such as <c>/institutions/demo</c>.</param>
/// <param name="Type">What happened, such as <c>study.completed</c> or <c>Microsoft.Storage.BlobCreated</c>.</param>
/// <param name="Subject">What it happened to, such as <c>studies/{study key}</c>; null when the source says it all.</param>
/// <param name="Time">When, in UTC.</param>
/// <param name="Data">A JSON value with its own version <c>v</c>.</param>
public sealed record SkylightEvent(string Id, string Source, string Type, string? Subject, DateTimeOffset Time, JsonElement Data)
{
    /// <summary>32 KiB as JSON: one queue message, and far below Event Grid's 1 MB.</summary>
    public const int MaxBytes = 32 * 1024;
}
