using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Converters;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Edge.Hosting;
using Skylight.Edge.Runtime.Durable;

namespace Skylight.Edge.Tests.Durable;

/// <summary>How functions are found and called.</summary>
public sealed class FunctionBindingTests
{
    [Fact]
    public void Discover_FunctionsThatCannotBeCalled_NamesEveryOne()
    {
        var refused = Assert.Throws<StartupException>(() => new DurableFunctions([typeof(Bad)]));
        Assert.Equal(
            [
                "Function 'WrongContext': parameter 'context' of type String cannot be bound.",
                "Function 'OtherBinding': parameter 'client' of type DurableTaskClient cannot be bound.",
                "Function 'Unknown': parameter 'number' of type Int32 cannot be bound.",
                "Two functions are named 'UNKNOWN'.",
            ],
            refused.Reasons);
    }

    [Fact]
    public async Task Call_ActivityContext_IsNotGiven_AsInTheGenuineWorker() => Assert.Equal("none", await CallAsync(nameof(Good.Context), null));

    [Fact]
    public async Task Call_NoInput_GivesTheDefault()
    {
        Assert.Equal(0, await CallAsync(nameof(Good.Number), null));
        Assert.Equal(7, await CallAsync(nameof(Good.Number), "7"));
    }

    [Fact]
    public async Task Call_AnyReturnType_IsUnwrapped()
    {
        Assert.Equal("value", await CallAsync(nameof(Good.Value), null));
        Assert.Null(await CallAsync(nameof(Good.NoValue), null));
        Assert.Null(await CallAsync(nameof(Good.Nothing), null));
    }

    [Fact]
    public async Task Call_NameGivenByTheTrigger_IsUsed() => Assert.Equal("renamed", await CallAsync("other-name", null));

    private static async Task<object?> CallAsync(string name, string? input)
    {
        await using var services = new ServiceCollection().BuildServiceProvider();
        return await new DurableFunctions([typeof(Good)]).Activities[name].CallAsync(new DurableCall(services, null, null, "i", input, JsonDataConverter.Default, default));
    }

    private static class Good
    {
        [Function(nameof(Context))]
        public static string Context([ActivityTrigger] TaskActivityContext? context) => context is null ? "none" : "given";

        [Function(nameof(Number))]
        public static int Number([ActivityTrigger] int number) => number;

        [Function(nameof(Value))]
        public static ValueTask<string> Value([ActivityTrigger] string? nothing) => ValueTask.FromResult("value");

        [Function(nameof(NoValue))]
        public static ValueTask NoValue([ActivityTrigger] string? nothing) => ValueTask.CompletedTask;

        [Function(nameof(Nothing))]
        public static void Nothing([ActivityTrigger] string? nothing)
        {
        }

        [Function(nameof(Renamed))]
        public static string Renamed([ActivityTrigger(Activity = "other-name")] string? nothing) => "renamed";
    }

    private static class Bad
    {
        [Function(nameof(WrongContext))]
        public static void WrongContext([OrchestrationTrigger] string context)
        {
        }

        [Function(nameof(OtherBinding))]
        public static void OtherBinding([OrchestrationTrigger] TaskOrchestrationContext context, [DurableClient] DurableTaskClient client)
        {
        }

        [Function(nameof(Unknown))]
        public static void Unknown([ActivityTrigger] string input, int number)
        {
        }

        [Function("UNKNOWN")]
        public static void Twice([ActivityTrigger] string input)
        {
        }
    }
}
