using Microsoft.Extensions.Logging;

namespace Skylight.Edge.Runtime.Durable;

/// <summary>Everything the durable engine says: event ids 2500 to 2599.</summary>
internal static partial class Log
{
    [LoggerMessage(2500, LogLevel.Information, "Durable engine started: {Orchestrators} orchestrators, {Activities} activities; {OpenActivities} activities, {Timers} near timers and {Messages} messages taken up again.")]
    public static partial void Started(this ILogger logger, int orchestrators, int activities, int openActivities, int timers, int messages);

    [LoggerMessage(2501, LogLevel.Information, "Durable engine stopped.")]
    public static partial void Stopped(this ILogger logger);

    [LoggerMessage(2502, LogLevel.Warning, "Durable engine stopped while {Running} activities were still running; they are run again after the next start.")]
    public static partial void StoppedHard(this ILogger logger, int running);

    [LoggerMessage(2503, LogLevel.Warning, "Orchestration {Name} {InstanceId} failed: {ErrorType}.")]
    public static partial void OrchestrationFailed(this ILogger logger, string name, string instanceId, string errorType);

    [LoggerMessage(2504, LogLevel.Warning, "Activity {Name} of {InstanceId} (task {Task}) failed: {ErrorType}.")]
    public static partial void ActivityFailed(this ILogger logger, string name, string instanceId, long task, string errorType);

    [LoggerMessage(2505, LogLevel.Error, "A turn of instance {Key} could not be taken; it is tried again in {Seconds} s.")]
    public static partial void TurnFailed(this ILogger logger, Exception error, long key, double seconds);

    [LoggerMessage(2506, LogLevel.Debug, "Event {EventName} for {InstanceId} dropped: no such running instance.")]
    public static partial void EventDropped(this ILogger logger, string eventName, string instanceId);

    [LoggerMessage(2507, LogLevel.Information, "Purged {Count} finished instances that were older than {Days} days.")]
    public static partial void Purged(this ILogger logger, int count, int days);

    [LoggerMessage(2508, LogLevel.Error, "Upkeep of the durable engine failed; it is tried again later.")]
    public static partial void UpkeepFailed(this ILogger logger, Exception error);
}
