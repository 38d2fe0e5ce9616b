using Microsoft.Extensions.Logging;

namespace Skylight.Core.Lifecycle;

internal static partial class Log
{
    [LoggerMessage(4600, LogLevel.Warning, "Erasure {Institution}/{Erasure} could not be started")]
    public static partial void ErasureNotStarted(ILogger logger, string institution, string erasure, Exception error);
}
