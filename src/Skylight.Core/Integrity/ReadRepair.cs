using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Skylight.Core.Integrity;

/// <summary>
/// Mends what readers have found damaged, one object after the other and behind their backs: they have their answer, from the second copy. It is what the scrub
/// does (<see cref="Scrub.ObjectAsync"/>), without waiting for its turn.
/// </summary>
public sealed class ReadRepair(FallenBack names, Scrub scrub, ILogger<ReadRepair> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (await names.WaitAsync(stoppingToken))
                while (names.TryTake(out var name)) await OneAsync(name, stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            Log.RepairEnds(logger);
        }
    }

    /// <summary>Looks at one object. Nothing that goes wrong with it stops the others.</summary>
    internal async Task OneAsync(string name, CancellationToken cancellationToken)
    {
        Log.FellBack(logger, name);
        var whole = false;
        try
        {
            whole = await scrub.ObjectAsync(name, cancellationToken);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            Log.RepairFailed(logger, name, error.GetType().Name);
        }
        finally
        {
            names.Done(name, whole);
        }
    }
}
