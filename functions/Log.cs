using Microsoft.Extensions.Logging;

namespace Skylight.Functions;

/// <summary>Every log message of the functions. Event ids 1000–1999. Keys, counts and sizes only.</summary>
internal static partial class Log
{
    [LoggerMessage(1001, LogLevel.Error, "Function {Function} failed")]
    public static partial void Failed(ILogger logger, string function, Exception error);
}
