using Microsoft.Extensions.Logging;

namespace Skylight.Core.Keys;

/// <summary>Log messages of key upkeep, 4400–4419. Ids of keys, never keys.</summary>
internal static partial class Log
{
    [LoggerMessage(4400, LogLevel.Information, "Key-encryption key version {Version} is named by no key record any more and was destroyed")]
    public static partial void KekRetired(ILogger logger, string version);

    [LoggerMessage(4401, LogLevel.Information, "An earlier key of {Institution}/{StudyKey} opens no object any more and was destroyed")]
    public static partial void KeyRemoved(ILogger logger, string institution, string studyKey);
}
