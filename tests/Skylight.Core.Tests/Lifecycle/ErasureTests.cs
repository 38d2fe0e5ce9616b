using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Events;
using Skylight.Core.Ingest;
using Skylight.Core.Institutions;
using Skylight.Core.Lifecycle;
using Skylight.Core.Statistics;
using Skylight.Core.Tests.Ingest;
using Skylight.Core.Tiers;
using Skylight.Core.Uploads;

namespace Skylight.Core.Tests.Lifecycle;

/// <summary>What is erased is nowhere, can be received anew, stays erased through crashes and restores, and is certified.</summary>
public sealed partial class ErasureTests : IDisposable
{
    private const string Name = "Quxiaoming^Erased";
    private const string NameZh = "屈晓明";
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static TestDicom Slice(int number, string study = "1.2.3", string patient = "P-ERASED") =>
        TestDicom.Ct(study: study, series: $"{study}.1", sop: $"{study}.1.{number}", patient: patient, name: $"{Name}={NameZh}");

    [Fact]
    public async Task Erase_LeavesNothingOfThePatientOnDisk()
    {
        await using (var ingest = await OpenAsync())
        {
            await using var bench = new LifecycleBench(ingest: ingest);
            await ingest.Send(Slice(1), Slice(2));
            await ingest.SendOne(Slice(1).With(file => file.Pixels = [7, 7, 7, 7]));
            await ingest.SendOne(Slice(3).Set(0x00081030, "LO", "rewritten"));
            await ingest.SendOne(TestDicom.Ct(study: "1.9", series: "1.9.1", sop: "1.9.1.1", patient: "P-OTHER", name: "Wang^Other"));
            await bench.Reports.WriteAsync(IngestBench.A, "up1", 0, new UploadReportPart { Received = 2, Stored = 2, Series = [new("1.2.3", "1.2.3.1", 2), new("1.9", "1.9.1", 1)] }, default);
            Assert.NotEmpty(Found(Name, "P-ERASED"));

            var erased = await bench.RunAsync((await bench.ApprovedAsync()).Id);
            Assert.Equal((ErasureStatus.Erased, 3, 1, true), (erased.Status, erased.Instances, erased.IntakeItems, erased.PatientErased));
            Assert.Null(await ingest.Catalog.GetStudyAsync(IngestBench.A, "1.2.3", default));
            Assert.Empty(await ingest.Catalog.FindInstancesAsync(IngestBench.A, ["1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.3"], default));
            Assert.Equal(["1.9"], (await bench.Reports.ReadAsync(IngestBench.A, "up1", default)).Studies.Select(study => study.StudyInstanceUid));
            Assert.Equal(1, (await ingest.Study("1.9")).Instances());
            Assert.Empty(await ingest.Keys.IdsAsync(IngestBench.A, erased.StudyKey, default));

            // While the host runs, not only once its files are closed.
            Assert.Empty(Found(Name, "quxiaoming", NameZh, "P-ERASED", "1.2.3.1.2"));
        }

        Assert.Empty(Found(Name, "quxiaoming", NameZh, "P-ERASED", "1.2.3.1.2"));
        Assert.NotEmpty(Found("Wang^Other"));
    }

