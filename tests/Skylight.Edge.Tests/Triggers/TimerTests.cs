using Microsoft.AspNetCore.Builder;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Skylight.Conformance;
using Skylight.Edge.Hosting;

namespace Skylight.Edge.Tests.Triggers;

public sealed class HourlyTimer(Recorder recorder)
{
    [Function("Hourly")]
    public Task Run([TimerTrigger("0 0 * * * *")] TimerInfo timer, CancellationToken cancellationToken) =>
        recorder.CallAsync($"{timer.ScheduleStatus!.Last:HH:mm} {timer.ScheduleStatus.Next:HH:mm} {(timer.IsPastDue ? "late" : "on time")}", cancellationToken);
}

public sealed class StartupTimer(Recorder recorder)
{
    [Function("AtStart")]
    public Task Run([TimerTrigger("%Test:Schedule%", RunOnStartup = true)] TimerInfo timer, CancellationToken cancellationToken) =>
        recorder.CallAsync(timer.IsPastDue ? "late" : "on time", cancellationToken);
}

public sealed class RetryTimer(Recorder recorder)
{
    [Function("Retried")]
    [FixedDelayRetry(2, "00:00:10")]
    public Task Run([TimerTrigger("0 0 * * * *")] TimerInfo timer, FunctionContext context, CancellationToken cancellationToken) =>
        recorder.CallAsync($"try {context.RetryContext.RetryCount} of {context.RetryContext.MaxRetryCount} {timer.IsPastDue}", cancellationToken);
}

public sealed class BadTimer
{
    [Function("Bad")]
    public static void Run([TimerTrigger("every day")] TimerInfo timer) => Assert.NotNull(timer);
}

