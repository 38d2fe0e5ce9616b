namespace Skylight.Edge;

/// <summary>Every log message of the edge host. Event ids 2000–2999. Keys, counts and sizes only; route templates, never paths.</summary>
internal static partial class Log
{
    [LoggerMessage(2001, LogLevel.Information, "{Method} {Route} {Status} in {Milliseconds:0.0} ms")]
    public static partial void Request(ILogger logger, string method, string route, int status, double milliseconds);

    [LoggerMessage(2002, LogLevel.Error, "A request to {Route} failed")]
    public static partial void RequestFailed(ILogger logger, string route, Exception error);
}
