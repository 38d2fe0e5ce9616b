using Skylight.Core.Queues;
using Skylight.Edge.Hosting;
using Skylight.Local.Queues;

namespace Skylight.Edge.Runtime.Triggers.Background;

/// <param name="Queue">The queue to empty.</param>
/// <param name="Parallel">Messages handled at once, 1–32.</param>
/// <param name="MaxDequeueCount">After so many failures a message goes to the poison queue.</param>
/// <param name="RetryDelay">How long a message rests after its n-th failure.</param>
/// <param name="MaxPollingInterval">How long at most until a delayed message is noticed.</param>
internal sealed record ConsumerSettings(string Queue, string Function, int Parallel, int MaxDequeueCount, Func<int, TimeSpan> RetryDelay, TimeSpan MaxPollingInterval);

/// <summary>
/// Takes messages of one queue and hands each to a function, at least once: a message is removed after its function has succeeded, rests
/// after a failure, and is set aside as poison after too many. While a function runs, its message's lease is kept alive.
/// </summary>
internal sealed class QueueConsumer(SqliteQueue queue, ConsumerSettings settings, Func<QueueMessage, CancellationToken, Task> handle, Drain drain, TimeProvider time, ILogger logger) : IDisposable
{
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(2);
    private readonly SemaphoreSlim _slots = new(settings.Parallel, settings.Parallel);

    public string Queue => settings.Queue;

    /// <summary>Runs until <paramref name="stopping"/>, and then until what is being handled is done or <see cref="Drain.Expired"/> has cancelled it.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        var backoff = TimeSpan.FromSeconds(1);
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await _slots.WaitAsync(stopping);
                var free = 1;
                while (free < settings.Parallel && _slots.Wait(0, CancellationToken.None)) free++;
                var sent = queue.NextSend(settings.Queue);
                var taken = 0;
                try
                {
                    // Not cancellable: a message that is taken must be handled.
                    foreach (var message in await queue.ReceiveAsync(settings.Queue, free, Lease, SqliteQueue.HostLease, CancellationToken.None))
                    {
                        taken++;
                        _ = HandleAsync(message);
                    }
                }
                finally
                {
                    if (free > taken) _slots.Release(free - taken);
                }

                if (taken == 0) await Either(sent, settings.MaxPollingInterval, stopping);
                backoff = TimeSpan.FromSeconds(1);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                break;
            }
            catch (Exception error)
            {
                // The store is in trouble (disk full, I/O error): the queue waits with it.
                Log.QueueUnreadable(logger, settings.Function, error);
                await Either(Task.Delay(backoff, time, stopping), backoff, stopping);
                backoff = backoff < TimeSpan.FromSeconds(30) ? backoff * 2 : backoff;
            }
        }

        for (var i = 0; i < settings.Parallel; i++) await _slots.WaitAsync(CancellationToken.None);
    }

    public void Dispose() => _slots.Dispose();

    private async Task Either(Task signal, TimeSpan atMost, CancellationToken stopping)
    {
        using var delay = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        await Task.WhenAny(signal, Task.Delay(atMost, time, delay.Token));
        await delay.CancelAsync();
    }

    private async Task HandleAsync(QueueMessage message)
    {
        // Off the caller's stack: a function that computes before its first await must not hold up the others.
        await Task.Yield();
        using var finished = new CancellationTokenSource();
        var renewing = RenewAsync(message, finished.Token);
        try
        {
            var handled = false;
            try
            {
                await handle(message, drain.Expired);
                handled = true;
            }
            catch (Exception error)
            {
                Log.MessageFailed(logger, settings.Function, message.DequeueCount, settings.MaxDequeueCount, error);
            }

            await finished.CancelAsync();
            await renewing;
            if (handled) await queue.CompleteAsync(message, CancellationToken.None);
            else if (message.DequeueCount < settings.MaxDequeueCount) await queue.ReleaseAsync(message, settings.RetryDelay(message.DequeueCount), CancellationToken.None);
            else if (await queue.PoisonAsync(message, CancellationToken.None)) Log.MessagePoisoned(logger, settings.Function, settings.MaxDequeueCount);
        }
        catch (Exception error)
        {
            // Its lease runs out, or ends with the process; then it comes again.
            Log.MessageNotSettled(logger, settings.Function, error);
        }
        finally
        {
            _slots.Release();
        }
    }

    private async Task RenewAsync(QueueMessage message, CancellationToken finished)
    {
        while (!finished.IsCancellationRequested)
        {
            await Task.Delay(Lease / 4, time, finished).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (finished.IsCancellationRequested) return;
            try
            {
                if (await queue.ExtendAsync(message, Lease, CancellationToken.None) is null) return;
            }
            catch (Exception error)
            {
                Log.LeaseNotRenewed(logger, settings.Function, error);
            }
        }
    }
}
