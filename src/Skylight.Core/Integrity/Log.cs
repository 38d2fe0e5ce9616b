using Microsoft.Extensions.Logging;
using Skylight.Archive.Keys;

namespace Skylight.Core.Integrity;

/// <summary>Log messages of scrub and replica, 4420–4439. Object names are opaque.</summary>
internal static partial class Log
{
    [LoggerMessage(4420, LogLevel.Information, "Scrub complete: {Objects} objects, {Bytes} bytes, {Damaged} damaged, {Repaired} of them repaired")]
    public static partial void Scrubbed(ILogger logger, long objects, long bytes, long damaged, long repaired);

    [LoggerMessage(4421, LogLevel.Critical, "Object {Name} is damaged ({Copy} copy: {Fault}) and could not be repaired")]
    public static partial void Damaged(ILogger logger, string name, string copy, string fault);

    [LoggerMessage(4422, LogLevel.Error, "Object {Name} was damaged ({Copy} copy: {Fault}) and was repaired from the other copy")]
    public static partial void Mended(ILogger logger, string name, string copy, string fault);

    [LoggerMessage(4423, LogLevel.Warning, "Object {Name} could not be read again: {Fault}")]
    public static partial void ScrubKey(ILogger logger, string name, KeyFault fault);

    [LoggerMessage(4425, LogLevel.Warning, "Object {Name} was read from its second copy; it is looked at again in the background")]
    public static partial void FellBack(ILogger logger, string name);

    [LoggerMessage(4426, LogLevel.Error, "Object {Name}, which a reader found damaged, could not be looked at: {Kind}")]
    public static partial void RepairFailed(ILogger logger, string name, string kind);

    [LoggerMessage(4427, LogLevel.Debug, "The repair of what readers found damaged ends with the host")]
    public static partial void RepairEnds(ILogger logger);

    [LoggerMessage(4424, LogLevel.Debug, "{Objects} objects copied to the replica")]
    public static partial void Replicated(ILogger logger, int objects);

    [LoggerMessage(4428, LogLevel.Warning, "The replica's sweep has passed over {Archived} archived objects and {Unreadable} that are damaged or without their key: they have no second copy")]
    public static partial void PassedOver(ILogger logger, int archived, int unreadable);
}
