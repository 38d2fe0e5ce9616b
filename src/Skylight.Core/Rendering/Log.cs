using Microsoft.Extensions.Logging;

namespace Skylight.Core.Rendering;

internal static partial class Log
{
    [LoggerMessage(2750, LogLevel.Information, "A series of study {Institution}/{StudyKey} has no preview: {Reason}.")]
    public static partial void NoPreview(ILogger logger, string institution, string studyKey, string reason);
}
