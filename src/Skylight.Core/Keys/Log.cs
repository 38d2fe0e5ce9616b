using Microsoft.Extensions.Logging;

namespace Skylight.Core.Keys;

/// <summary>Log messages of key upkeep, 4400–4419. Ids of keys, never keys.</summary>
internal static partial class Log
{
    [LoggerMessage(4400, LogLevel.Information, "Key-encryption key version {Version} is named by no key record any more and was destroyed")]
    public static partial void KekRetired(ILogger logger, string version);

    [LoggerMessage(4401, LogLevel.Information, "An earlier key of {Institution}/{StudyKey} opens no object any more and was destroyed")]
    public static partial void KeyRemoved(ILogger logger, string institution, string studyKey);

    [LoggerMessage(4402, LogLevel.Information, "Key backup taken: {Keys} key records, {Erasures} erasures")]
    public static partial void KeysBackedUp(ILogger logger, int keys, int erasures);

    [LoggerMessage(4403, LogLevel.Warning, "{Keys} key records were put back from the key backup {Generation}; {Studies} studies and {Instances} single instances were erased again")]
    public static partial void KeysRestored(ILogger logger, int keys, string generation, int studies, int instances);

    [LoggerMessage(4404, LogLevel.Critical, "The records were set back: the key backup knows of {Erasures} erasures that the records have forgotten; they are carried out again")]
    public static partial void ErasuresForgotten(ILogger logger, int erasures);

    [LoggerMessage(4405, LogLevel.Warning, "{Keys} key records of the key backup {Generation} have no second copy any more: they were erased since, and are not put back")]
    public static partial void KeysLeftOut(ILogger logger, int keys, string generation);

    [LoggerMessage(4406, LogLevel.Error, "The replaced keys of {Institution} could not be looked through; the other institutions' were")]
    public static partial void NotRetired(ILogger logger, string institution, Exception error);

    [LoggerMessage(4407, LogLevel.Error, "The erasure {Id} of {Institution} could not be carried out again; the next hourly step tries again")]
    public static partial void NotErasedAgain(ILogger logger, string institution, string id, Exception error);

    [LoggerMessage(4408, LogLevel.Warning, "Whether the records were set back to before an erasure is not known: the account of the key backup does not answer")]
    public static partial void NotCaughtUp(ILogger logger, Exception error);
}
