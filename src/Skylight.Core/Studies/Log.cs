using Microsoft.Extensions.Logging;

namespace Skylight.Core.Studies;

internal static partial class Log
{
    [LoggerMessage(4300, LogLevel.Debug, "Series of study {Institution}/{StudyKey} merged: {Before} parts became {After}")]
    public static partial void Merged(ILogger logger, string institution, string studyKey, int before, int after);

    [LoggerMessage(4301, LogLevel.Warning, "Study {Institution}/{StudyKey} could not be merged; it stays as it is")]
    public static partial void MergeFailed(ILogger logger, string institution, string studyKey, Exception error);

    [LoggerMessage(4302, LogLevel.Debug, "{Objects} retired objects deleted")]
    public static partial void Retired(ILogger logger, int objects);

    [LoggerMessage(4303, LogLevel.Warning, "Second copies of retired objects of study {Institution}/{StudyKey} could not be deleted; they are tried again")]
    public static partial void RetiredCopiesStay(ILogger logger, string institution, string studyKey, Exception error);
}
