using Microsoft.Extensions.Logging;

namespace Skylight.Core.Ingest;

/// <summary>Log messages of ingest, 3000–3099. Keys and counts; never UIDs, names or paths from files.</summary>
internal static partial class Log
{
    [LoggerMessage(3000, LogLevel.Debug, "Committed study {StudyKey} of {Institution}: {Kept} instances kept, {Others} already known")]
    public static partial void StudyCommitted(ILogger logger, string institution, string studyKey, int kept, int others);
}
