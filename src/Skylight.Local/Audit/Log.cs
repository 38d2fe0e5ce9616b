using Microsoft.Extensions.Logging;

namespace Skylight.Local.Audit;

internal static partial class Log
{
    [LoggerMessage(5200, LogLevel.Information, "Audit head of {Institution}: {Sequence}:{Hash}")]
    public static partial void AuditHead(ILogger logger, string institution, long sequence, string hash);

    [LoggerMessage(5201, LogLevel.Critical, "The audit trail of {Institution} ends at {Sequence}, but entry {Anchored} was recorded: entries are missing")]
    public static partial void AuditTruncated(ILogger logger, string institution, long sequence, long anchored);

    [LoggerMessage(5202, LogLevel.Error, "The audit anchor of {Institution} could not be written ({Error}); it is tried again")]
    public static partial void AuditAnchorFailed(ILogger logger, string institution, string error);

    [LoggerMessage(5203, LogLevel.Error, "audit.db could not be written; the entries wait in the audit journal, and it is tried again")]
    public static partial void AuditNotWritten(ILogger logger, Exception error);
}