/// <summary>Timer functions in a real host; the clock starts at 05:06:07.</summary>
public sealed class TimerTests : IAsyncLifetime
{
    private readonly string _data = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly TestClock _clock = new();
    private readonly Recorder _recorder = new();
    private TestHost? _host;
    private int _idle;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        if (_host is not null) await _host.DisposeAsync();
        _recorder.Dispose();
        Directory.Delete(_data, recursive: true);
    }

    [Fact]
    public async Task Timer_Due_RunsOnceAPeriod()
    {
        await StartAsync(typeof(HourlyTimer));
        await AdvanceAsync(TimeSpan.FromMinutes(53));
        Assert.Empty(_recorder.Calls);
        await UntilCallsAsync(1);
        await AdvanceAsync(TimeSpan.FromMinutes(59));
        Assert.Single(_recorder.Calls);
        await UntilCallsAsync(2);
        Assert.Equal(["00:00 06:00 on time", "06:00 07:00 on time"], _recorder.Calls);
    }

    [Fact]
    public async Task Timer_HostWasDown_MakesUpOneRunAsPastDue()
    {
        await StartAsync(typeof(HourlyTimer));
        await _host!.DisposeAsync();
        _clock.Advance(TimeSpan.FromHours(5));
        await StartAsync(typeof(HourlyTimer));
        await _recorder.NextAsync();
        Assert.Equal(["00:00 06:00 late"], _recorder.Calls);
        await UntilCallsAsync(2);
        Assert.Equal("06:00 11:00 on time", _recorder.Calls.Last());
    }

    [Fact]
    public async Task Timer_HostRestartsBeforeItIsDue_DoesNotRun()
    {
        await StartAsync(typeof(HourlyTimer));
        await _host!.DisposeAsync();
        await StartAsync(typeof(HourlyTimer));
        await AdvanceAsync(TimeSpan.FromMinutes(30));
        Assert.Empty(_recorder.Calls);
    }

    [Fact]
    public async Task Timer_CutOffByTheEnd_RunsAgainAtTheNextStart()
    {
        _recorder.Behave = (_, cancellation) => Task.Delay(Timeout.Infinite, cancellation);
        await StartAsync(typeof(HourlyTimer));
        await UntilCallsAsync(1);
        var stopping = _host!.DisposeAsync().AsTask();
        while (!stopping.IsCompleted)
        {
            _clock.Advance(TimeSpan.FromSeconds(5));
            await Task.Delay(10);
        }

        _recorder.Behave = (_, _) => Task.CompletedTask;
        await StartAsync(typeof(HourlyTimer));
        await _recorder.NextAsync(2);
        Assert.Equal(2, _recorder.Calls.Count);
        Assert.EndsWith("06:00 late", _recorder.Calls.Last(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Timer_CutOffBeforeItsTurnToStop_LetsTheHostEnd()
    {
        _recorder.Behave = (_, cancellation) => Task.Delay(Timeout.Infinite, cancellation);
        await StartAsync(typeof(HourlyTimer));
        await UntilCallsAsync(1);
        _host!.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.True(_host.Services.GetRequiredService<Drain>().Expired.IsCancellationRequested);
        await _host.DisposeAsync();
    }

    [Fact]
    public async Task Timer_RunTakesLonger_NeverRunsTwiceAtOnce()
    {
        var release = new TaskCompletionSource();
        _recorder.Behave = (_, _) => release.Task;
        await StartAsync(typeof(HourlyTimer));
        await UntilCallsAsync(1);
        await AdvanceAsync(TimeSpan.FromMinutes(130), blocked: true);
        Assert.Single(_recorder.Calls);
        release.SetResult();
        await UntilCallsAsync(2);
        Assert.Equal("06:00 09:00 on time", _recorder.Calls.Last());
    }

    [Fact]
    public async Task Timer_ClockSetBack_GoesOnByTheNewTime()
    {
        await StartAsync(typeof(HourlyTimer));
        await _host!.DisposeAsync();
        _clock.SetWallClock(TimeSpan.FromDays(-365));
        await StartAsync(typeof(HourlyTimer));
        await UntilCallsAsync(1);
        Assert.Equal(new DateTime(2025, 3, 4, 6, 0, 0), _clock.GetUtcNow().DateTime, TimeSpan.FromMinutes(2));
    }

    [Fact]
    public async Task Timer_RunOnStartup_RunsAtStartAndOnSchedule()
    {
        await StartAsync(typeof(StartupTimer));
        await _recorder.NextAsync();
        Assert.Equal(["on time"], _recorder.Calls);
        await UntilCallsAsync(2);
    }

    [Fact]
    public async Task Timer_Fails_IsTriedAgainAsDeclared()
    {
        _recorder.Behave = (_, _) => throw new InvalidOperationException("no");
        await StartAsync(typeof(RetryTimer));
        await UntilCallsAsync(3);
        Assert.Equal(["try 0 of 2 False", "try 1 of 2 False", "try 2 of 2 False"], _recorder.Calls);
        await AdvanceAsync(TimeSpan.FromMinutes(10));
        Assert.Equal(3, _recorder.Calls.Count);
    }

    [Fact]
    public async Task Timer_ScheduleUnreadable_StopsTheStart()
    {
        var refused = await Assert.ThrowsAsync<StartupException>(() => StartAsync(typeof(BadTimer)));
        Assert.Contains("Function 'Bad': its schedule cannot be read", Assert.Single(refused.Reasons), StringComparison.Ordinal);
    }

    private async Task StartAsync(Type functions)
    {
        _host = await TestHost.StartAsync(
            _data,
            new Dictionary<string, string?> { ["Test:Schedule"] = "00:30:00" },
            b =>
            {
                b.Services.AddSingleton<TimeProvider>(_clock);
                b.Services.AddSingleton(_recorder);
            },
            functions);
        var quiet = 0;
        for (_idle = _clock.Waiting; quiet < 20; quiet++)
        {
            await Task.Delay(5);
            if (_clock.Waiting == _idle) continue;
            _idle = _clock.Waiting;
            quiet = 0;
        }
    }

    /// <summary>Ten seconds pass, and what wakes up gets the time to wait again, so that no time is stepped over; a run that blocks is not waited for.</summary>
    private async Task StepAsync()
    {
        var calls = _recorder.Calls.Count;
        _clock.Advance(TimeSpan.FromSeconds(10));
        for (var i = 0; i < 100 && _clock.Waiting < _idle && _recorder.Calls.Count == calls; i++) await Task.Delay(1);
    }

    private async Task AdvanceAsync(TimeSpan span, bool blocked = false)
    {
        if (blocked)
        {
            _clock.Advance(span);
            await Task.Delay(50);
            return;
        }

        for (var passed = TimeSpan.Zero; passed < span; passed += TimeSpan.FromSeconds(10)) await StepAsync();
    }

    private async Task UntilCallsAsync(int count)
    {
        for (var i = 0; _recorder.Calls.Count < count; i++)
        {
            Assert.True(i < 2000, "the timer did not run");
            await StepAsync();
        }
    }
}