    [Fact]
    public async Task Erase_IsCertified_AndTheCertificateCannotBeChanged()
    {
        await using var ingest = await OpenAsync();
        await using var bench = new LifecycleBench(ingest: ingest);
        await ingest.Send(Slice(1), Slice(2));
        var keys = await ingest.Keys.IdsAsync(IngestBench.A, (await ingest.Study()).StudyKey, default);
        var erased = await bench.RunAsync((await bench.ApprovedAsync()).Id);
        var certificate = erased.Certificate!;
        Assert.True(await certificate.IsGenuineAsync(ingest.Secrets, default));
        Assert.False(await (certificate with { Instances = 1 }).IsGenuineAsync(ingest.Secrets, default));
        Assert.False(await (certificate with { Mac = new string('0', 64) }).IsGenuineAsync(ingest.Secrets, default));
        Assert.Equal(keys, certificate.KeysDestroyed);
        Assert.Equal((LifecycleBench.By, "hospital-a/second", 1L), (certificate.RequestedBy, certificate.ApprovedBy, certificate.AuditSequence));
        var entry = Assert.Single(bench.Audit.Events);
        Assert.Equal(("erasure.done", erased.Id, erased.StudyKey), (entry.Action, entry.Object, entry.StudyKey));
        Assert.DoesNotContain(Name, System.Text.Json.JsonSerializer.Serialize(erased, DocumentJson.Options), StringComparison.Ordinal);
        Assert.DoesNotContain("1.2.3", System.Text.Json.JsonSerializer.Serialize(erased with { Certificate = null }, DocumentJson.Options), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Erase_KilledAtEveryWrite_GoesOnAndEnds()
    {
        for (var kill = 1; ; kill++)
        {
            var folder = Directory.CreateDirectory(Path.Combine(_folder, $"{kill}")).FullName;
            var writes = 0;
            string id;
            await using (var ingest = await OpenAsync(folder))
            {
                await using var bench = new LifecycleBench(ingest: ingest);
                await ingest.Send(Slice(1), Slice(2));
                id = (await bench.ApprovedAsync()).Id;
            }

            await using (var ingest = await OpenAsync(folder, store => new DyingStore(store, () => ++writes >= kill)))
            {
                await using var bench = new LifecycleBench(
                    ingest: ingest, wrapCommit: inner => new BeforeCommit(inner, DieAsync), wrapDocuments: inner => new BeforePut(inner, _ => DieAsync()));
                try
                {
                    await bench.RunAsync(id);
                    Assert.True(kill > 3);
                    return;
                }
                catch (IOException)
                {
                    // Killed: the next process goes on.
                }
            }

            await using (var ingest = await OpenAsync(folder))
            {
                await using var bench = new LifecycleBench(ingest: ingest);
                Assert.Equal(ErasureStatus.Erased, (await bench.RunAsync(id)).Status);
                Assert.Null(await ingest.Catalog.GetStudyAsync(IngestBench.A, "1.2.3", default));
                Assert.Empty(await ingest.Objects());
                Assert.Equal(OutcomeKind.Stored, (await ingest.SendOne(Slice(1))).Kind);
            }

            Assert.True(kill < 60);

            Task DieAsync() => ++writes >= kill ? throw new IOException("The process died here.") : Task.CompletedTask;
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Erase_IsAnnounced_AndCountedNoMore(bool hiddenBefore)
    {
        await using var ingest = await OpenAsync();
        await using var bench = new LifecycleBench(ingest: ingest);
        await InstitutionAsync(bench);
        await ingest.Send(Slice(1).Set(0x00080020, "DA", "20260101"), Slice(2).Set(0x00080020, "DA", "20260101"));
        var keeper = new StatisticsKeeper(ingest.Catalog, ingest.Documents, bench.Institutions, ingest.Time, NullLogger<StatisticsKeeper>.Instance);
        var key = (await ingest.Study()).StudyKey;
        await keeper.MarkAsync(IngestBench.A, key, default);
        await keeper.CountMarkedAsync(default);
        Assert.Equal("20260101", Assert.Single(await keeper.DaysAsync(IngestBench.A, default)).Day);

        // Nobody has come by to publish before the document goes.
        var deletion = hiddenBefore ? (await bench.DeleteAsync()).Record : null;
        var asked = (await bench.Requests.RequestAsync(IngestBench.A, key, ErasureBasis.ReceivedInError, null, LifecycleBench.By, false, deletion, default)).Erasure!;
        await bench.Requests.ApproveAsync(IngestBench.A, asked.Id, "hospital-a/second", default);
        Assert.Equal(ErasureStatus.Erased, (await bench.RunAsync(asked.Id)).Status);
        Assert.Single(bench.Published.Events, item => item.Type == StudyEventTypes.Deleted && item.Subject == $"studies/{key}");
        await keeper.CountMarkedAsync(default);
        Assert.Empty(await keeper.DaysAsync(IngestBench.A, default));
    }

    [Fact]
    public async Task Receive_AfterErasure_IsANewStudyUnderANewKey_WhichARepetitionLeavesAlone()
    {
        await using var ingest = await OpenAsync();
        await using var bench = new LifecycleBench(ingest: ingest);
        await ingest.Send(Slice(1), Slice(2));
        var erased = await bench.RunAsync((await bench.ApprovedAsync()).Id);
        ingest.Time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(OutcomeKind.Stored, (await ingest.SendOne(Slice(1))).Kind);
        var fresh = await ingest.Keys.IdsAsync(IngestBench.A, erased.StudyKey, default);
        Assert.Empty(fresh.Intersect(erased.Keys));
        await InstitutionAsync(bench);
        Assert.Equal(new ErasureReplay(0, 0, 0), await bench.Erasure.ReplayAsync(default));
        Assert.Equal(["1.2.3.1.1"], await bench.ServedAsync());
        Assert.NotEmpty(await bench.MetadataAsync());
    }

    [Fact]
    public async Task Receive_WithABatchThatWasOpenDuringTheErasure_FailsRatherThanLosing()
    {
        await using var ingest = await OpenAsync();
        await using var bench = new LifecycleBench(ingest: ingest);
        await ingest.Send(Slice(1));
        await using var open = ingest.Service.Open(new IngestContext(IngestBench.A, IngestBench.Source(), null));
        await open.AddInstanceAsync(Slice(2).ToStream(), new IngestName("2"), default);
        await bench.RunAsync((await bench.ApprovedAsync()).Id);
        await Assert.ThrowsAsync<StudyBeingErasedException>(() => open.CommitAsync(default));
        Assert.Equal(OutcomeKind.Stored, (await ingest.SendOne(Slice(2))).Kind);
        Assert.Equal(["1.2.3.1.2"], await bench.ServedAsync());
    }

    [Fact]
    public async Task Erase_ObjectWrittenAfterTheListWasMade_GoesToo()
    {
        await using var ingest = await OpenAsync();
        await using var bench = new LifecycleBench(ingest: ingest);
        await ingest.Send(Slice(1), Slice(2));
        var erasure = await bench.ApprovedAsync();
        SmallObject late;
        using (var key = await ingest.Keys.GetOrCreateAsync(IngestBench.A, erasure.StudyKey, default))
            late = SealedObjectWriter.Seal(SealedName.Folder(IngestBench.A, erasure.StudyKey), key, SealedType.Preview, SealOptions.Default, "late"u8).Object;
        while ((await ingest.Keys.IdsAsync(IngestBench.A, erasure.StudyKey, default)).Count > 0) await bench.Erasure.StepAsync(IngestBench.A, erasure.Id, default);
        using (late) await late.StoreAsync(ingest.Store, default);
        Assert.Equal(ErasureStatus.Erased, (await bench.RunAsync(erasure.Id)).Status);
        Assert.Empty(await NamesAsync(ingest));
    }

    private async Task<IngestBench> OpenAsync(string? folder = null, Func<IObjectStore, IObjectStore>? wrap = null)
    {
        Directory.CreateDirectory(folder ?? _folder);
        var bench = new IngestBench(folder ?? _folder, journal: true, wrapStore: wrap);
        await bench.StartAsync();
        return bench;
    }

    private static async Task InstitutionAsync(LifecycleBench bench) =>
        await bench.RegisterAsync();

    private static async Task<List<string>> NamesAsync(IngestBench ingest)
    {
        var names = new List<string>();
        await foreach (var name in ingest.Store.ListAsync("", default)) names.Add(name);
        return names;
    }

    /// <summary>Files of the data folder that have any of these texts in them, free pages and logs included.</summary>
    private List<string> Found(params string[] texts) =>
        [.. Directory.EnumerateFiles(_folder, "*", SearchOption.AllDirectories).Where(file => Path.GetFileName(file) != "lock" && texts.Any(text => Contains(file, text)))];

    private static bool Contains(string file, string text)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(text)) >= 0;
    }

    private static void Copy(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }

    /// <summary>Fails before a deletion once its time has come.</summary>
    private sealed class DyingStore(IObjectStore inner, Func<bool> dies) : IObjectStore
    {
        public ValueTask<ObjectWriter> CreateAsync(string name, CancellationToken cancellationToken) => inner.CreateAsync(name, cancellationToken);

        public ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken) => inner.ReadAsync(name, offset, destination, cancellationToken);

        public ValueTask<long?> GetLengthAsync(string name, CancellationToken cancellationToken) => inner.GetLengthAsync(name, cancellationToken);

        public ValueTask<bool> DeleteAsync(string name, CancellationToken cancellationToken) =>
            dies() ? throw new IOException("The process died here.") : inner.DeleteAsync(name, cancellationToken);

        public ValueTask SetTierAsync(string name, ObjectTier tier, CancellationToken cancellationToken) => inner.SetTierAsync(name, tier, cancellationToken);

        public ValueTask<ObjectStatus?> GetStatusAsync(string name, CancellationToken cancellationToken) => inner.GetStatusAsync(name, cancellationToken);

        public IAsyncEnumerable<string> ListAsync(string prefix, CancellationToken cancellationToken) => inner.ListAsync(prefix, cancellationToken);
    }
}
