using Microsoft.Extensions.Logging;

namespace Skylight.Core.Compression;

internal static partial class Log
{
    [LoggerMessage(2800, LogLevel.Information, "Study {Institution}/{StudyKey}: {Instances} instances of {Bytes} bytes are kept in {StoredBytes} now")]
    public static partial void Compressed(ILogger logger, string institution, string studyKey, int instances, long bytes, long storedBytes);

    [LoggerMessage(2801, LogLevel.Error, "Study {Institution}/{StudyKey}: compressed instances did not come back equal; the originals stay")]
    public static partial void Unproven(ILogger logger, string institution, string studyKey, Exception error);

    [LoggerMessage(2802, LogLevel.Warning, "The compression policy of {Institution} names codec {Codec}, which does not work here: {Missing} Nothing is compressed with it")]
    public static partial void CodecMissing(ILogger logger, string institution, string codec, string missing);
}
