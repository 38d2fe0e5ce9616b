using Microsoft.Extensions.Logging;
using Skylight.Archive.Sealing;

namespace Skylight.Core.Retrieve;

/// <summary>Somebody has to learn of a damaged object: the client only sees its answer end.</summary>
internal static class Damage
{
    /// <summary>Runs a read; a damaged object is logged by name, and the exception goes on.</summary>
    public static async Task ReportAsync(ILogger logger, Func<Task> read)
    {
        try
        {
            await read();
        }
        catch (SealedObjectException damage)
        {
            Log.Damaged(logger, damage.Name, damage.Segment, damage.Fault);
            throw;
        }
    }

    /// <inheritdoc cref="ReportAsync(ILogger, Func{Task})"/>
    public static async Task<T> ReportAsync<T>(ILogger logger, Func<ValueTask<T>> read)
    {
        try
        {
            return await read();
        }
        catch (SealedObjectException damage)
        {
            Log.Damaged(logger, damage.Name, damage.Segment, damage.Fault);
            throw;
        }
    }
}
