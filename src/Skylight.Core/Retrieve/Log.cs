using Microsoft.Extensions.Logging;
using Skylight.Archive.Sealing;

namespace Skylight.Core.Retrieve;

/// <summary>Log messages of retrieval, 3100–3199. Object names are opaque; never UIDs or names from studies.</summary>
internal static partial class Log
{
    [LoggerMessage(3100, LogLevel.Critical, "Stored object {Name} is damaged at segment {Segment} ({Fault}); nothing of that segment was given out")]
    public static partial void Damaged(ILogger logger, string name, long segment, SealedFault fault);
}
