using Microsoft.Extensions.Logging;

namespace Skylight.Core.Uploads;

/// <summary>Log messages of upload sessions, event ids 4200 to 4299. Ids, counts and sizes; never a URL or a blob's name.</summary>
internal static partial class UploadLog
{
    [LoggerMessage(4200, LogLevel.Information, "Upload session {UploadId} of {Institution} opened, until {ExpiresOn}.")]
    public static partial void Opened(ILogger logger, string uploadId, string institution, DateTimeOffset expiresOn);

    [LoggerMessage(4201, LogLevel.Information, "Upload session {UploadId} of {Institution} completed by its client.")]
    public static partial void Completed(ILogger logger, string uploadId, string institution);

    [LoggerMessage(4202, LogLevel.Information, "Upload session {UploadId} of {Institution} frozen: {Blobs} blobs, {Bytes} bytes.")]
    public static partial void Frozen(ILogger logger, string uploadId, string institution, long blobs, long bytes);

    [LoggerMessage(4203, LogLevel.Information, "Upload session {UploadId} of {Institution} ended; failure: {Failure}.")]
    public static partial void Finished(ILogger logger, string uploadId, string institution, string failure);

    [LoggerMessage(4204, LogLevel.Information, "Upload session {UploadId} of {Institution} cancelled.")]
    public static partial void Cancelled(ILogger logger, string uploadId, string institution);

    [LoggerMessage(4205, LogLevel.Information, "Upload session {UploadId} of {Institution} expired: nobody completed it.")]
    public static partial void Expired(ILogger logger, string uploadId, string institution);

    [LoggerMessage(4206, LogLevel.Information, "Upload session {UploadId} of {Institution} cleaned up.")]
    public static partial void Cleaned(ILogger logger, string uploadId, string institution);

    [LoggerMessage(4207, LogLevel.Warning, "Upload session {UploadId} of {Institution} had stopped as {State}; the step is repeated.")]
    public static partial void Repaired(ILogger logger, string uploadId, string institution, UploadState state);

    [LoggerMessage(4208, LogLevel.Error, "Upkeep of upload session {UploadId} failed; it is tried again in the next round.")]
    public static partial void UpkeepFailed(ILogger logger, string uploadId, Exception error);

    [LoggerMessage(4209, LogLevel.Debug, "Two requests of {Institution} with the same idempotency key came at once; both get the same session.")]
    public static partial void SameKeyAtOnce(ILogger logger, string institution);
}
