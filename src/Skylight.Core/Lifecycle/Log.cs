using Microsoft.Extensions.Logging;

namespace Skylight.Core.Lifecycle;

internal static partial class Log
{
    [LoggerMessage(4600, LogLevel.Warning, "Erasure {Institution}/{Erasure} could not be started")]
    public static partial void ErasureNotStarted(ILogger logger, string institution, string erasure, Exception error);

    [LoggerMessage(4601, LogLevel.Information, "Objects that nothing names: {Looked} looked at, {Waiting} waiting, {Removed} removed")]
    public static partial void Swept(ILogger logger, int looked, int waiting, int removed);

    [LoggerMessage(4602, LogLevel.Warning, "Objects of {Institution}/{StudyKey} could not be told apart and are left alone")]
    public static partial void SweepSkipped(ILogger logger, string institution, string studyKey, Exception error);

    [LoggerMessage(4603, LogLevel.Warning, "The erasure of what deletion {Institution}/{Deletion} hid could not be asked for")]
    public static partial void ErasureNotAsked(ILogger logger, string institution, string deletion, Exception error);

    [LoggerMessage(4604, LogLevel.Warning, "What a killed host left half done could not be ended yet: {Kind} {Institution}/{Id}")]
    public static partial void UpkeepWaits(ILogger logger, string kind, string institution, string id, Exception error);

    [LoggerMessage(4605, LogLevel.Critical, "The study {Institution}/{StudyKey} was erased and is in the catalog again: the records were set back without carrying out their erasures again")]
    public static partial void ErasedIsBack(ILogger logger, string institution, string studyKey);

    [LoggerMessage(4606, LogLevel.Critical, "Objects of the study {Institution}/{StudyKey} can be opened and no study document names them: nothing of it is removed; 'skylight reindex' brings it back")]
    public static partial void StudyUnknown(ILogger logger, string institution, string studyKey);

    [LoggerMessage(4607, LogLevel.Warning, "What became of the covered deletion {Institution}/{Deletion} could not be told")]
    public static partial void DeletionNotSettled(ILogger logger, string institution, string deletion, Exception error);

    [LoggerMessage(4608, LogLevel.Critical, "An index or metadata of the study {Institution}/{StudyKey} that no study document names is damaged: nothing of it is removed; put a whole copy in its place and run 'skylight reindex'")]
    public static partial void UnnamedDamaged(ILogger logger, string institution, string studyKey);
}
