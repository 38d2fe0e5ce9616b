using DurableTask.Core.Exceptions;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Skylight.Edge.Runtime.Durable;

namespace Skylight.Edge.Tests.Durable;

/// <summary>What orchestrations can do, one by one.</summary>
public sealed class OrchestrationTests : IAsyncLifetime
{
    private readonly EngineFixture _engine = new();

    public async ValueTask InitializeAsync() => await _engine.StartAsync();

    public ValueTask DisposeAsync() => _engine.DisposeAsync();

    [Fact]
    public async Task Run_SequentialActivities_PassResultsOn()
    {
        var done = await _engine.RunAsync(nameof(Flows.Chain), "x");
        Assert.Equal((OrchestrationRuntimeStatus.Completed, "x123", "x"), (done.RuntimeStatus, done.ReadOutputAs<string>(), done.ReadInputAs<string>()));
        Assert.True(done.IsCompleted);
    }

    [Fact]
    public async Task Run_FanOut_GathersEveryResultOnce() =>
        Assert.Equal(Enumerable.Range(0, 1000).Sum() * 2, (await _engine.RunAsync(nameof(Flows.FanOut), 1000)).ReadOutputAs<int>());

    [Fact]
    public async Task Run_UnhandledActivityFailure_FailsWithBothFailures()
    {
        var done = await _engine.RunAsync(nameof(Flows.Failing), "boom");
        Assert.Equal(OrchestrationRuntimeStatus.Failed, done.RuntimeStatus);
        Assert.Equal(typeof(TaskFailedException).FullName, done.FailureDetails!.ErrorType);
        Assert.Equal("Task 'Throw' (#0) failed with an unhandled exception: boom", done.FailureDetails.ErrorMessage);
        Assert.Equal((typeof(OddException).FullName, "boom"), (done.FailureDetails.InnerFailure!.ErrorType, done.FailureDetails.InnerFailure.ErrorMessage));
        Assert.Null(done.SerializedOutput);
    }

    [Fact]
    public async Task Run_CaughtActivityFailure_HasNameIdTypeAndCause() =>
        Assert.Equal($"Throw 0 {typeof(OddException).FullName} boom True True {typeof(FormatException).FullName}", (await _engine.RunAsync(nameof(Flows.Catching))).ReadOutputAs<string>());

    [Theory]
    [InlineData(1, "attempt 1")]
    [InlineData(3, "attempt 3")]
    [InlineData(4, "failed at task 4")] // Three attempts: tasks 0, 2 and 4, with timers 1 and 3 between.
    public async Task Run_RetryPolicy_TriesAgainByTimers(int attempts, string expected) =>
        Assert.Equal(expected, (await _engine.RunAsync(nameof(Flows.Retrying), attempts)).ReadOutputAs<string>());

    [Fact]
    public async Task Run_RetryHandler_DecidesOnEveryFailure() =>
        Assert.Equal("attempt 4 after 1,2,3", (await _engine.RunAsync(nameof(Flows.RetryingByHandler), 4)).ReadOutputAs<string>());

    [Fact]
    public async Task Run_RetryPolicyThatDeclines_FailsAtOnce()
    {
        var done = await _engine.RunAsync(nameof(Flows.RetryingFiltered));
        Assert.Contains("'Flaky' (#0)", done.FailureDetails!.ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_UnknownActivity_FailsWithoutRetrying() =>
        Assert.Equal("ActivityTaskNotFound", (await _engine.RunAsync(nameof(Flows.Missing))).FailureDetails!.InnerFailure!.ErrorType);

    [Fact]
    public async Task Run_UnknownOrchestrator_Fails() =>
        Assert.Equal("OrchestratorTaskNotFound", (await _engine.RunAsync("NoSuchFlow")).FailureDetails!.ErrorType);

    [Fact]
    public async Task Run_SubOrchestrations_ReturnTheirOutputs()
    {
        var done = await _engine.RunAsync(nameof(Flows.Parent), "x", "p1");
        Assert.Equal("xa123 xb123", done.ReadOutputAs<string>());
        Assert.Equal("xb123", (await _engine.Client.GetInstanceAsync("p1-b", true))!.ReadOutputAs<string>());
        Assert.Equal("AskChild p2", (await _engine.RunAsync(nameof(Flows.AskChild), null, "p2")).ReadOutputAs<string>());
    }

    [Fact]
    public async Task Run_FailingSubOrchestration_FailsItsCallWithItsFailure() =>
        Assert.Equal(
            $"Failing: {typeof(TaskFailedException).FullName} / {typeof(OddException).FullName} deep",
            (await _engine.RunAsync(nameof(Flows.ParentOfFailing))).ReadOutputAs<string>());

    [Fact]
    public async Task Run_SubOrchestrationIdInUse_FailsTheCall()
    {
        await _engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(Flows.TwoEvents), new StartOrchestrationOptions("q-child"));
        var done = await _engine.RunAsync(nameof(Flows.ParentOfWaiting), null, "q");
        Assert.Contains("running already", done.FailureDetails!.ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_Timer_WakesWhenItIsDue() => Assert.Equal("rested", (await _engine.RunAsync(nameof(Flows.Sleeping), TimeSpan.FromMilliseconds(30))).ReadOutputAs<string>());

    [Fact]
    public async Task RaiseEvent_AnyCase_ReachesTheWaiter()
    {
        var id = await _engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(Flows.TwoEvents));
        await _engine.StatusAsync(id, "waiting");
        await _engine.Client.RaiseEventAsync(id, "nAME", "Li");
        await _engine.StatusAsync(id, "named");
        await _engine.Client.RaiseEventAsync(id, "Count", 3);
        Assert.Equal("Li 3", (await _engine.Client.WaitForInstanceCompletionAsync(id, true, EngineFixture.Soon)).ReadOutputAs<string>());
    }

    [Fact]
    public async Task RaiseEvent_BeforeAnyoneWaits_IsKept()
    {
        var id = await _engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(Flows.TwoEvents), new StartOrchestrationOptions(null, DateTimeOffset.UtcNow.AddMilliseconds(100)));
        await _engine.Client.RaiseEventAsync(id, "count", 3);
        await _engine.Client.RaiseEventAsync(id, "name", "Li");
        Assert.Equal("Li 3", (await _engine.Client.WaitForInstanceCompletionAsync(id, true, EngineFixture.Soon)).ReadOutputAs<string>());
    }

    [Fact]
    public async Task RaiseEvent_AfterTheWaitTimedOut_IsKeptForTheNextWait()
    {
        var id = await _engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(Flows.LateEvent));
        await _engine.StatusAsync(id, "timed out");
        await _engine.Client.RaiseEventAsync(id, "answer", "42");
        Assert.Equal("late: 42", (await _engine.Client.WaitForInstanceCompletionAsync(id, true, EngineFixture.Soon)).ReadOutputAs<string>());
    }

