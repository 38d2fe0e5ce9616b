using System.Text;
using System.Text.Json;
using Azure.Storage.Blobs;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Conformance;
using Skylight.Core.Events;
using Skylight.Core.Queues;
using Skylight.Core.Uploads;

namespace Skylight.Edge.Tests.Triggers;

/// <summary>Queue, event and blob functions in a real host on a clock of the test's own.</summary>
public sealed class BackgroundTests : IAsyncLifetime
{
    private readonly string _data = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly TestClock _clock = new();
    private readonly Recorder _recorder = new();
    private TestHost? _host;

    private IQueue Queue => _host!.Services.GetRequiredService<IQueue>();

    private IEventPublisher Events => _host!.Services.GetRequiredService<IEventPublisher>();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        if (_host is not null) await _host.DisposeAsync();
        _recorder.Dispose();
        Directory.Delete(_data, recursive: true);
    }

    [Fact]
    public async Task Queue_MessageHandled_IsGone()
    {
        await StartAsync(typeof(QueueFunctions));
        await SendAsync("test-text", "hello 你好");
        await _recorder.NextAsync();
        Assert.Equal(["hello 你好 1 0"], _recorder.Calls);
        await EmptyAsync("test-text");
    }

    [Fact]
    public async Task Queue_FunctionReturnsMessages_TheyAreSent()
    {
        await StartAsync(typeof(QueueFunctions));
        await SendAsync("test-orders", """{"name":"ct","count":3}""");
        await _recorder.NextAsync();
        await EmptyAsync("test-orders");
        var sent = await Queue.ReceiveAsync("test-orders-done", 32, TimeSpan.FromMinutes(1), CancellationToken.None);
        Assert.Equal(["done ct", "第二条"], sent.Select(m => Encoding.UTF8.GetString(m.Body.Span)));
    }

    [Fact]
    public async Task Queue_FunctionFails_RestsAndComesAgain_ThenIsPoison()
    {
        _recorder.Behave = (_, _) => throw new InvalidOperationException("no");
        await StartAsync(typeof(QueueFunctions));
        await SendAsync("test-text", "bad");
        for (var attempt = 1; attempt <= 5; attempt++)
        {
            await UntilAsync(() => _recorder.Calls.Count >= attempt, TimeSpan.FromSeconds(31));
            Assert.Equal($"bad {attempt} {attempt - 1}", _recorder.Calls.Last());
        }

        await EmptyAsync("test-text");
        var metrics = await _host!.Client.GetStringAsync("/metrics");
        Assert.Contains("skylight_queue_messages{queue=\"test-text\"} 0\n", metrics, StringComparison.Ordinal);
        Assert.Contains("skylight_queue_messages{queue=\"test-text-poison\"} 1\n", metrics, StringComparison.Ordinal);
        Assert.Contains("skylight_function_duration_seconds_count{function=\"OnText\",trigger=\"queueTrigger\",outcome=\"failed\"} 5\n", metrics, StringComparison.Ordinal);
        var poison = Assert.Single(await Queue.ReceiveAsync("test-text-poison", 1, TimeSpan.FromMinutes(1), CancellationToken.None));
        Assert.Equal("bad", Encoding.UTF8.GetString(poison.Body.Span));
        Assert.Equal(5, _recorder.Calls.Count);
    }

    [Fact]
    public async Task Queue_BodyDoesNotFitTheParameter_BecomesPoisonWithoutACall()
    {
        await StartAsync(typeof(QueueFunctions));
        await SendAsync("test-orders", "not json");
        await UntilAsync(async () => await Queue.CountAsync("test-orders-poison", CancellationToken.None) == 1, TimeSpan.FromSeconds(31));
        Assert.Empty(_recorder.Calls);
    }

    [Fact]
    public async Task Queue_FunctionRunsLong_KeepsItsMessage()
    {
        var release = new TaskCompletionSource();
        _recorder.Behave = (_, _) => release.Task;
        await StartAsync(typeof(QueueFunctions));
        await SendAsync("test-text", "long");
        await _recorder.NextAsync();
        var waiting = 0;
        await UntilAsync(() => (waiting = _clock.Waiting) >= 3, TimeSpan.Zero); // the lease's renewal, the queues' polls
        for (var i = 0; i < 8; i++)
        {
            _clock.Advance(TimeSpan.FromSeconds(31));
            await UntilAsync(() => _clock.Waiting >= waiting, TimeSpan.Zero);
        }

        // Four minutes in, with leases of two: had it run out, the message would come before this one.
        await SendAsync("test-text", "other");
        await _recorder.NextAsync();
        Assert.Equal(["long 1 0", "other 1 0"], _recorder.Calls);
        release.SetResult();
        await EmptyAsync("test-text");
    }

    [Fact]
    public async Task Queue_HostStops_LetsTheFunctionFinish()
    {
        var release = new TaskCompletionSource();
        _recorder.Behave = (_, _) => release.Task;
        await StartAsync(typeof(QueueFunctions));
        await SendAsync("test-text", "slow");
        await _recorder.NextAsync();
        var stopping = _host!.DisposeAsync().AsTask();
        Assert.False(stopping.IsCompleted);
        release.SetResult();
        await stopping;
        await StartAsync(typeof(QueueFunctions));
        Assert.Equal(0, await Queue.CountAsync("test-text", CancellationToken.None));
    }

    [Fact]
    public async Task Queue_DrainTimeOver_CancelsTheFunctionAndTheMessageComesAgain()
    {
        _recorder.Behave = (_, cancellation) => Task.Delay(Timeout.Infinite, cancellation);
        await StartAsync(typeof(QueueFunctions));
        await SendAsync("test-text", "slow");
        await _recorder.NextAsync();
        var stopping = _host!.DisposeAsync().AsTask();
        while (!stopping.IsCompleted)
        {
            _clock.Advance(TimeSpan.FromSeconds(26));
            await Task.Delay(10);
        }

        await stopping;
        _recorder.Behave = (_, _) => Task.CompletedTask;
        await StartAsync(typeof(QueueFunctions));
        await UntilAsync(() => _recorder.Calls.Count == 2, TimeSpan.FromSeconds(31));
        Assert.Equal("slow 2 1", _recorder.Calls.Last());
    }

    [Fact]
    public async Task Event_Published_ReachesTheFunctionsThatWantIt()
    {
        await StartAsync(typeof(EventFunctions));
        await Events.PublishAsync([Event("study.completed", "studies/x"), Event("study.completed", "other/x"), Event("other", null)], CancellationToken.None);
        await _recorder.NextAsync(4);
        Assert.Equal(
            ["OnEvent study.completed studies/x {\"v\":1}", "OnEverything 1", "OnEverything 1", "OnEverything 1"],
            _recorder.Calls.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Event_FunctionFails_ComesAgainAlsoAfterARestart()
    {
        _recorder.Behave = (_, _) => throw new InvalidOperationException("no");
        await StartAsync(typeof(EventFunctions));
        await Events.PublishAsync([Event("other", null)], CancellationToken.None);
        await _recorder.NextAsync();
        await _host!.DisposeAsync();
        _recorder.Behave = (_, _) => Task.CompletedTask;
        await StartAsync(typeof(EventFunctions));
        await UntilAsync(() => _recorder.Calls.Count >= 2, TimeSpan.FromSeconds(6));
        Assert.Equal(["OnEverything 1", "OnEverything 1"], _recorder.Calls);
    }

    [Fact]
    public async Task Blob_Created_RunsTheFunctionOfItsPath()
    {
        await StartAsync(typeof(BlobFunctions));
        var container = UploadId.Container(UploadId.New());
        var url = await _host!.Services.GetRequiredService<IIngress>().GrantAsync(container, _clock.GetUtcNow().AddHours(1), CancellationToken.None);
        foreach (var name in new[] { "a/b.json", "a/b.txt", "x/y/z.json" })
            await new BlobContainerClient(url).GetBlobClient(name).UploadAsync(BinaryData.FromString("content of " + name));
        await Events.PublishAsync([Blob(container, "a/b.json"), Blob(container, "gone/b.json"), Blob(container, "a/b.txt"), Blob(container, "x/y/z.json")], CancellationToken.None);
        await _recorder.NextAsync(2);
        Assert.Equal(["a b content of a/b.json", "x/y z content of x/y/z.json"], _recorder.Calls.Order(StringComparer.Ordinal));
        await EmptyAsync("event:OnBlob");
    }

    private static SkylightEvent Event(string type, string? subject) =>
        new("1", "/institutions/demo", type, subject, DateTimeOffset.UnixEpoch, JsonSerializer.SerializeToElement(new { v = 1 }));

    private static SkylightEvent Blob(string container, string name) => Event("Microsoft.Storage.BlobCreated", $"/blobServices/default/containers/{container}/blobs/{name}");

    private async Task StartAsync(Type functions) => _host = await TestHost.StartAsync(
        _data,
        configure: b =>
        {
            b.Services.AddSingleton<TimeProvider>(_clock);
            b.Services.AddSingleton(_recorder);
        },
        functions: [functions]);

    private ValueTask SendAsync(string queue, string text) => Queue.SendAsync(queue, Encoding.UTF8.GetBytes(text), TimeSpan.Zero, CancellationToken.None);

    private Task EmptyAsync(string queue) => UntilAsync(async () => await Queue.CountAsync(queue, CancellationToken.None) == 0, TimeSpan.Zero);

    private Task UntilAsync(Func<bool> condition, TimeSpan step) => UntilAsync(() => Task.FromResult(condition()), step);

    /// <summary>Moves the clock on until the condition holds; gives up after twenty real seconds.</summary>
    private async Task UntilAsync(Func<Task<bool>> condition, TimeSpan step)
    {
        for (var i = 0; !await condition(); i++)
        {
            Assert.True(i < 1000, "it did not come about");
            await Task.Delay(20);
            if (i % 5 == 4 && step > TimeSpan.Zero) _clock.Advance(step);
        }
    }
}
