using Skylight.Core.Events;
using Skylight.Core.Tests.Ingest;

namespace Skylight.Core.Tests.Events;

/// <summary>What waits in study documents goes out together, and stays there until it has.</summary>
public sealed class StudyOutboxTests
{
    private static readonly string[] s_studies = ["1.2.3", "1.2.4", "1.2.5"];

    [Fact]
    public async Task Publish_EventsOfSeveralStudies_GoOutTogetherAndAreCleared()
    {
        await using var bench = new IngestBench();
        foreach (var uid in s_studies) await bench.SendOne(TestDicom.Ct(study: uid, series: uid + ".1", sop: uid + ".1.1"));
        var publisher = new Publisher();
        var outbox = new StudyOutbox(bench.Catalog, bench.Commit, publisher, bench.Time);
        Assert.Equal(3, await outbox.PublishAsync(default));
        var subjects = Assert.Single(publisher.Calls).Select(item => item.Subject);
        var keys = new List<string>();
        foreach (var uid in s_studies)
        {
            var study = await bench.Study(uid);
            Assert.Empty(study.Outbox);
            keys.Add($"studies/{study.StudyKey}");
        }

        Assert.Equal(keys.Order(), subjects.Order());
        Assert.Equal(0, await outbox.PublishAsync(default));
    }

    [Fact]
    public async Task Publish_PublisherFails_EventsStayAndGoOutTheNextTime()
    {
        await using var bench = new IngestBench();
        foreach (var uid in s_studies) await bench.SendOne(TestDicom.Ct(study: uid, series: uid + ".1", sop: uid + ".1.1"));
        var publisher = new Publisher { Fail = true };
        var outbox = new StudyOutbox(bench.Catalog, bench.Commit, publisher, bench.Time);
        await Assert.ThrowsAsync<IOException>(async () => await outbox.PublishAsync(default));
        foreach (var uid in s_studies) Assert.Single((await bench.Study(uid)).Outbox);
        publisher.Fail = false;
        Assert.Equal(3, await outbox.PublishAsync(default));
        Assert.Equal(publisher.Calls[0].Select(item => item.Id).Order(), publisher.Calls[1].Select(item => item.Id).Order());
    }

    private sealed class Publisher : IEventPublisher
    {
        public List<IReadOnlyList<SkylightEvent>> Calls { get; } = [];

        public bool Fail { get; set; }

        public ValueTask PublishAsync(IReadOnlyList<SkylightEvent> events, CancellationToken cancellationToken)
        {
            Calls.Add(events);
            return Fail ? throw new IOException("The connection broke.") : ValueTask.CompletedTask;
        }
    }
}
