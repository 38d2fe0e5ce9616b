using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Skylight.Edge.Runtime.Durable;

namespace Skylight.Edge.Tests.Durable;

/// <summary>What a client does to instances from outside.</summary>
public sealed class ManagementTests : IAsyncLifetime
{
    private readonly EngineFixture _engine = new();

    public async ValueTask InitializeAsync() => await _engine.StartAsync();

    public ValueTask DisposeAsync() => _engine.DisposeAsync();

    [Fact]
    public async Task Terminate_WithOutput_EndsWithIt()
    {
        var id = await _engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(Flows.TwoEvents));
        await _engine.Client.TerminateInstanceAsync(id, new { Why = "enough" });
        var done = await _engine.Client.WaitForInstanceCompletionAsync(id, true, EngineFixture.Soon);
        Assert.Equal((OrchestrationRuntimeStatus.Terminated, """{"Why":"enough"}"""), (done.RuntimeStatus, done.SerializedOutput));
    }

    [Theory]
    [InlineData(true, OrchestrationRuntimeStatus.Terminated)]
    [InlineData(false, OrchestrationRuntimeStatus.Running)]
    public async Task Terminate_Recursive_ReachesTheChildren(bool recursive, OrchestrationRuntimeStatus expected)
    {
        await _engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(Flows.ParentOfWaiting), new StartOrchestrationOptions("t"));
        await _engine.StatusAsync("t-child", "waiting");
        await _engine.Client.TerminateInstanceAsync("t", new TerminateInstanceOptions(null, recursive));
        await _engine.Client.WaitForInstanceCompletionAsync("t", EngineFixture.Soon);
        if (recursive) await _engine.Client.WaitForInstanceCompletionAsync("t-child", EngineFixture.Soon);
        Assert.Equal(expected, (await _engine.Client.GetInstanceAsync("t-child"))!.RuntimeStatus);
    }

    [Fact]
    public async Task Terminate_WithActivitiesWaiting_DoesNotRunThem()
    {
        await using var engine = await new EngineFixture(new DurableOptions { MaxConcurrentActivities = 2 }).StartAsync();
        await engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(Flows.Wide), 500, new StartOrchestrationOptions("wide"));
        await EngineFixture.UntilAsync(() => Task.FromResult(engine.Counts["wide"] > 2));
        await engine.Client.TerminateInstanceAsync("wide");
        await engine.Client.WaitForInstanceCompletionAsync("wide", EngineFixture.Soon);
        Assert.Equal("x123", (await engine.RunAsync(nameof(Flows.Chain), "x")).ReadOutputAs<string>()); // Queued behind them.
        Assert.InRange(engine.Counts["wide"], 3, 499);
    }

    [Fact]
    public async Task Terminate_Child_FailsTheParentsCall()
    {
        await _engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(Flows.ParentOfWaiting), new StartOrchestrationOptions("u"));
        await _engine.StatusAsync("u-child", "waiting");
        await _engine.Client.TerminateInstanceAsync("u-child");
        var done = await _engine.Client.WaitForInstanceCompletionAsync("u", true, EngineFixture.Soon);
        Assert.Equal("Terminated", done.FailureDetails!.InnerFailure!.ErrorType);
    }

    [Fact]
    public async Task Suspend_HoldsEverything_UntilResumed_AlsoAcrossARestart()
    {
        var id = await _engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(Flows.TwoEvents));
        await _engine.StatusAsync(id, "waiting");
        await _engine.Client.SuspendInstanceAsync(id, "pause");
        await EngineFixture.UntilAsync(async () => (await _engine.Client.GetInstanceAsync(id))!.RuntimeStatus == OrchestrationRuntimeStatus.Suspended);
        await _engine.Client.RaiseEventAsync(id, "name", "Li");
        await _engine.Client.RaiseEventAsync(id, "count", 3);
        await _engine.RestartAsync();
        await _engine.RunAsync(nameof(Flows.Chain), "x");
        var held = (await _engine.Client.GetInstanceAsync(id, true))!;
        Assert.Equal((OrchestrationRuntimeStatus.Suspended, "\"waiting\""), (held.RuntimeStatus, held.SerializedCustomStatus));
        await _engine.Client.ResumeInstanceAsync(id);
        Assert.Equal("Li 3", (await _engine.Client.WaitForInstanceCompletionAsync(id, true, EngineFixture.Soon)).ReadOutputAs<string>());
    }

    [Fact]
    public async Task Query_ByStatusPrefixAndPage_FindsThem()
    {
        for (var i = 0; i < 5; i++) await _engine.RunAsync(nameof(Flows.Chain), "x", $"a{i}");
        await _engine.RunAsync(nameof(Flows.Failing), "x", "a-failed");
        await _engine.RunAsync(nameof(Flows.Chain), "x", "b");
        var query = new OrchestrationQuery { InstanceIdPrefix = "a", Statuses = [OrchestrationRuntimeStatus.Completed], PageSize = 2, FetchInputsAndOutputs = true };
        var pages = new List<int>();
        var ids = new List<string>();
        await foreach (var page in _engine.Client.GetAllInstancesAsync(query).AsPages())
        {
            pages.Add(page.Values.Count);
            ids.AddRange(page.Values.Select(instance => instance.InstanceId));
            Assert.All(page.Values, instance => Assert.Equal("x123", instance.ReadOutputAs<string>()));
        }

        Assert.Equal([2, 2, 1], pages);
        Assert.Equal(["a0", "a1", "a2", "a3", "a4"], ids);
        var late = new OrchestrationQuery { CreatedFrom = DateTimeOffset.UtcNow.AddHours(1) };
        await foreach (var _ in _engine.Client.GetAllInstancesAsync(late)) Assert.Fail("Nothing was created in the future.");
    }

    [Fact]
    public async Task Purge_TakesEndedInstancesOnly()
    {
        await _engine.RunAsync(nameof(Flows.Parent), "x", "done");
        var open = await _engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(Flows.TwoEvents));
        Assert.Equal(0, (await _engine.Client.PurgeInstanceAsync(open)).PurgedInstanceCount);
        Assert.Equal(3, (await _engine.Client.PurgeInstanceAsync("done", new PurgeInstanceOptions(true))).PurgedInstanceCount);
        Assert.Null(await _engine.Client.GetInstanceAsync("done"));
        Assert.Null(await _engine.Client.GetInstanceAsync("done-b"));
        for (var i = 0; i < 3; i++) await _engine.RunAsync(nameof(Flows.Chain), "x");
        await _engine.RunAsync(nameof(Flows.Failing), "x", "failed");
        var result = await _engine.Client.PurgeAllInstancesAsync(new PurgeInstancesFilter(null, null, [OrchestrationRuntimeStatus.Completed]));
        Assert.Equal((3, true), (result.PurgedInstanceCount, result.IsComplete));
        Assert.NotNull(await _engine.Client.GetInstanceAsync("failed"));
        Assert.NotNull(await _engine.Client.GetInstanceAsync(open));
    }

    [Fact]
    public async Task Restart_Ended_RunsAgainWithItsInput()
    {
        await _engine.RunAsync(nameof(Flows.Chain), "x", "r");
        Assert.Equal("r", await _engine.Client.RestartAsync("r"));
        Assert.Equal("x123", (await _engine.Client.WaitForInstanceCompletionAsync("r", true, EngineFixture.Soon)).ReadOutputAs<string>());
        var other = await _engine.Client.RestartAsync("r", restartWithNewInstanceId: true);
        Assert.NotEqual("r", other);
        Assert.Equal("x123", (await _engine.Client.WaitForInstanceCompletionAsync(other, true, EngineFixture.Soon)).ReadOutputAs<string>());
        await Assert.ThrowsAsync<ArgumentException>(() => _engine.Client.RestartAsync("none"));
        var open = await _engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(Flows.TwoEvents));
        await Assert.ThrowsAsync<InvalidOperationException>(() => _engine.Client.RestartAsync(open));
    }

    [Fact]
    public async Task Schedule_LaterStart_IsPendingUntilThen()
    {
        var clock = new ManualClock();
        await using var engine = await new EngineFixture(clock: clock).StartAsync();
        var id = await engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(Flows.Chain), "x", new StartOrchestrationOptions(null, clock.GetUtcNow().AddDays(40)));
        clock.Advance(TimeSpan.FromDays(39));
        await engine.RestartAsync();
        Assert.Equal(OrchestrationRuntimeStatus.Pending, (await engine.Client.GetInstanceAsync(id))!.RuntimeStatus);
        clock.Advance(TimeSpan.FromDays(2));
        var started = engine.Client.WaitForInstanceStartAsync(id, EngineFixture.Soon);
        // A wait that begins after an advance knows nothing of it.
        while (!started.IsCompleted)
        {
            clock.Advance(TimeSpan.FromHours(1));
            await Task.Delay(10);
        }

        Assert.NotEqual(OrchestrationRuntimeStatus.Pending, (await started).RuntimeStatus);
        Assert.Equal("x123", (await engine.Client.WaitForInstanceCompletionAsync(id, true, EngineFixture.Soon)).ReadOutputAs<string>());
    }

    [Fact]
    public async Task WaitForCompletion_OfAnInstanceThatComesLater_Waits()
    {
        var waiting = _engine.Client.WaitForInstanceCompletionAsync("later", true, EngineFixture.Soon);
        Assert.False(waiting.IsCompleted);
        await _engine.RunAsync(nameof(Flows.Chain), "x", "later");
        Assert.Equal("x123", (await waiting).ReadOutputAs<string>());
    }

    [Fact]
    public async Task Upkeep_PurgesWhatEndedLongAgo()
    {
        var clock = new ManualClock();
        await using var engine = await new EngineFixture(new DurableOptions { KeepFinishedDays = 30 }, clock).StartAsync();
        await engine.RunAsync(nameof(Flows.Chain), "x", "old");
        clock.Advance(TimeSpan.FromDays(20));
        await engine.RunAsync(nameof(Flows.Chain), "x", "newer");
        clock.Advance(TimeSpan.FromDays(11));
        await engine.RestartAsync();
        await EngineFixture.UntilAsync(async () => await engine.Client.GetInstanceAsync("old") is null);
        Assert.NotNull(await engine.Client.GetInstanceAsync("newer"));
    }
}
