using DurableTask.Core.Exceptions;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Skylight.Edge.Runtime.Durable;

namespace Skylight.Edge.Tests.Durable;

/// <summary>Everything that clients can do, to the same instances, at once: whatever the order, all end, and nothing is left over.</summary>
public sealed class ChaosTests
{
    private static readonly string[] Names =
        [nameof(Flows.Chain), nameof(Flows.Parent), nameof(Flows.TwoEvents), nameof(Flows.Collecting), nameof(Flows.LateEvent), nameof(Flows.ParentOfWaiting), nameof(Flows.Retrying)];

    [Theory]
    [InlineData(1, 5000)]
    [InlineData(2, 3)] // Hardly anything stays in memory: turns replay.
    public async Task Clients_DoingEverythingAtOnce_LeaveNothingOpen(int seed, int cached)
    {
        await using var engine = await new EngineFixture(new DurableOptions { MaxCachedInstances = cached }).StartAsync();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(lane => Task.Run(() => DisturbAsync(engine.Client, new Random((seed * 100) + lane)))));
        await EngineFixture.UntilAsync(async () =>
        {
            var open = 0;
            var query = new OrchestrationQuery { Statuses = [OrchestrationRuntimeStatus.Running, OrchestrationRuntimeStatus.Pending, OrchestrationRuntimeStatus.Suspended] };
            await foreach (var instance in engine.Client.GetAllInstancesAsync(query))
            {
                open++;
                await engine.Client.TerminateInstanceAsync(instance.InstanceId);
            }

            return open == 0;
        });
        Assert.DoesNotContain(engine.Logs.Of("Skylight.Edge.Durable"), line => line.Contains("could not be taken", StringComparison.Ordinal));
        foreach (var table in (string[])["work", "inbox"])
            Assert.Equal(0L, await engine.Engine.Store.WriteAsync(store => (long)store.Scalar($"SELECT count(*) FROM {table}")!, default));
        Assert.Equal("x123", (await engine.RunAsync(nameof(Flows.Chain), "x")).ReadOutputAs<string>());
    }

    private static async Task DisturbAsync(DurableTaskClient client, Random random)
    {
        for (var i = 0; i < 150; i++)
        {
            var id = $"i{random.Next(12)}";
            try
            {
                switch (random.Next(9))
                {
                    case 0 or 1 or 2:
                        var name = Names[random.Next(Names.Length)];
                        object? input = name == nameof(Flows.Retrying) ? 2 : "x";
                        var start = random.Next(4) == 0 ? DateTimeOffset.UtcNow.AddMilliseconds(random.Next(30)) : (DateTimeOffset?)null;
                        var options = new StartOrchestrationOptions(id, start);
                        if (random.Next(3) == 0) options = options with { DedupeStatuses = [] };
                        await client.ScheduleNewOrchestrationInstanceAsync(name, input, options);
                        break;
                    case 3:
                        await client.RaiseEventAsync(id, "name", "n");
                        await client.RaiseEventAsync(id, "part", "abcde");
                        break;
                    case 4:
                        await client.SuspendInstanceAsync(id);
                        break;
                    case 5:
                        await client.ResumeInstanceAsync(id);
                        break;
                    case 6:
                        await client.TerminateInstanceAsync(id, new TerminateInstanceOptions(null, random.Next(2) == 0));
                        break;
                    case 7:
                        await client.PurgeInstanceAsync(id, new PurgeInstanceOptions(random.Next(2) == 0));
                        break;
                    default:
                        await client.RestartAsync(id, random.Next(2) == 0);
                        break;
                }
            }
            catch (Exception refused) when (refused is OrchestrationAlreadyExistsException or ArgumentException or InvalidOperationException)
            {
                // What the state of the instance did not allow.
            }
        }
    }
}
