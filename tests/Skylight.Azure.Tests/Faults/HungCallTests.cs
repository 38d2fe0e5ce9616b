using Azure.Storage.Blobs;
using Skylight.Azure.Cosmos;
using Skylight.Azure.Objects;
using Skylight.Conformance;
using Skylight.Conformance.Faults;
using Skylight.Core.Documents;

namespace Skylight.Azure.Tests.Faults;

/// <summary>Calls that nobody ever answers: a try ends after its time and the next one is made; whoever asked can give up at any moment.</summary>
public sealed class HungCallTests(AzureServices services) : IDisposable
{
    private sealed record Note(string Text);

    // Far more than tries of a second need, far less than clients that wait a minute each time.
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(2));

    public void Dispose() => _patience.Dispose();

    [Fact]
    public async Task Documents_WhoseCallsHang_AreReadAndWrittenAllTheSame()
    {
        var plan = new FaultPlan(61, 0.12);
        using var database = await Faulty.CosmosAsync(services, plan, tryTimeoutSeconds: 1, null, Fault.Hung);
        var documents = new CosmosDocuments(database.Items(CosmosDatabase.Documents));
        for (var i = 0; i < 12; i++)
        {
            var key = new DocumentKey("hospital-a", "note", $"n{i:D2}");
            var etag = await documents.PutAsync(key, new Note("a"), Match.None, [], _patience.Token);
            await documents.PutAsync(key, new Note($"b{i}"), Match.Version(etag), [], _patience.Token);
            Assert.Equal($"b{i}", (await documents.GetAsync<Note>(key, _patience.Token))!.Value.Text);
        }

        Assert.Equal(12, (await documents.ListAsync<Note>("hospital-a", "note", null, 100, null, _patience.Token)).Items.Count);
        Assert.True(plan.Count(Fault.Hung) > 2, plan.Drawn);
    }

    [Fact]
    public async Task Objects_WhoseCallsHang_AreReadAndWrittenAllTheSame()
    {
        services.Need();
        var (plan, options) = (new FaultPlan(62, 0.12), services.Blobs(Services.NewName()));
        options.TryTimeoutSeconds = 1;
        var plain = new BlobContainerClient(services.ConnectionString, options.Container);
        await plain.CreateAsync(cancellationToken: _patience.Token);
        var store = new BlobObjectStore(Faulty.Container(services, options, plan, Fault.Hung), options, TimeProvider.System);
        for (var i = 0; i < 15; i++)
        {
            var (name, bytes) = ($"hospital-a/study/{i}.pack", new byte[1000 + i]);
            bytes.AsSpan().Fill((byte)i);
            await using (var writer = await store.CreateAsync(name, _patience.Token))
            {
                await writer.WriteAsync(bytes, _patience.Token);
                await writer.CommitAsync(_patience.Token);
            }

            var read = new byte[bytes.Length];
            Assert.Equal(read.Length, await store.ReadAsync(name, 0, read, _patience.Token));
            Assert.Equal(bytes, read);
        }

        Assert.True(plan.Count(Fault.Hung) > 2, plan.Drawn);
        await plain.DeleteAsync(cancellationToken: _patience.Token);
    }

    [Fact]
    public async Task Caller_WhoGivesUp_IsLetGo()
    {
        var plan = new FaultPlan(63, 1) { Active = false };
        using var database = await Faulty.CosmosAsync(services, plan, tryTimeoutSeconds: 120, null, Fault.Hung);
        var documents = new CosmosDocuments(database.Items(CosmosDatabase.Documents));
        var key = new DocumentKey("hospital-a", "note", "one");
        await documents.PutAsync(key, new Note("a"), Match.None, [], _patience.Token);
        var options = services.Blobs(Services.NewName());
        options.TryTimeoutSeconds = 120;
        var store = new BlobObjectStore(Faulty.Container(services, options, plan, Fault.Hung), options, TimeProvider.System);
        plan.Active = true;
        foreach (var call in new Func<CancellationToken, Task>[] { token => documents.GetAsync<Note>(key, token).AsTask(), token => store.GetStatusAsync("hospital-a/study/one.pack", token).AsTask() })
        {
            using var mine = CancellationTokenSource.CreateLinkedTokenSource(_patience.Token);
            var before = plan.Count(Fault.Hung);
            var waiting = call(mine.Token);
            while (plan.Count(Fault.Hung) == before) await Task.Delay(20, _patience.Token);
            await mine.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.WaitAsync(_patience.Token));
            Assert.False(_patience.IsCancellationRequested);
        }
    }
}
