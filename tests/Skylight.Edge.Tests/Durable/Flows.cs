using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask;
using Microsoft.Extensions.Logging;

namespace Skylight.Edge.Tests.Durable;

/// <summary>The orchestrations that the tests run.</summary>
public static partial class Flows
{
    [LoggerMessage(1, LogLevel.Information, "{Word}")]
    private static partial void Said(ILogger logger, string word);

    /// <summary>Replaced by a test that changes an orchestration under a running instance.</summary>
    internal static volatile string Step = "Echo";

    [Function(nameof(Chain))]
    public static async Task<string> Chain([OrchestrationTrigger] TaskOrchestrationContext context, string input)
    {
        var first = await context.CallActivityAsync<string>(nameof(Acts.Echo), input + "1");
        var second = await context.CallActivityAsync<string>(nameof(Acts.Echo), first + "2");
        return await context.CallActivityAsync<string>(nameof(Acts.Echo), second + "3");
    }

    [Function(nameof(FanOut))]
    public static async Task<int> FanOut([OrchestrationTrigger] TaskOrchestrationContext context)
    {
        var calls = Enumerable.Range(0, context.GetInput<int>()).Select(i => context.CallActivityAsync<int>(nameof(Acts.Double), i)).ToList();
        return (await Task.WhenAll(calls)).Sum();
    }

    [Function(nameof(Failing))]
    public static async Task Failing([OrchestrationTrigger] TaskOrchestrationContext context, string message) =>
        await context.CallActivityAsync(nameof(Acts.Throw), message);

    [Function(nameof(Catching))]
    public static async Task<string> Catching([OrchestrationTrigger] TaskOrchestrationContext context)
    {
        try
        {
            await context.CallActivityAsync(nameof(Acts.Throw), "boom");
            return "none";
        }
        catch (TaskFailedException error)
        {
            var details = error.FailureDetails;
            return $"{error.TaskName} {error.TaskId} {details.ErrorType} {details.ErrorMessage} {details.IsCausedBy<OddException>()} {details.IsCausedBy<ArgumentException>()} {details.InnerFailure?.ErrorType}";
        }
    }

    [Function(nameof(Retrying))]
    public static async Task<string> Retrying([OrchestrationTrigger] TaskOrchestrationContext context, int attempts)
    {
        try
        {
            return await context.CallActivityAsync<string>(
                nameof(Acts.Flaky), attempts, TaskOptions.FromRetryPolicy(new RetryPolicy(3, TimeSpan.FromMilliseconds(5), 2)));
        }
        catch (TaskFailedException error)
        {
            return $"failed at task {error.TaskId}";
        }
    }

    [Function(nameof(RetryingByHandler))]
    public static async Task<string> RetryingByHandler([OrchestrationTrigger] TaskOrchestrationContext context, int attempts)
    {
        var seen = new List<int>();
        var options = TaskOptions.FromRetryHandler(retry =>
        {
            seen.Add(retry.LastAttemptNumber);
            return retry.LastFailure.IsCausedBy<OddException>() && retry.LastAttemptNumber < 5;
        });
        var result = await context.CallActivityAsync<string>(nameof(Acts.Flaky), attempts, options);
        return $"{result} after {string.Join(',', seen)}";
    }

    [Function(nameof(RetryingFiltered))]
    public static Task<string> RetryingFiltered([OrchestrationTrigger] TaskOrchestrationContext context) =>
        context.CallActivityAsync<string>(
            nameof(Acts.Flaky), 9, new TaskOptions(new RetryPolicy(5, TimeSpan.FromMilliseconds(1)) { HandleFailure = failure => !failure.IsCausedBy<OddException>() }));

    [Function(nameof(Parent))]
    public static async Task<string> Parent([OrchestrationTrigger] TaskOrchestrationContext context, string input)
    {
        var one = context.CallSubOrchestratorAsync<string>(nameof(Chain), input + "a");
        var two = context.CallSubOrchestratorAsync<string>(nameof(Chain), input + "b", new SubOrchestrationOptions(instanceId: context.InstanceId + "-b"));
        return string.Join(' ', await Task.WhenAll(one, two));
    }

    [Function(nameof(ParentOfFailing))]
    public static async Task<string> ParentOfFailing([OrchestrationTrigger] TaskOrchestrationContext context)
    {
        try
        {
            await context.CallSubOrchestratorAsync(nameof(Failing), "deep");
            return "none";
        }
        catch (TaskFailedException error)
        {
            return $"{error.TaskName}: {error.FailureDetails.ErrorType} / {error.FailureDetails.InnerFailure!.ErrorType} {error.FailureDetails.InnerFailure.ErrorMessage}";
        }
    }

    [Function(nameof(Child))]
    public static string Child([OrchestrationTrigger] TaskOrchestrationContext context) => $"{context.Parent?.Name.Name} {context.Parent?.InstanceId}";

    [Function(nameof(AskChild))]
    public static Task<string> AskChild([OrchestrationTrigger] TaskOrchestrationContext context) => context.CallSubOrchestratorAsync<string>(nameof(Child));

    [Function(nameof(ParentOfWaiting))]
    public static Task ParentOfWaiting([OrchestrationTrigger] TaskOrchestrationContext context) =>
        context.CallSubOrchestratorAsync(nameof(TwoEvents), null, new SubOrchestrationOptions(instanceId: context.InstanceId + "-child"));

