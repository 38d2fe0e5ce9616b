using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Skylight.Archive.Sealing;
using Skylight.Core.Catalog;
using Skylight.Core.Compression;
using Skylight.Core.Documents;
using Skylight.Core.Lifecycle;
using Skylight.Core.Lifecycle.Corrections;
using Skylight.Core.Retrieve;
using Skylight.Core.Tests.Compression;
using Skylight.Core.Tests.Ingest;
using Skylight.Core.Tests.Lifecycle;
using Skylight.Local.Catalog;
using Skylight.Local.Sqlite;

namespace Skylight.Core.Tests.Catalog;

/// <summary>Whatever users and senders do to studies, in whatever order: the catalog made again from the archive is the one that they made.</summary>
public sealed class RebuildPropertyTests : IAsyncLifetime
{
    private const int Operations = 40;
    private readonly Breaks _breaks = new();
    private readonly IngestBench _bench;
    private readonly LifecycleBench _lifecycle;
    private readonly InstanceVersions _versions;
    private readonly CompressionBench _compression;
    private readonly List<string> _done = [];
    private readonly List<string> _applied = [];
    private Random _random = new(0);
    private Random? _broken;
    private int _notes;

    public RebuildPropertyTests()
    {
        _bench = new IngestBench(wrapStore: store => new BreakingStore(store, _breaks), wrapCommit: commit => new BreakingCommit(commit, _breaks));
        _lifecycle = new LifecycleBench(ingest: _bench);
        _compression = new CompressionBench(_bench);
        _versions = new InstanceVersions(_bench.Catalog, _bench.Commit, _bench.Documents, _bench.Parts, _bench.Store, _bench.Keys, _bench.Time);
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _lifecycle.DisposeAsync();
        await _bench.DisposeAsync();
    }

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 8)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Rebuild_AfterRandomOperations_IsEqualInAllThatCanBeDerived(int seed)
    {
        _random = new Random(seed);
        for (var i = 0; i < Operations; i++)
        {
            _bench.Time.Advance(TimeSpan.FromMinutes(7));
            await StepAsync();
            if (i % 10 == 9) await CompareAsync($"again{i}.db");
        }
    }

    /// <summary>Objects of rewritings that broke off lie about, whole or in part, and nothing says which of them were committed but the catalog, where there is one.</summary>
    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Rebuild_WhenRewritingsBreakOff_LosesNothing_AndChangesNothingOfAWholeCatalog(int seed)
    {
        (_random, _broken) = (new Random(seed), new Random(1000 + seed));
        for (var i = 0; i < Operations; i++)
        {
            _bench.Time.Advance(TimeSpan.FromMinutes(7));
            await StepAsync();
            if (i % 10 == 9) await CompareAsync($"again{i}.db");
        }
    }

    private async Task CompareAsync(string name)
    {
        await using var file = SqliteDatabase.Open(Path.Combine(_bench.DataFolder, name), SqliteDurability.Full, SqliteCatalog.Schema);
        var again = new SqliteCatalog(file);
        var rebuilt = await Rebuild(again).RunAsync(null, write: true, default);
        Assert.True(rebuilt is { Ok: true, Records: 0 }, Told(rebuilt.Unreadable, [$"{rebuilt.Records} records made anew"]));
        foreach (var key in await _bench.Catalog.ListStudyKeysAsync(IngestBench.A, "", 100, default))
        {
            var before = (await _bench.Catalog.GetStudyByKeyAsync(IngestBench.A, key, default))!.Value;
            var after = (await again.GetStudyByKeyAsync(IngestBench.A, key, default))?.Value;
            Assert.True(after is not null, Told(["a study is not there any more"]));
            Assert.Equal(before.CreatedAt, after.CreatedAt);

            if (_broken is not null)
            {
                // Which of two equal parts it takes is anybody's guess.
                (before, after) = (Bare(before), Bare(after));
                Assert.True(!DerivedFields.Differences(after, before with { Corrections = before.Corrections is null ? null : after.Corrections }).Any(), Told(DerivedFields.Differences(after, before).Select(field => $"{field}: {Json(before, field)}\n  again: {Json(after, field)}")));
                continue;
            }

            var bare = before.Series.SelectMany(series => series.Parts).Where(part => !after.Series.SelectMany(series => series.Parts).Contains(part)).Select(part => part.Index).ToHashSet();
            Assert.All(bare, index => Assert.Contains(after.Series.SelectMany(series => series.Parts), part => part.Index == index));
            (before, after) = (DerivedFields.Without(before, bare), DerivedFields.Without(after, bare));

            // A list of corrections that was replaced within the day may have the same content as the one in force.
            var differences = DerivedFields.Differences(after, before with { Corrections = before.Corrections is null ? null : after.Corrections }).ToList();
            Assert.True(differences.Count == 0 && (before.Corrections is null) == (after.Corrections is null), Told(differences, differences.Select(field => $"{field}: {Json(before, field)}\n  again: {Json(after, field)}")));
        }

        var (stored, made) = (await _bench.Catalog.ListInstancesAsync(IngestBench.A, "", 1000, default), await again.ListInstancesAsync(IngestBench.A, "", 1000, default));
        Assert.True(DerivedFields.Same(stored, made), Told(["rows"], stored.Select(Row).Except(made.Select(Row)), ["again"], made.Select(Row).Except(stored.Select(Row))));
        var own = await Rebuild(_bench.Catalog).RunAsync(null, write: false, default);
        Assert.True(own.Ok, Told(own.Different, own.Unreadable));
    }

    private Task StepAsync() => _random.Next(15) switch
    {
        < 3 => SendAsync(),
        3 => ReviseAsync(),
        4 or 5 => RestoreVersionAsync(),
        6 or 7 => DeleteAsync(),
        8 => RestoreAsync(),
        9 => CorrectAsync(),
        10 => UndoAsync(),
        11 => _random.Next(2) == 0 ? RejectAsync() : BreakOffAsync(MergeAsync),
        12 or 13 => BreakOffAsync(CompressAsync),
        _ => BreakOffAsync(ResealAsync),
    };

    private Task SendAsync() => SendAsync("send", Slice(Study(), Series(), 1 + _random.Next(6)));

    /// <summary>The same instance with other attributes, by a source that is trusted as much, more or less.</summary>
    private Task ReviseAsync() => SendAsync("revise", Slice(Study(), Series(), 1 + _random.Next(4)).Set(0x00081030, "LO", $"rewritten {_random.Next(100)}").Set(0x0008103E, "LO", $"series {_random.Next(100)}"));

    private async Task SendAsync(string what, TestDicom file)
    {
        var trust = (SourceTrust)_random.Next(3);
        var outcome = await _bench.SendOne(file, trust);
        _done.Add($"{what} {outcome.SopInstanceUid} {trust}: {outcome.Kind} {outcome.Reason?.Code}");
    }

    private async Task RestoreVersionAsync()
    {
        var target = new RetrieveTarget(Study(), null, null);
        target = target with { SeriesInstanceUid = $"{target.StudyInstanceUid}.{Series()}" };
        target = target with { SopInstanceUid = $"{target.SeriesInstanceUid}.{1 + _random.Next(4)}" };
        var revision = 1 + _random.Next(2);
        _done.Add($"version {target.SopInstanceUid} {revision}: {(await _versions.RestoreAsync(IngestBench.A, target, revision, default)).Outcome}");
    }

    private async Task DeleteAsync()
    {
        var (study, series, level) = (Study(), Series(), _random.Next(5));
        var target = new RetrieveTarget(study, level > 0 ? $"{study}.{series}" : null, level > 1 ? $"{study}.{series}.{1 + _random.Next(6)}" : null);
        _done.Add($"delete {target}: {(await _lifecycle.Deletions.DeleteAsync(IngestBench.A, target, DeletionReason.Unspecified, LifecycleBench.By, default)).Outcome}");
    }

    private async Task RestoreAsync()
    {
        var hidden = (await _lifecycle.Deletions.ListAsync(IngestBench.A, DeletionStatus.Hidden, 100, null, default)).Items;
        if (hidden.Count == 0) return;
        var record = hidden[_random.Next(hidden.Count)].Value;
        _done.Add($"restore {record.Level} {record.Reason}: {await _lifecycle.Deletions.RestoreAsync(IngestBench.A, record.Id, LifecycleBench.By, default)}");
    }

    private async Task CorrectAsync()
    {
        if (await _bench.Catalog.GetStudyAsync(IngestBench.A, Study(), default) is not { Value: var study } || !study.IsVisible()) return;
        var series = study.Series[_random.Next(study.Series.Count)].SeriesInstanceUid;
        var order = _random.Next(2) == 0
            ? new CorrectionOrder(CorrectionScope.Study, null, null, CorrectionReason.Correct, null, new Dictionary<string, string> { [_random.Next(3) == 0 ? "PatientID" : "StudyDescription"] = $"C{_random.Next(9)}" })
            : new CorrectionOrder(CorrectionScope.Series, series, null, CorrectionReason.Correct, null, new Dictionary<string, string> { ["SeriesDescription"] = $"D{_random.Next(9)}" });
        var proposed = await _lifecycle.Corrections.ProposeAsync(IngestBench.A, study.StudyKey, order, LifecycleBench.By, null, default);
        _done.Add($"correct {order.Scope} {string.Join(',', order.Values.Keys)}: {proposed.Refusal}");
        if (proposed.Record is not { } record) return;
        await _lifecycle.Corrections.ApproveAsync(IngestBench.A, record.Correction.Id, "hospital-a/second", default);
        _applied.Add(record.Correction.Id);
    }

    private async Task UndoAsync()
    {
        if (_applied.Count == 0) return;
        var id = _applied[_random.Next(_applied.Count)];
        var undone = await _lifecycle.Corrections.UndoAsync(IngestBench.A, id, "hospital-a/second", default);
        if (undone.Refusal is null) _applied.Remove(id);
        _done.Add($"undo: {undone.Refusal}");
    }

    private async Task RejectAsync()
    {
        var study = Study();
        var code = _random.Next(4) switch { 0 => "113001", 1 => "113037", 2 => "113038", _ => "113039" };
        var note = RejectionTests.KeyObjectOf(code, "DCM", $"1.2.9.{++_notes}", [$"{study}.{Series()}.{1 + _random.Next(9)}", $"{study}.{Series()}.{1 + _random.Next(9)}"], evidence: study, study: _random.Next(4) == 0 ? Study() : study);
        var outcome = Assert.Single(await _bench.Send(SourceTrust.Modality, note));
        _done.Add($"reject {code}: {outcome.Kind} {outcome.Reason?.Code}");
    }

    private async Task MergeAsync()
    {
        foreach (var key in await _bench.Catalog.ListStudyKeysAsync(IngestBench.A, "", 100, default)) await _lifecycle.Merge.MergeAsync(IngestBench.A, key, default);
        _done.Add("merge");
    }

    /// <summary>In pieces of a few instances, so that a series is left half rewritten again and again, or at once; sometimes only the first piece.</summary>
    private async Task CompressAsync()
    {
        if (Pictures.Codecs().Named("jpeg-ls")!.Missing is not null) return;
        _compression.PieceBytes = _random.Next(3) switch { 0 => 1, 1 => 2_000, _ => 1 << 30 };
        await _compression.PolicyAsync("jpeg-ls", 1 + _random.Next(2));
        foreach (var key in await _bench.Catalog.ListStudyKeysAsync(IngestBench.A, "", 100, default)) _done.Add($"compress {_compression.PieceBytes}: {(await _compression.CompressAsync(key)).Coded}");
    }

    private async Task BreakOffAsync(Func<Task> work)
    {
        if (_broken is not null && _broken.Next(2) == 0) _breaks.After = _broken.Next(12);
        try
        {
            await work();
        }
        catch (BreakException)
        {
            _done.Add($"broken off after {_breaks.After}");
        }

        _breaks.After = int.MaxValue;
    }

    private async Task ResealAsync()
    {
        foreach (var key in await _bench.Catalog.ListStudyKeysAsync(IngestBench.A, "", 100, default))
        {
            await _bench.Keys.AddKeyAsync(IngestBench.A, key, _bench.Time.GetUtcNow(), default);
            _done.Add($"reseal: {await _lifecycle.Merge.ResealAsync(IngestBench.A, key, SealOptions.Default, default)}");
        }
    }

    private string Study() => $"1.2.{3 + _random.Next(2)}";

    private int Series() => 1 + _random.Next(2);

    private static TestDicom Slice(string study, int series, int number) =>
        TestDicom.Ct(study: study, series: $"{study}.{series}", sop: $"{study}.{series}.{number}").Set(0x00200013, "IS", $"{number}").Set(0x0008103E, "LO", $"as made {series}")
            .Set(0x00080060, "CS", series == 1 ? "CT" : "PT").Set(0x00180015, "CS", $"PART{number}");

    private CatalogRebuild Rebuild(ICatalog catalog) =>
        new(catalog, _bench.Store, _bench.Documents, _bench.Service, _bench.Items, _bench.Parts, _bench.Keys, _lifecycle.Retired, NullLogger<CatalogRebuild>.Instance);

    private static StudyDocument Bare(StudyDocument study) => study with { Series = [.. study.Series.Select(series => series with { Parts = [] })] };

    private static string Row(InstanceIndexRow row) => $"{row.SopInstanceUid} {row.State} {row.Revision} {row.Trust} {row.SeriesKey} {Convert.ToHexString(row.DatasetDigest)[..8]}";

    private static string Json(StudyDocument study, string field) => JsonSerializer.SerializeToNode(study, DocumentJson.Options)![field]?.ToJsonString(DocumentJson.Options) ?? "";

    private string Told(params IEnumerable<string>[] more) => string.Join('\n', more.SelectMany(lines => lines).Concat(_done));
}
