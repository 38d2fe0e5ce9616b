using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Skylight.Core.Keys.Backup;

/// <summary>
/// Restores before the host takes requests, where <see cref="KeyBackupOptions.RestoreFrom"/> says so: the first request would make new secrets for institutions that lack theirs. Else looks whether
/// the records were set back to before an erasure, which is then carried out again before anybody can ask for what it took.
/// </summary>
public sealed class KeyRestoreStart(KeyGenerations generations, IOptions<KeyBackupOptions> options, ILogger<KeyRestoreStart> logger) : IHostedLifecycleService
{
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        if (options.Value.RestoreFrom is null)
        {
            await CatchUpAsync(cancellationToken);
            return;
        }

        try
        {
            await generations.RestoreAsync(options.Value.Moment(), cancellationToken);
        }
        catch (KeyBackupException error)
        {
            throw new OptionsValidationException(KeyBackupOptions.Section, typeof(KeyBackupOptions), [$"{KeyBackupOptions.Section}:RestoreFrom: {error.Message}"]);
        }
    }

    private async Task CatchUpAsync(CancellationToken cancellationToken)
    {
        try
        {
            await generations.CatchUpAsync(cancellationToken);
        }
        catch (IOException error)
        {
            // The second account does not answer, or has no container yet: what is stored can be read without it, and the hourly step looks again.
            Log.NotCaughtUp(logger, error);
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
