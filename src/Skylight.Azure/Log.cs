using Microsoft.Extensions.Logging;

namespace Skylight.Azure;

internal static partial class Log
{
    [LoggerMessage(5600, LogLevel.Information, "Audit head of {Institution}: {Sequence}:{Hash}")]
    public static partial void AuditHead(ILogger logger, string institution, long sequence, string hash);

    [LoggerMessage(5601, LogLevel.Critical, "The audit trail of {Institution} ends at {Sequence}, but entry {Anchored} was anchored: entries are missing")]
    public static partial void AuditTruncated(ILogger logger, string institution, long sequence, long anchored);

    [LoggerMessage(5602, LogLevel.Error, "The audit anchor of {Institution} could not be written ({Error}); it is tried again")]
    public static partial void AuditAnchorFailed(ILogger logger, string institution, string error);
}
