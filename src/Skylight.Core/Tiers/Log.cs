using Microsoft.Extensions.Logging;
using Skylight.Core.Catalog;

namespace Skylight.Core.Tiers;

internal static partial class Log
{
    [LoggerMessage(2700, LogLevel.Information, "Study {Institution}/{StudyKey} is in tier {Tier}.")]
    public static partial void TierReached(ILogger logger, string institution, string studyKey, StorageTier tier);

    [LoggerMessage(2701, LogLevel.Information, "Rehydration of study {Institution}/{StudyKey} started.")]
    public static partial void RehydrationStarted(ILogger logger, string institution, string studyKey);

    [LoggerMessage(2702, LogLevel.Information, "Study {Institution}/{StudyKey} can be read again.")]
    public static partial void RehydrationDone(ILogger logger, string institution, string studyKey);

    [LoggerMessage(2703, LogLevel.Warning, "Rehydration of study {Institution}/{StudyKey} could not be carried on; the next round tries again.")]
    public static partial void RehydrationFailed(ILogger logger, string institution, string studyKey, Exception error);

    [LoggerMessage(2704, LogLevel.Warning, "Packs of study {Institution}/{StudyKey} that were written anew could not be moved to its tier; the next sweep tries again.")]
    public static partial void NotFollowed(ILogger logger, string institution, string studyKey, Exception error);
}
