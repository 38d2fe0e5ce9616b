using Skylight.Core.Catalog;
using Skylight.Core.Ingest;
using Skylight.Core.Lifecycle;
using Skylight.Core.Retrieve;
using Skylight.Core.Tests.Ingest;

namespace Skylight.Core.Tests.Lifecycle;

/// <summary>Rejection notes and deletions across studies, in random order: an instance is served as long as nothing in force says otherwise.</summary>
public sealed class RejectionHistoryTests
{
    private static readonly string[] s_studies = ["1.2.3", "1.2.4", "1.2.5"];
    private static readonly string[] s_titles = ["113001", "113037", "113038", "113039"];

    [Fact]
    public async Task Restore_OfWhatNotesOfThreeStudiesReject_ShowsItWhenTheLastIsTakenBack()
    {
        await using var bench = await BenchAsync();
        foreach (var (study, note) in new[] { ("1.2.4", "1.2.4.9.1"), ("1.2.5", "1.2.5.9.1"), ("1.2.3", "1.2.3.9.1") })
            await bench.Ingest.Send(SourceTrust.Modality, RejectionTests.KeyObjectOf("113037", "DCM", note, ["1.2.3.1.1"], study: study));
        var records = await HiddenAsync(bench, (await bench.Ingest.Study()).StudyKey);
        Assert.Equal(3, records.Count);
        for (var i = 0; i < 3; i++)
        {
            Assert.DoesNotContain("1.2.3.1.1", await bench.ServedAsync());

            // The newest first: what the first one hid goes over to the others.
            Assert.Equal(RestoreOutcome.Restored, await bench.Deletions.RestoreAsync(IngestBench.A, records[i].Id, LifecycleBench.By, default));
        }

        Assert.Contains("1.2.3.1.1", await bench.ServedAsync());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public async Task Random_NotesDeletionsAndRestores_ServeWhatNothingInForceRejects(int seed)
    {
        var random = new Random(seed);
        await using var bench = await BenchAsync();
        var images = s_studies.SelectMany(study => (string[])[$"{study}.1.1", $"{study}.1.2"]).ToArray();
        var grounds = images.ToDictionary(uid => uid, _ => new HashSet<string>());
        for (var step = 1; step <= 40; step++)
        {
            var hidden = await HiddenAsync(bench, null);
            if (random.Next(3) == 0 && hidden.Count > 0)
            {
                var record = hidden[random.Next(hidden.Count)];
                Assert.Equal(RestoreOutcome.Restored, await bench.Deletions.RestoreAsync(IngestBench.A, record.Id, LifecycleBench.By, default));
                foreach (var uid in images.Where(uid => uid.StartsWith(record.StudyInstanceUid!, StringComparison.Ordinal))) grounds[uid].Remove(record.RejectionNote ?? record.Id);
            }
            else if (random.Next(4) == 0)
            {
                var uid = images[random.Next(images.Length)];
                var deleted = await bench.Deletions.DeleteAsync(IngestBench.A, new RetrieveTarget(uid[..5], $"{uid[..5]}.1", uid), DeletionReason.Unspecified, LifecycleBench.By, default);
                Assert.Equal(grounds[uid].Count == 0, deleted.Outcome == DeletionOutcome.Hidden);
                if (deleted.Record is { } record) grounds[uid].Add(record.Id);
            }
            else
            {
                var (own, about) = (s_studies[random.Next(3)], s_studies[random.Next(3)]);
                var named = random.Next(3) == 0 ? [$"{about}.1.1", $"{about}.1.2"] : new[] { $"{about}.1.{random.Next(1, 3)}" };
                var note = $"{own}.9.{step}";
                Assert.Equal(OutcomeKind.Stored, Assert.Single(await bench.Ingest.Send(SourceTrust.Modality, RejectionTests.KeyObjectOf(s_titles[random.Next(4)], "DCM", note, named, about, own))).Kind);
                foreach (var uid in named) grounds[uid].Add(note);
            }

            foreach (var study in s_studies)
                Assert.Equal(images.Where(uid => uid.StartsWith(study, StringComparison.Ordinal) && grounds[uid].Count == 0), await ServedAsync(bench, study));
        }

        // Whatever is left is brought back, in any order.
        while (await HiddenAsync(bench, null) is { Count: > 0 } left) await bench.Deletions.RestoreAsync(IngestBench.A, left[random.Next(left.Count)].Id, LifecycleBench.By, default);
        foreach (var study in s_studies) Assert.Equal([$"{study}.1.1", $"{study}.1.2"], await ServedAsync(bench, study));
    }

    private static async Task<LifecycleBench> BenchAsync()
    {
        var bench = new LifecycleBench();
        foreach (var study in s_studies)
            foreach (var number in (int[])[1, 2]) await bench.Ingest.SendOne(TestDicom.Ct(study: study, series: $"{study}.1", sop: $"{study}.1.{number}"));
        return bench;
    }

    /// <summary>Deletions in force, of one study or of all, covered ones too; the newest first.</summary>
    private static async Task<List<DeletionRecord>> HiddenAsync(LifecycleBench bench, string? studyKey)
    {
        var hidden = await bench.Deletions.ListAsync(IngestBench.A, DeletionStatus.Hidden, 200, null, default);
        var covered = await bench.Deletions.ListAsync(IngestBench.A, DeletionStatus.Covered, 200, null, default);
        return [.. hidden.Items.Concat(covered.Items).Select(item => item.Value)
            .Where(record => studyKey is null || record.StudyKey == studyKey).OrderByDescending(record => record.RejectionNote, StringComparer.Ordinal)];
    }

    private static async Task<string[]> ServedAsync(LifecycleBench bench, string study) =>
        await bench.Retrieval.FindAsync(IngestBench.A, new RetrieveTarget(study, $"{study}.1"), default) is { } found ? [.. found.Instances.Select(item => item.Entry.SopInstanceUid).Order(StringComparer.Ordinal)] : [];
}
