using Skylight.Conformance.Faults;
using Skylight.Core.Catalog;
using Skylight.Core.Events;
using Xunit;

namespace Skylight.Conformance;

/// <summary>What the outbox of study documents does on every pair of catalog and commit: each event goes out at least once under its one id, and nothing that waits is lost.</summary>
public abstract class OutboxConformance
{
    private const string A = "hospital-a";
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 8, 0, 0, TimeSpan.Zero);

    protected abstract ICatalog Catalog { get; }

    protected abstract ICommit Commit { get; }

    [Fact]
    public async Task Publish_WhatWaits_GoesOut_AndIsCleared()
    {
        await PutAsync(1, "e1", "e2");
        await PutAsync(2);
        await PutAsync(3, "e3");
        var publisher = new Publisher();
        await PublishAsync(publisher);
        Assert.Equal(["e1", "e2", "e3"], publisher.Ids.Distinct().Order(StringComparer.Ordinal));
        Assert.True(publisher.Ids.IndexOf("e1") < publisher.Ids.IndexOf("e2"));
        for (var study = 1; study <= 3; study++) Assert.Empty((await FindAsync(study)).Outbox);
        Assert.Empty(await Catalog.ListDueAsync(StudyDue.Events, Now.AddDays(1), 10, default));
        Assert.Equal(0, await PublishAsync(publisher));
    }

    [Fact]
    public async Task Publish_ThatTheReceiverRefuses_KeepsTheEvents_AndSendsTheSameLater()
    {
        await PutAsync(1, "e1", "e2");
        await Assert.ThrowsAsync<NotSupportedException>(() => PublishAsync(new Publisher { Refuses = true }));
        Assert.Equal(["e1", "e2"], (await FindAsync(1)).Outbox.Select(item => item.Id));
        var publisher = new Publisher();
        await PublishAsync(publisher);
        Assert.Equal(["e1", "e2"], publisher.Ids.Distinct());
        Assert.Empty((await FindAsync(1)).Outbox);
    }

    [Fact]
    public async Task Publish_WhileTheStudyChanges_LosesNeitherTheChangeNorItsEvent()
    {
        await PutAsync(1, "e1");
        var publisher = new Publisher();
        publisher.Meanwhile = async () =>
        {
            publisher.Meanwhile = null;
            var study = await FindAsync(1);
            var next = StudyChange.Of(study, study with { Level = 2, Outbox = [.. study.Outbox, new StudyEvent("e2", StudyEventTypes.Updated, Now, study.Revision + 1, 1)] }, []);
            Assert.Equal(CommitOutcome.Committed, await new PersistentCommit(Commit, Catalog).CommitAsync(new CommitBatch(next, []), default));
        };
        await PublishAsync(publisher);
        Assert.Equal(["e1", "e2"], publisher.Ids.Distinct());
        Assert.Equal((2, 0), (await FindAsync(1)) is var study ? (study.Level, study.Outbox.Count) : default);
    }

    [Fact]
    public async Task Publish_BySeveralAtOnce_SendsEverything()
    {
        for (var study = 0; study < 12; study++) await PutAsync(study, $"e{study}a", $"e{study}b");
        var publisher = new Publisher();
        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Task.Run(() => PublishAsync(publisher))));
        Assert.Equal(24, publisher.Ids.Distinct().Count());
        for (var study = 0; study < 12; study++) Assert.Empty((await FindAsync(study)).Outbox);
    }

    private async Task PutAsync(int number, params string[] events)
    {
        var study = new StudyDocument
        {
            Institution = A,
            StudyKey = $"key{number:D5}",
            StudyInstanceUid = $"1.2.3.{number}",
            PatientKey = $"patient{number}",
            Attributes = new StudyAttributes { PatientId = $"P{number}", Modalities = ["CT"] },
            State = StudyState.Complete,
            CreatedAt = Now,
            ReceivedAt = Now,
            Series = [new SeriesRecord { SeriesKey = $"series{number}", SeriesInstanceUid = $"1.2.3.{number}.1", Attributes = new SeriesAttributes { Modality = "CT" }, Instances = 1 }],
            Outbox = [.. events.Select(id => new StudyEvent(id, StudyEventTypes.Stored, Now, 1, 1))],
        };
        Assert.Equal(CommitOutcome.Committed, await new PersistentCommit(Commit, Catalog).CommitAsync(new CommitBatch(StudyChange.Of(null, study, []), []), default));
    }

    private async Task<StudyDocument> FindAsync(int number) => (await Catalog.GetStudyByKeyAsync(A, $"key{number:D5}", default))!.Value;

    private async Task<int> PublishAsync(Publisher publisher) =>
        await Persistent.RepeatAsync(async () => await new StudyOutbox(Catalog, Commit, publisher, new TestClock()).PublishAsync(default));

    private sealed class Publisher : IEventPublisher
    {
        private readonly Lock _lock = new();

        /// <summary>As they went out, repetitions too.</summary>
        public List<string> Ids { get; } = [];

        public bool Refuses { get; init; }

        /// <summary>Happens between the sending and the clearing.</summary>
        public Func<Task>? Meanwhile { get; set; }

        public async ValueTask PublishAsync(IReadOnlyList<SkylightEvent> events, CancellationToken cancellationToken)
        {
            if (Refuses) throw new NotSupportedException("The receiver refuses.");
            lock (_lock) Ids.AddRange(events.Select(item => item.Id));
            if (Meanwhile is { } act) await act();
        }
    }
}
