using System.Text.Json;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Skylight.Core.Uploads;
using Skylight.Functions.Events;

namespace Skylight.Functions.Uploads;

/// <summary>Every minute: repeats interrupted completions and lost starts, expires what nobody completes, cleans what has ended.</summary>
public sealed class UploadsTimer(UploadUpkeep upkeep)
{
    [Function("uploads-upkeep")]
    public async Task Run([TimerTrigger("20 * * * * *")] TimerInfo timer, [DurableClient] DurableTaskClient client, CancellationToken cancellationToken) =>
        await upkeep.RunAsync(new DurableIngestStarter(client), cancellationToken);
}

/// <summary>A blob <c>_complete.json</c> completes its session: for those who hold nothing but the upload URL.</summary>
public sealed class UploadsCompletionEvent(UploadSessions sessions)
{
    private const string Prefix = "/blobServices/default/containers/";
    private const string Suffix = "/blobs/" + UploadSessions.CompletionBlob;

    [Function("uploads-completed-by-blob")]
    [EventFilter("Microsoft.Storage.BlobCreated", SubjectBeginsWith = Prefix + "up-", SubjectEndsWith = Suffix)]
    public async Task Run([EventGridTrigger] string created, [DurableClient] DurableTaskClient client, CancellationToken cancellationToken)
    {
        if (ContainerOf(created) is { } container) await sessions.CompleteByBlobAsync(container, new DurableIngestStarter(client), cancellationToken);
    }

    /// <summary>The container in the event's subject, in the CloudEvents and the Event Grid schema alike; null when the event is about another blob.</summary>
    internal static string? ContainerOf(string json)
    {
        using var parsed = JsonDocument.Parse(json);
        if (!parsed.RootElement.TryGetProperty("subject", out var value) || value.GetString() is not { } subject) return null;
        // A blob "x/_complete.json" ends alike and is none.
        return subject.StartsWith(Prefix, StringComparison.Ordinal) && subject.EndsWith(Suffix, StringComparison.Ordinal) && subject.Length > Prefix.Length + Suffix.Length
            && subject[Prefix.Length..^Suffix.Length] is var container && UploadId.OfContainer(container) is not null
            ? container
            : null;
    }
}