    [Function(nameof(Sleeping))]
    public static async Task<string> Sleeping([OrchestrationTrigger] TaskOrchestrationContext context, TimeSpan span)
    {
        var before = context.CurrentUtcDateTime;
        context.SetCustomStatus("asleep");
        await context.CreateTimer(span, CancellationToken.None);
        return context.CurrentUtcDateTime - before >= span ? "rested" : "woken early";
    }

    [Function(nameof(TwoEvents))]
    public static async Task<string> TwoEvents([OrchestrationTrigger] TaskOrchestrationContext context)
    {
        context.SetCustomStatus("waiting");
        var name = await context.WaitForExternalEvent<string>("Name");
        context.SetCustomStatus("named");
        return $"{name} {await context.WaitForExternalEvent<int>("count")}";
    }

    [Function(nameof(LateEvent))]
    public static async Task<string> LateEvent([OrchestrationTrigger] TaskOrchestrationContext context)
    {
        try
        {
            return await context.WaitForExternalEvent<string>("answer", TimeSpan.FromMilliseconds(20));
        }
        catch (TaskCanceledException)
        {
            context.SetCustomStatus("timed out");
            return "late: " + await context.WaitForExternalEvent<string>("answer");
        }
    }

    [Function(nameof(Counting))]
    public static async Task<int> Counting([OrchestrationTrigger] TaskOrchestrationContext context, int round)
    {
        if (round == 50) return round;
        await context.CallActivityAsync<string>(nameof(Acts.Echo), "x");
        context.ContinueAsNew(round + 1);
        return -1;
    }

    [Function(nameof(Collecting))]
    public static async Task<string> Collecting([OrchestrationTrigger] TaskOrchestrationContext context, string soFar)
    {
        var next = soFar + await context.WaitForExternalEvent<string>("part");
        if (next.Length == 5) return next;
        await context.CallActivityAsync<string>(nameof(Acts.Echo), "x");
        context.ContinueAsNew(next, preserveUnprocessedEvents: true);
        return "";
    }

    [Function(nameof(Sender))]
    public static async Task Sender([OrchestrationTrigger] TaskOrchestrationContext context, string target)
    {
        context.SendEvent(target, "NAME", "from " + context.InstanceId);
        await context.CallActivityAsync<string>(nameof(Acts.Echo), "x");
        context.SendEvent(target, "count", 7);
    }

    [Function(nameof(Logging))]
    public static async Task<bool> Logging([OrchestrationTrigger] TaskOrchestrationContext context)
    {
        var logger = context.CreateReplaySafeLogger("flow");
        Said(logger, "one");
        context.SetCustomStatus("waiting");
        var replayed = context.IsReplaying;
        await context.WaitForExternalEvent<string>("go");
        Said(logger, "two");
        return replayed;
    }

    [Function(nameof(Guids))]
    public static async Task<bool> Guids([OrchestrationTrigger] TaskOrchestrationContext context)
    {
        var (one, two) = (context.NewGuid(), context.NewGuid());
        var before = await context.CallActivityAsync<string>(nameof(Acts.Echo), $"{one} {two}");
        context.SetCustomStatus("waiting");
        await context.WaitForExternalEvent<string>("go");
        return one != two && before == $"{one} {two}";
    }

    [Function(nameof(Changing))]
    public static async Task<string> Changing([OrchestrationTrigger] TaskOrchestrationContext context)
    {
        await context.CallActivityAsync<string>(Step, "x");
        context.SetCustomStatus("waiting");
        await context.WaitForExternalEvent<string>("go");
        return "done";
    }

    [Function(nameof(Straying))]
    public static async Task<string> Straying([OrchestrationTrigger] TaskOrchestrationContext context)
    {
        // Never complete: one that happens to be so by the time it is awaited is no foreign wait at all.
        await new TaskCompletionSource().Task;
        return context.InstanceId;
    }

    [Function(nameof(Missing))]
    public static Task Missing([OrchestrationTrigger] TaskOrchestrationContext context) =>
        context.CallActivityAsync("NoSuchActivity", "x", TaskOptions.FromRetryPolicy(new RetryPolicy(9, TimeSpan.FromHours(1))));

    [Function(nameof(Big))]
    public static Task<string> Big([OrchestrationTrigger] TaskOrchestrationContext context, int length) => context.CallActivityAsync<string>(nameof(Acts.Blow), length);

    [Function(nameof(BigInput))]
    public static Task BigInput([OrchestrationTrigger] TaskOrchestrationContext context, int length) => context.CallActivityAsync(nameof(Acts.Echo), new string('x', length));

    [Function(nameof(Blocking))]
    public static Task<string> Blocking([OrchestrationTrigger] TaskOrchestrationContext context) => context.CallActivityAsync<string>(nameof(Acts.Block));

    [Function(nameof(Wide))]
    public static Task Wide([OrchestrationTrigger] TaskOrchestrationContext context, int width) =>
        Task.WhenAll(Enumerable.Range(0, width).Select(_ => context.CallActivityAsync(nameof(Counting2.Slow), "x")));

    [Function(nameof(Telling))]
    public static async Task<string> Telling([OrchestrationTrigger] TaskOrchestrationContext context, FunctionContext function, string input) =>
        $"{function.FunctionDefinition.Name} {await context.CallActivityAsync<string>(nameof(Counting2.Told), input)}";

    [Function(nameof(Binding))]
    public static Task<string> Binding([OrchestrationTrigger] TaskOrchestrationContext context) => context.CallActivityAsync<string>(nameof(Counting2.Bound), 41);
}

public sealed class OddException(string message, Exception inner) : ArgumentException(message, inner);
