using System.Globalization;
using System.Text.Json;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.DependencyInjection;
using Skylight.CrashWorker;
using Skylight.Edge.Runtime.Durable;

// A process made to be killed: runs orchestrations under load on the folder given, and notes in acks.log, and on its output, what it was told is safe.
// With "finish" as second argument it ends what is open, writes the outputs to results.json and ends itself.
var folder = args[0];
var finish = args is [_, "finish"];
CrashFlows.Effects = new AppendLog(Path.Combine(folder, "effects.log"));
using var acks = new AppendLog(Path.Combine(folder, "acks.log"));
var services = new ServiceCollection().AddLogging().BuildServiceProvider();
await using var engine = new DurableEngine(Path.Combine(folder, "durable.db"), [typeof(CrashFlows).Assembly], services, new DurableOptions());
await engine.StartAsync(CancellationToken.None);
var client = engine.Client;
if (finish)
{
    await FinishAsync();
    return 0;
}

Console.WriteLine("ready");
var life = Convert.ToString(Environment.ProcessId, CultureInfo.InvariantCulture);
await Task.WhenAll(Enumerable.Range(0, 24).Select(ScheduleAsync).Append(RaiseAsync()));
return 1;

void Acknowledged(string line)
{
    acks.Write(line);
    Console.WriteLine(line);
}

async Task ScheduleAsync(int lane)
{
    for (var number = 0; ; number++)
    {
        var id = string.Create(CultureInfo.InvariantCulture, $"chain-{life}-{lane}-{number}");
        await client.ScheduleNewOrchestrationInstanceAsync(nameof(CrashFlows.Chain), 0, new StartOrchestrationOptions(id));
        Acknowledged($"chain {id}");
        // Some wait for their turn, some overtake: both are wanted.
        if (number % 4 == 3) await client.WaitForInstanceCompletionAsync(id, CancellationToken.None);
    }
}

async Task RaiseAsync()
{
    var id = $"collect-{life}";
    await client.ScheduleNewOrchestrationInstanceAsync(nameof(CrashFlows.Collect), new List<string>(), new StartOrchestrationOptions(id));
    Acknowledged($"collect {id}");
    for (var number = 0; ; number++)
    {
        var token = string.Create(CultureInfo.InvariantCulture, $"{id}/{number}");
        await client.RaiseEventAsync(id, "item", token);
        Acknowledged($"event {token}");
        await Task.Delay(1);
    }
}

async Task FinishAsync()
{
    var results = new Dictionary<string, string?>();
    await foreach (var instance in client.GetAllInstancesAsync())
    {
        if (instance.Name == nameof(CrashFlows.Collect) && !instance.IsCompleted) await client.RaiseEventAsync(instance.InstanceId, "item", "stop");
    }

    using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(3));
    await foreach (var instance in client.GetAllInstancesAsync())
    {
        var ended = await client.WaitForInstanceCompletionAsync(instance.InstanceId, true, patience.Token);
        results[ended.InstanceId] = ended.RuntimeStatus == OrchestrationRuntimeStatus.Completed ? ended.SerializedOutput : $"{ended.RuntimeStatus}: {ended.FailureDetails?.ErrorMessage}";
    }

    await File.WriteAllTextAsync(Path.Combine(folder, "results.json"), JsonSerializer.Serialize(results));
}