    [Fact]
    public async Task RaiseEvent_ToNoOne_IsDropped()
    {
        await _engine.Client.RaiseEventAsync("nobody", "x", 1);
        Assert.Null(await _engine.Client.GetInstanceAsync("nobody"));
    }

    [Fact]
    public async Task SendEvent_FromAnotherOrchestration_Arrives()
    {
        var id = await _engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(Flows.TwoEvents));
        await _engine.RunAsync(nameof(Flows.Sender), id, "s");
        Assert.Equal("from s 7", (await _engine.Client.WaitForInstanceCompletionAsync(id, true, EngineFixture.Soon)).ReadOutputAs<string>());
    }

    [Fact]
    public async Task ContinueAsNew_ManyRounds_EndsWithTheLast()
    {
        var done = await _engine.RunAsync(nameof(Flows.Counting), 0);
        Assert.Equal((50, 50), (done.ReadOutputAs<int>(), done.ReadInputAs<int>()));
    }

    [Fact]
    public async Task ContinueAsNew_Preserving_LosesAndReordersNoEvent()
    {
        var id = await _engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(Flows.Collecting), "");
        foreach (var part in "abcde") await _engine.Client.RaiseEventAsync(id, "part", part.ToString());
        Assert.Equal("abcde", (await _engine.Client.WaitForInstanceCompletionAsync(id, true, EngineFixture.Soon)).ReadOutputAs<string>());
    }

    [Fact]
    public async Task Run_AwaitingAForeignTask_FailsAndSaysSo()
    {
        var done = await _engine.RunAsync(nameof(Flows.Straying));
        Assert.Equal(OrchestrationRuntimeStatus.Failed, done.RuntimeStatus);
        Assert.Contains("Task.Delay", done.FailureDetails!.ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_ClassActivity_GetsServicesInstanceIdAndToken()
    {
        Assert.Equal("42 b True", (await _engine.RunAsync(nameof(Flows.Binding), null, "b")).ReadOutputAs<string>());
    }

    [Fact]
    public async Task Payload_TooLarge_FailsClearlyEverywhere()
    {
        const int large = (1024 * 1024) + 1;
        await Assert.ThrowsAsync<PayloadTooLargeException>(() => _engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(Flows.Chain), new string('x', large)));
        var output = await _engine.RunAsync(nameof(Flows.Big), large);
        Assert.Contains($"output of activity 'Blow' has {large + 2} bytes", output.FailureDetails!.ErrorMessage, StringComparison.Ordinal);
        var input = await _engine.RunAsync(nameof(Flows.BigInput), large);
        Assert.Equal(typeof(PayloadTooLargeException).FullName, input.FailureDetails!.ErrorType);
        Assert.Equal(OrchestrationRuntimeStatus.Completed, (await _engine.RunAsync(nameof(Flows.Big), large / 2)).RuntimeStatus);
    }

    [Fact]
    public async Task Schedule_IdThatRuns_IsRefused_AndThatEnded_IsReplaced()
    {
        var options = new StartOrchestrationOptions("same");
        await _engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(Flows.TwoEvents), options);
        await Assert.ThrowsAsync<OrchestrationAlreadyExistsException>(() => _engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(Flows.Chain), "x", options));
        await _engine.Client.TerminateInstanceAsync("same");
        await _engine.Client.WaitForInstanceCompletionAsync("same", EngineFixture.Soon);
        Assert.Equal("x123", (await _engine.RunAsync(nameof(Flows.Chain), "x", "same")).ReadOutputAs<string>());
        await Assert.ThrowsAsync<OrchestrationAlreadyExistsException>(
            () => _engine.Client.ScheduleNewOrchestrationInstanceAsync(nameof(Flows.Chain), "x", options.WithDedupeStatuses(OrchestrationRuntimeStatus.Completed)));
    }
}
