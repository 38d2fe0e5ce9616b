using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Skylight.Edge.Hosting;
using Skylight.Edge.Runtime.Durable;

namespace Skylight.Edge.Tests.Durable;

/// <summary>What survives a restart, an eviction and a change of the code.</summary>
public sealed class DurabilityTests
{
    [Fact]
    public async Task Timer_OfMonths_FiresAfterARestart()
    {
        var clock = new ManualClock();
        await using var engine = await new EngineFixture(clock: clock).StartAsync();
        var id = await engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(Flows.Sleeping), TimeSpan.FromDays(200));
        await engine.StatusAsync(id, "asleep");
        clock.Advance(TimeSpan.FromDays(199));
        await engine.RestartAsync();
        Assert.True((await engine.Client.GetInstanceAsync(id))!.IsRunning);
        var rested = engine.Client.WaitForInstanceCompletionAsync(id, true, EngineFixture.Soon);
        // A wait that begins after an advance knows nothing of it, so the clock goes on until the timer has been looked at.
        while (!rested.IsCompleted)
        {
            clock.Advance(TimeSpan.FromHours(1));
            await Task.Delay(10);
        }

        Assert.Equal("rested", (await rested).ReadOutputAs<string>());
    }

    [Fact]
    public async Task Stop_CancelsTheRunningActivity_AndItIsRunAgain()
    {
        Acts.Gate = new TaskCompletionSource<string>();
        await using var engine = await new EngineFixture().StartAsync();
        var id = await engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(Flows.Blocking));
        await engine.Client.WaitForInstanceStartAsync(id, EngineFixture.Soon);
        await engine.RestartAsync();
        Assert.True((await engine.Client.GetInstanceAsync(id))!.IsRunning);
        Acts.Gate.SetResult("open");
        Assert.Equal("open", (await engine.Client.WaitForInstanceCompletionAsync(id, true, EngineFixture.Soon)).ReadOutputAs<string>());
    }

    [Fact]
    public async Task Replay_AfterARestart_LogsOnceAndMakesTheSameGuids()
    {
        await using var engine = await new EngineFixture().StartAsync();
        await engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(Flows.Logging), new StartOrchestrationOptions("log"));
        await engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(Flows.Guids), new StartOrchestrationOptions("guid"));
        await engine.StatusAsync("log", "waiting");
        await engine.StatusAsync("guid", "waiting");
        await engine.RestartAsync();
        await engine.Client.RaiseEventAsync("log", "go");
        await engine.Client.RaiseEventAsync("guid", "go");
        Assert.True((await engine.Client.WaitForInstanceCompletionAsync("log", true, EngineFixture.Soon)).ReadOutputAs<bool>());
        Assert.True((await engine.Client.WaitForInstanceCompletionAsync("guid", true, EngineFixture.Soon)).ReadOutputAs<bool>());
        Assert.Equal(["one", "two"], engine.Logs.Of("flow"));
        Assert.Equal(2, engine.Engine.Orchestrations.Replays);
    }

    [Fact]
    public async Task Cache_OfNone_ReplaysForEveryTurn_WithTheSameResults()
    {
        await using var engine = await new EngineFixture(new DurableOptions { MaxCachedInstances = 0 }).StartAsync();
        Assert.Equal("xa123 xb123", (await engine.RunAsync(nameof(Flows.Parent), "x")).ReadOutputAs<string>());
        Assert.Equal(50, (await engine.RunAsync(nameof(Flows.Counting), 0)).ReadOutputAs<int>());
        Assert.Equal(9900, (await engine.RunAsync(nameof(Flows.FanOut), 100)).ReadOutputAs<int>());
        Assert.NotEqual(0, engine.Engine.Orchestrations.Replays);
    }

    [Fact]
    public async Task Replay_OfAChangedOrchestration_FailsAndNamesTheStep()
    {
        await using var engine = await new EngineFixture().StartAsync();
        var id = await engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(Flows.Changing));
        await engine.StatusAsync(id, "waiting");
        await engine.StopAsync();
        Flows.Step = "Echo2";
        try
        {
            await engine.StartAsync();
            await engine.Client.RaiseEventAsync(id, "go");
            var done = await engine.Client.WaitForInstanceCompletionAsync(id, true, EngineFixture.Soon);
            Assert.Equal(typeof(NonDeterministicOrchestrationException).FullName, done.FailureDetails!.ErrorType);
            Assert.Equal(
                "Orchestration 'Changing' does not repeat its recorded steps: at history event 1, expected activity 'Echo' (task 0) (recorded), found activity 'Echo2' (task 0) (the code now)."
                + " A changed order of steps needs a new orchestration name.",
                done.FailureDetails.ErrorMessage);
        }
        finally
        {
            Flows.Step = "Echo";
        }
    }

    [Fact]
    public async Task Commit_DiskFull_IsTriedAgain_AndNothingIsLost()
    {
        await using var engine = await new EngineFixture().StartAsync();
        var id = await engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(Flows.TwoEvents));
        await engine.StatusAsync(id, "waiting");
        Assert.True(await LimitPagesAsync(engine, 1) > 0);
        await Assert.ThrowsAsync<Microsoft.Data.Sqlite.SqliteException>(() => ScheduleUntilFullAsync(engine));
        await LimitPagesAsync(engine, 1_000_000);
        await engine.Client.RaiseEventAsync(id, "name", "Li");
        await engine.Client.RaiseEventAsync(id, "count", 3);
        Assert.Equal("Li 3", (await engine.Client.WaitForInstanceCompletionAsync(id, true, EngineFixture.Soon)).ReadOutputAs<string>());
        await foreach (var instance in engine.Client.GetAllInstancesAsync())
        {
            var done = await engine.Client.WaitForInstanceCompletionAsync(instance.InstanceId, true, EngineFixture.Soon);
            Assert.Equal(OrchestrationRuntimeStatus.Completed, done.RuntimeStatus);
        }
    }

    [Fact]
    public async Task Open_FileOfANewerVersion_IsRefused()
    {
        await using var engine = await new EngineFixture().StartAsync();
        await engine.StopAsync();
        await using (var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={engine.File};Pooling=False"))
        {
            await connection.OpenAsync();
            await using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA user_version = 99";
            await command.ExecuteNonQueryAsync();
        }

        await Assert.ThrowsAsync<StartupException>(engine.StartAsync);
    }

    private static async Task ScheduleUntilFullAsync(EngineFixture engine)
    {
        while (true) await engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(Flows.FanOut), 20, EngineFixture.Soon);
    }

    private static Task<long> LimitPagesAsync(EngineFixture engine, int pages) =>
        engine.Engine.Store.WriteAsync(store => (long)store.Scalar(FormattableString.Invariant($"PRAGMA max_page_count={pages}"))!, default);

    [Theory]
    [InlineData("""{"extensions":{"durableTask":{"maxConcurrentActivityFunctions":7,"maxConcurrentOrchestratorFunctions":9}}}""", 7, 9)]
    [InlineData("""{"version":"2.0"}""", 32, 32)]
    public void HostJson_Limits_AreTaken(string json, int activities, int orchestrators)
    {
        var file = Path.GetTempFileName();
        File.WriteAllText(file, json);
        var options = new DurableOptions();
        DurableServices.ReadHostJson(file, options);
        File.Delete(file);
        Assert.Equal((activities, orchestrators), (options.MaxConcurrentActivities, options.MaxConcurrentOrchestrators));
    }
}
