using Microsoft.Extensions.Logging;

namespace Skylight.Local.Journal;

internal static partial class Log
{
    [LoggerMessage(4100, LogLevel.Debug, "Journal drained: {Files} files, {Objects} objects moved")]
    public static partial void Drained(ILogger logger, int files, int objects);

    [LoggerMessage(4101, LogLevel.Warning, "The journal could not be drained; its objects stay readable where they are")]
    public static partial void DrainFailed(ILogger logger, Exception error);
}
