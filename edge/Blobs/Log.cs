namespace Skylight.Edge.Blobs;

/// <summary>Log messages of the Blob endpoint, event ids 2700 to 2719. Never a URL, a SAS, or a container's or blob's name.</summary>
internal static partial class BlobLog
{
    [LoggerMessage(2700, LogLevel.Debug, "Blob request {RequestId} refused: {Status} {Code}.")]
    public static partial void Refused(ILogger logger, string requestId, int status, string code);

    [LoggerMessage(2701, LogLevel.Error, "Blob request {RequestId} refused: no space left for uploads.")]
    public static partial void NoSpace(ILogger logger, string requestId);

    [LoggerMessage(2702, LogLevel.Debug, "Blob request {RequestId} ended before its body was complete; nothing of it was kept.")]
    public static partial void Aborted(ILogger logger, string requestId);

    [LoggerMessage(2703, LogLevel.Error, "Blob request {RequestId} failed.")]
    public static partial void Failed(ILogger logger, string requestId, Exception error);

    [LoggerMessage(2704, LogLevel.Warning, "{Count} replaced parts of an upload could not be deleted; they go with their container.")]
    public static partial void NotDeleted(ILogger logger, int count, Exception error);

    [LoggerMessage(2705, LogLevel.Error, "A blob-created event could not be handed over; it is tried again.")]
    public static partial void EventNotTaken(ILogger logger, Exception error);
}
