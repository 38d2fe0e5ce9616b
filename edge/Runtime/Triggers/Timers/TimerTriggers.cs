using System.Collections.Immutable;
using System.Globalization;
using System.Reflection;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.Options;
using Skylight.Edge.Hosting;
using Skylight.Edge.Runtime.Triggers.Background;
using Skylight.Local.Timers;

namespace Skylight.Edge.Runtime.Triggers.Timers;

/// <summary>
/// Runs timer functions, each one run at a time. The next due time is stored before it comes and moved on after the run, so a run that was
/// missed or cut off by the end of the process is made up once, as past due, at the next start.
/// </summary>
internal sealed class TimerTriggers(
    FunctionCatalog catalog,
    FunctionRunner runner,
    SqliteTimers timers,
    HostSettings host,
    IOptions<EdgeOptions> options,
    IConfiguration configuration,
    TriggerGate gate,
    Drain drain,
    TimeProvider time,
    ILogger<TimerTriggers> logger) : IHostedService, IDisposable
{
    /// <summary>Sleeps are cut into pieces, so that a clock that was set, or a machine that was suspended, is noticed soon.</summary>
    private static readonly TimeSpan LongestSleep = TimeSpan.FromSeconds(20);

    /// <summary>Below this interval a missed run is not made up (as in the Functions host): the next is due anyway.</summary>
    private static readonly TimeSpan ShortestMonitored = TimeSpan.FromMinutes(1);

    private readonly CancellationTokenSource _stopping = new();
    private Task _running = Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        var errors = new List<string>();
        var loops = new List<Func<Task>>();
        foreach (var function in catalog.Of<TimerTriggerAttribute>())
        {
            if (Bind(function, errors) is { } timer) loops.Add(() => LoopAsync(timer));
        }

        if (errors.Count > 0) throw new StartupException(errors);
        _running = Task.WhenAll(loops.Select(l => l()));
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await _running.WaitAsync(cancellationToken);
    }

    public void Dispose() => _stopping.Dispose();

    private Timer? Bind(FunctionEntry function, List<string> errors)
    {
        var trigger = (TimerTriggerAttribute)function.Trigger;
        var type = function.TriggerParameter.ParameterType;
        Argument? value = type == typeof(TimerInfo) ? TriggerValue.Get : null;
        var arguments = Arguments.Bind(function, value, [], errors);
        var expression = trigger.Schedule;
        if (expression.Length > 2 && expression[0] == '%' && expression[^1] == '%')
        {
            var setting = expression[1..^1];
            expression = configuration[setting] ?? "";
            if (expression.Length == 0)
            {
                errors.Add($"Function '{function.Name}': its schedule is the setting '{setting}', which is not set.");
                return null;
            }
        }

        try
        {
            return new Timer(function, arguments, expression, Schedule.Parse(expression), trigger.RunOnStartup, Monitored(function), Retry(function));
        }
        catch (FormatException error)
        {
            errors.Add($"Function '{function.Name}': its schedule cannot be read: {error.Message}.");
            return null;
        }
    }

    /// <summary>True unless the code says <c>UseMonitor = false</c>; the property's own default is not the same in every version of the attribute.</summary>
    private static bool Monitored(FunctionEntry function) => !function.TriggerParameter.GetCustomAttributesData()
        .SelectMany(a => a.NamedArguments).Any(a => a.MemberName == nameof(TimerTriggerAttribute.UseMonitor) && a.TypedValue.Value is false);

    private static RetryAttribute? Retry(FunctionEntry function) => function.Method.GetCustomAttribute<RetryAttribute>();

    private async Task LoopAsync(Timer timer)
    {
        try
        {
            await gate.WaitAsync(_stopping.Token);
            var state = await FirstAsync(timer);
            if (timer.RunOnStartup) state = await RunAsync(timer, state, state.Next <= Now());
            while (true)
            {
                state = await SleepAsync(timer, state);
                state = await RunAsync(timer, state, pastDue: Now() - state.Next > TimeSpan.FromSeconds(1));
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested || drain.Expired.IsCancellationRequested)
        {
            // The drain time may be over before it is this service's turn to stop.
            return;
        }
    }

    /// <summary>Where the last process left off; when the schedule is new or was changed, the first time from now.</summary>
    private async Task<TimerState> FirstAsync(Timer timer)
    {
        var stored = timers.Get(timer.Function.Name);
        if (stored is not null && stored.Schedule == timer.Expression && timer.Monitored && timer.Period(stored.Next) >= ShortestMonitored) return NotTooLate(timer, stored);
        var state = new TimerState(timer.Expression, stored?.Last, timer.Next(Now()), Now());
        await StoreAsync(timer, state);
        return state;
    }

    private async Task<TimerState> RunAsync(Timer timer, TimerState state, bool pastDue)
    {
        var info = new TimerInfo
        {
            IsPastDue = pastDue,
            ScheduleStatus = new ScheduleStatus { Last = state.Last ?? default, Next = state.Next, LastUpdated = state.Updated },
        };
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                using var limit = new CancellationTokenSource(options.Value.TimeLimitOf(timer.Function.Name, host) ?? Timeout.InfiniteTimeSpan, time);
                using var linked = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, drain.Expired);
                var data = ImmutableDictionary<string, object?>.Empty.Add(TriggerValue.Key, info);
                await runner.RunAsync(timer.Function, timer.Arguments, data, attempt, timer.Retry?.MaxRetryCount ?? 0, linked.Token);
                break;
            }
            catch (Exception error)
            {
                Log.TimerFailed(logger, timer.Function.Name, error);
                drain.Expired.ThrowIfCancellationRequested();
                if (timer.Retry is not { } retry || (retry.MaxRetryCount >= 0 && attempt >= retry.MaxRetryCount)) break;
                await Task.Delay(Delay(retry, attempt), time, _stopping.Token);
            }
        }

        // From now, not from the time that was missed: ten missed runs are made up by one.
        var next = new TimerState(timer.Expression, state.Next <= Now() ? state.Next : Now(), timer.Next(Now() > state.Next ? Now() : state.Next), Now());
        await StoreAsync(timer, next);
        return next;
    }

    /// <summary>A store that cannot be written now costs the memory of this run, not the timer.</summary>
    private async Task StoreAsync(Timer timer, TimerState state)
    {
        try
        {
            await timers.SetAsync(timer.Function.Name, state, CancellationToken.None);
        }
        catch (Exception error)
        {
            Log.TimerNotStored(logger, timer.Function.Name, error);
        }
    }

    private async Task<TimerState> SleepAsync(Timer timer, TimerState state)
    {
        while (true)
        {
            _stopping.Token.ThrowIfCancellationRequested();
            state = NotTooLate(timer, state);
            var left = state.Next - Now();
            if (left <= TimeSpan.Zero) return state;
            await Task.Delay(left < LongestSleep ? left : LongestSleep, time, _stopping.Token);
        }
    }

    /// <summary>A due time after the next one from now was made by a clock that has been set back since.</summary>
    private TimerState NotTooLate(Timer timer, TimerState state) => timer.Next(Now()) is var next && next < state.Next ? state with { Next = next } : state;

    private static TimeSpan Delay(RetryAttribute retry, int attempt) => retry switch
    {
        FixedDelayRetryAttribute fixedDelay => TimeSpan.Parse(fixedDelay.DelayInterval, CultureInfo.InvariantCulture),
        ExponentialBackoffRetryAttribute exponential => Exponential(TimeSpan.Parse(exponential.MinimumInterval, CultureInfo.InvariantCulture), TimeSpan.Parse(exponential.MaximumInterval, CultureInfo.InvariantCulture), attempt),
        _ => TimeSpan.FromSeconds(10),
    };

    private static TimeSpan Exponential(TimeSpan least, TimeSpan most, int attempt)
    {
        var delay = least * Math.Pow(2, Math.Min(attempt, 20));
        return delay < most ? delay : most;
    }

    private DateTime Now() => time.GetUtcNow().UtcDateTime;

    private sealed record Timer(FunctionEntry Function, Argument[] Arguments, string Expression, Schedule Schedule, bool RunOnStartup, bool Monitored, RetryAttribute? Retry)
    {
        /// <summary>A schedule that never comes again sleeps for good.</summary>
        public DateTime Next(DateTime after) => Schedule.Next(after) ?? DateTime.MaxValue;

        public TimeSpan Period(DateTime from) => (Schedule.Next(from) ?? DateTime.MaxValue) - from;
    }
}
