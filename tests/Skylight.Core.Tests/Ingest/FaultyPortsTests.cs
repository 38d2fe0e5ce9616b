using System.Text;
using Skylight.Archive.Keys;
using Skylight.Conformance.Faults;
using Skylight.Core.Events;
using Skylight.Core.Keys;
using Skylight.Core.Queues;
using Skylight.Local.Queues;
using Skylight.Local.Sqlite;

namespace Skylight.Core.Tests.Ingest;

/// <summary>Queue, key ring and outbox whose calls fail before and after their effect: whoever repeats what was not answered loses nothing and ends with one of everything.</summary>
public sealed class FaultyPortsTests : IAsyncDisposable
{
    private const int Most = 10_000;

    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;

    public ValueTask DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    [Theory]
    [InlineData(31)]
    [InlineData(32)]
    public async Task Queue_MessagesOfAPersistentSender_AreAllHandled_AndNoneStays(int seed)
    {
        var plan = new FaultPlan(seed, 0.2);
        await using var database = SqliteDatabase.Open(Path.Combine(_folder, "queues.db"), SqliteDurability.Full, SqliteQueue.Schema);
        var plain = new SqliteQueue(database, new ManualTime());
        var queue = new FaultyQueue(plain, plan);
        var sent = Enumerable.Range(0, 60).Select(i => $"message {i}").ToHashSet();
        foreach (var text in sent) await RepeatAsync(async () => { await queue.SendAsync("work", Encoding.UTF8.GetBytes(text), TimeSpan.Zero, default); return true; });
        var handled = new HashSet<string>();
        while (await plain.CountAsync("work", default) > 0)
        {
            foreach (var message in await RepeatAsync(async () => await queue.ReceiveAsync("work", 1, TimeSpan.FromMinutes(1), default)))
            {
                handled.Add(Encoding.UTF8.GetString(message.Body.Span));
                await RepeatAsync(async () => await queue.CompleteAsync(message, default));
            }
        }

        Assert.Equal(sent.Order(), handled.Order());
        Assert.True(plan.Count(Fault.LostAfter) > 0 && plan.Count(Fault.Twice) > 0, plan.Drawn);
    }

    [Fact]
    public async Task KeyRing_NotReachedNowAndThen_MakesOneKeyAStudy_AndOpensIt()
    {
        var plan = new FaultPlan(33, 0.4);
        await using var bench = new IngestBench();
        var records = new DocumentKeyRecords(bench.Documents);
        for (var study = 0; study < 20; study++)
        {
            var ids = new HashSet<KeyId>();
            for (var process = 0; process < 3; process++)
            {
                // Each process of its own begins with nothing in memory.
                using var keys = new StudyKeys(records, new FaultyKeyRing(bench.Ring, plan), new KeyEncryptionOptions(), bench.Time);
                using var key = await RepeatAsync(async () => await keys.GetOrCreateAsync(IngestBench.A, $"study-{study}", default));
                ids.Add(key.Id);
            }

            Assert.Single(ids);
            Assert.Single(await bench.Keys.IdsAsync(IngestBench.A, $"study-{study}", default));
        }

        Assert.True(plan.Count(Fault.LostBefore) > 0, plan.Drawn);
    }

    [Theory]
    [InlineData(34)]
    [InlineData(35)]
    public async Task Outbox_EveryEventIsPublished_AndCleared(int seed)
    {
        var plan = new FaultPlan(seed, 0.3) { Active = false };
        await using var bench = new IngestBench(wrapCommit: commit => new FaultyCommit(commit, plan));
        for (var study = 0; study < 12; study++) await bench.SendOne(TestDicom.Ct(study: $"1.2.9.{study}", sop: $"1.2.9.{study}.1"));
        plan.Active = true;
        var publisher = new Publisher(plan);
        var outbox = new StudyOutbox(bench.Catalog, bench.Commit, publisher, bench.Time);
        await RepeatAsync(async () => await outbox.PublishAsync(default));
        Assert.Equal(12, publisher.Ids.Count);
        for (var study = 0; study < 12; study++) Assert.Empty((await bench.Study($"1.2.9.{study}")).Outbox);
        Assert.True(plan.Count(Fault.LostAfter) > 0, plan.Drawn);
    }

    private static async Task<T> RepeatAsync<T>(Func<Task<T>> call)
    {
        for (var tries = 0; ; tries++)
        {
            Assert.True(tries < Most);
            try
            {
                return await call();
            }
            catch (Exception fault) when (fault is InjectedFaultException || fault.InnerException is InjectedFaultException)
            {
                // What a retry policy does.
                continue;
            }
        }
    }

    private sealed class Publisher(FaultPlan plan) : IEventPublisher
    {
        public HashSet<string> Ids { get; } = [];

        public ValueTask PublishAsync(IReadOnlyList<SkylightEvent> events, CancellationToken cancellationToken)
        {
            var fault = plan.Next(Fault.LostBefore, Fault.LostAfter);
            if (fault == Fault.LostBefore) throw new InjectedFaultException(fault);
            Ids.UnionWith(events.Select(item => item.Id));
            return fault == Fault.LostAfter ? throw new InjectedFaultException(fault) : ValueTask.CompletedTask;
        }
    }
}
