namespace Skylight.Edge;

/// <summary>Every log message of the edge host. Event ids 2000–2999. Keys, counts and sizes only; route templates, never paths.</summary>
internal static partial class Log
{
    [LoggerMessage(2001, LogLevel.Information, "{Method} {Route} {Status} in {Milliseconds:0.0} ms")]
    public static partial void Request(ILogger logger, string method, string route, int status, double milliseconds);

    [LoggerMessage(2002, LogLevel.Error, "A request to {Route} failed")]
    public static partial void RequestFailed(ILogger logger, string route, Exception error);

    [LoggerMessage(2010, LogLevel.Error, "The queue of function {Function} cannot be read; trying again")]
    public static partial void QueueUnreadable(ILogger logger, string function, Exception error);

    [LoggerMessage(2011, LogLevel.Warning, "Function {Function} failed on a message (attempt {Attempt} of {MaxAttempts})")]
    public static partial void MessageFailed(ILogger logger, string function, int attempt, int maxAttempts, Exception error);

    [LoggerMessage(2012, LogLevel.Error, "Function {Function} failed {Attempts} times on a message, which now lies in the poison queue")]
    public static partial void MessagePoisoned(ILogger logger, string function, int attempts);

    [LoggerMessage(2013, LogLevel.Error, "A message of function {Function} could not be settled and will come again")]
    public static partial void MessageNotSettled(ILogger logger, string function, Exception error);

    [LoggerMessage(2014, LogLevel.Warning, "The lease on a message of function {Function} could not be renewed; trying again")]
    public static partial void LeaseNotRenewed(ILogger logger, string function, Exception error);

    [LoggerMessage(2020, LogLevel.Error, "Timer function {Function} failed")]
    public static partial void TimerFailed(ILogger logger, string function, Exception error);

    [LoggerMessage(2021, LogLevel.Error, "The schedule of timer function {Function} could not be stored")]
    public static partial void TimerNotStored(ILogger logger, string function, Exception error);

    [LoggerMessage(2030, LogLevel.Warning, "{Count} observable instruments could not be read")]
    public static partial void InstrumentsFailed(ILogger logger, int count, Exception error);
}
