using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Skylight.Core.Keys.Backup;

/// <summary>Restores before the host takes requests, where <see cref="KeyBackupOptions.RestoreFrom"/> says so: the first request would make new secrets for institutions that lack theirs.</summary>
public sealed class KeyRestoreStart(KeyGenerations generations, IOptions<KeyBackupOptions> options) : IHostedLifecycleService
{
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        if (options.Value.RestoreFrom is null) return;
        try
        {
            await generations.RestoreAsync(options.Value.Moment(), cancellationToken);
        }
        catch (KeyBackupException error)
        {
            throw new OptionsValidationException(KeyBackupOptions.Section, typeof(KeyBackupOptions), [$"{KeyBackupOptions.Section}:RestoreFrom: {error.Message}"]);
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
