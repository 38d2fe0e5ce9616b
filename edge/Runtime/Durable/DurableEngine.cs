using System.Diagnostics.Metrics;
using System.Reflection;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Converters;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Skylight.Edge.Hosting;

namespace Skylight.Edge.Runtime.Durable;

/// <summary>
/// Runs the orchestrations and activities of the functions on a SQLite file. Its client may be used from construction on; work is taken up by <see cref="StartAsync"/>.
/// </summary>
public sealed class DurableEngine : IHostedService, IAsyncDisposable
{
    private readonly Store _store;
    private readonly DurableFunctions _functions;
    private readonly Orchestrations _orchestrations;
    private readonly Activities _activities;
    private readonly Timers _timers;
    private readonly DurableClient _client;
    private readonly DurableOptions _options;
    private readonly TimeProvider _clock;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stop = new();
    private Task _upkeep = Task.CompletedTask;
    private bool _started;
    private readonly DurableMetrics _metrics;
    private bool _stopped;
    private bool _disposed;

    /// <param name="file">The database file; made when missing.</param>
    /// <param name="assemblies">Where the functions are.</param>
    /// <param name="services">Makes the activities' classes; an <see cref="IFunctionInvocationPipeline"/> (else there is no middleware) and a <see cref="DataConverter"/> are used when registered.</param>
    /// <param name="options">Limits.</param>
    /// <exception cref="StartupException">Functions that cannot be called, each named; or the file was written by a newer version.</exception>
    public DurableEngine(string file, IEnumerable<Assembly> assemblies, IServiceProvider services, DurableOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var loggers = services.GetRequiredService<ILoggerFactory>();
        _logger = loggers.CreateLogger("Skylight.Edge.Durable");
        _clock = services.GetService<TimeProvider>() ?? TimeProvider.System;
        _options = options;
        _functions = new DurableFunctions(assemblies.Distinct().SelectMany(assembly => assembly.GetExportedTypes()));
        var pipeline = services.GetService<IFunctionInvocationPipeline>() ?? new DirectInvocation(services.GetRequiredService<IServiceScopeFactory>());
        _metrics = new DurableMetrics(services.GetService<IMeterFactory>(), () => _activities!, () => _orchestrations!);
        var settings = new RunSettings(services.GetService<DataConverter>() ?? JsonDataConverter.Default, loggers, options.MaxPayloadBytes, options.MaxCustomStatusBytes);
        _store = Store.Open(file, _clock);
        _activities = new Activities(_store, _functions, pipeline, settings, options, _metrics, _logger) { Done = (instance, message) => _orchestrations!.Post(instance, message) };
        _timers = new Timers(_store, _clock, _logger) { Fired = Fire };
        _orchestrations = new Orchestrations(_store, _functions, services, pipeline, settings, options, _clock, _metrics, _logger)
        {
            ActivityOpened = _activities.Open, TimerOpened = _timers.Add, Abandoned = _activities.Abandon, Changed = id => _client!.Changed(id),
        };
        _client = new DurableClient(_store, _orchestrations, _timers, settings, _clock, _logger);
    }

    /// <summary>The client for <c>[DurableClient]</c> parameters.</summary>
    public DurableTaskClient Client => _client;

    internal Orchestrations Orchestrations => _orchestrations;

    internal Store Store => _store;

    /// <summary>Takes up what the last run left open and begins.</summary>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        // Read before anything runs: what comes about from here on announces itself.
        var activities = _store.OpenActivities();
        var messages = _store.Messages();
        var timers = _timers.Start();
        _orchestrations.Start();
        _activities.Start();
        foreach (var (instance, message) in messages) _orchestrations.Post(instance, message);
        foreach (var activity in activities) _activities.Open(activity);
        _upkeep = Task.Run(UpkeepAsync, CancellationToken.None);
        _started = true;
        _logger.Started(_functions.Orchestrators.Count, _functions.Activities.Count, activities.Count, timers, messages.Count);
        return Task.CompletedTask;
    }

    /// <summary>Cancels running activities, waits for them (at most <see cref="DurableOptions.DrainSeconds"/>), stores what they gave, and ends.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_stopped || !_started) return;
        _stopped = true;
        using var drain = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        drain.CancelAfter(TimeSpan.FromSeconds(_options.DrainSeconds));
        await _stop.CancelAsync();
        await _timers.StopAsync();
        await _activities.StopAsync(drain.Token);
        await _orchestrations.StopAsync(drain.Token);
        await _upkeep;
        _logger.Stopped();
    }

    public async ValueTask DisposeAsync()
    {
        if (_disposed) return;
        _disposed = true;
        await StopAsync(CancellationToken.None);
        _metrics.Dispose();
        await _store.DisposeAsync();
        _activities.Dispose();
        _orchestrations.Dispose();
        _timers.Dispose();
        _stop.Dispose();
    }

    private void Fire(TimerItem timer) =>
        _orchestrations.Post(timer.Instance, new Message(timer.Task == WorkItem.StartTask ? HistoryKind.Started : HistoryKind.TimerFired, timer.Execution, timer.Task));

    /// <summary>Purges ended instances that are old enough, at the start and every six hours.</summary>
    private async Task UpkeepAsync()
    {
        if (_options.KeepFinishedDays == 0) return;
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var before = _clock.GetUtcNow().UtcDateTime.AddDays(-_options.KeepFinishedDays);
                var (count, _) = await _store.PurgeAsync(new PurgeInstancesFilter(), before, false, null, _stop.Token);
                if (count > 0) _logger.Purged(count, _options.KeepFinishedDays);
                await Task.Delay(TimeSpan.FromHours(6), _clock, _stop.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (Exception error)
            {
                _logger.UpkeepFailed(error);
                await Task.Delay(TimeSpan.FromMinutes(1), _clock, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }
}
