using Microsoft.Extensions.Logging.Abstractions;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Packs;
using Skylight.Archive.Sealing;
using Skylight.Core.Catalog;
using Skylight.Core.Compression;
using Skylight.Core.Documents;
using Skylight.Core.Institutions;
using Skylight.Core.Integrity;
using Skylight.Core.Keys;
using Skylight.Core.Lifecycle;
using Skylight.Core.Retrieve;
using Skylight.Core.Studies;
using Skylight.Core.Tests.Ingest;
using Skylight.Core.Tests.Lifecycle;
using Skylight.Local.Objects;

namespace Skylight.Core.Tests.Integrity;

/// <summary>A whole archive passes; whatever is damaged, missing or contradictory is found and named.</summary>
public sealed class ArchiveVerifierTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private IngestBench _bench = null!;

    public async ValueTask InitializeAsync()
    {
        _bench = new IngestBench(_folder);
        await _bench.Send(Slice(1), Slice(2));
        await _bench.SendOne(Slice(3));
        await _bench.SendOne(Slice(2).Set(0x00081030, "LO", "rewritten"), SourceTrust.Pacs);
        await _bench.SendOne(TestDicom.Ct(study: "1.2.9", series: "1.2.9.1", sop: "1.2.9.1.1"));
    }

    public async ValueTask DisposeAsync()
    {
        await _bench.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData(VerifyDepth.Quick)]
    [InlineData(VerifyDepth.Deep)]
    public async Task Verify_WholeArchive_FindsNothing(VerifyDepth depth)
    {
        var report = await VerifyAsync(depth);
        Assert.Empty(report.Findings);
        Assert.True(report.Ok);
        Assert.Equal((2, 4), (report.Studies, report.Instances));
        Assert.Equal(depth == VerifyDepth.Deep, report.Bytes > 0);
    }

    [Fact]
    public async Task Verify_HeldContent_IsPartOfTheWhole()
    {
        await _bench.SendOne(Slice(1).With(file => file.Pixels = [9, 9, 9, 9]));
        var report = await VerifyAsync(VerifyDepth.Deep);
        Assert.Empty(report.Findings);
    }

    [Fact]
    public async Task Verify_ErasureBrokenOffBehindTheKey_IsANote_AndALostKeyIsNot()
    {
        await using var lifecycle = new LifecycleBench(ingest: _bench);
        var erasure = await lifecycle.ApprovedAsync();
        while ((await _bench.Keys.IdsAsync(IngestBench.A, erasure.StudyKey, default)).Count > 0) await lifecycle.Erasure.StepAsync(IngestBench.A, erasure.Id, default);
        var report = await VerifyAsync(VerifyDepth.Deep);
        Assert.True(report.Ok);
        Assert.Contains(report.Findings, finding => finding.Code == VerifyCode.ErasureUnfinished && finding.StudyKey == erasure.StudyKey);

        await _bench.Keys.DestroyAsync(IngestBench.A, (await _bench.Study("1.2.9")).StudyKey, default);
        Assert.Contains((await VerifyAsync(VerifyDepth.Quick)).Findings, finding => finding is { Code: VerifyCode.KeyMissing, IsError: true });
    }

    [Fact]
    public async Task Verify_FlippedBitInAPack_DeepFindsIt()
    {
        var pack = await FirstPackAsync();
        Flip(pack, 200);
        Assert.True((await VerifyAsync(VerifyDepth.Quick)).Ok);
        var report = await VerifyAsync(VerifyDepth.Deep);
        Assert.False(report.Ok);
        Assert.All(report.Findings, finding => Assert.Equal((VerifyCode.ObjectDamaged, pack), (finding.Code, finding.Object)));
    }

    [Theory]
    [InlineData(".pack", 1)]
    [InlineData(".index", 1)]
    [InlineData(".metadata", 1)]
    public async Task Verify_ShortenedObject_QuickFindsIt(string kind, int by)
    {
        var name = (await _bench.Objects()).First(item => item.EndsWith(kind, StringComparison.Ordinal));
        using (var file = File.Open(PathOf(name), FileMode.Open)) file.SetLength(file.Length - by);
        var report = await VerifyAsync(VerifyDepth.Quick);
        Assert.Contains(report.Findings, finding => finding.IsError && finding.Code == VerifyCode.ObjectDamaged && finding.Object == name);
    }

    [Theory]
    [InlineData(".pack")]
    [InlineData(".index")]
    [InlineData(".metadata")]
    public async Task Verify_MissingObject_IsFound(string kind)
    {
        var name = (await _bench.Objects()).First(item => item.EndsWith(kind, StringComparison.Ordinal));
        File.Delete(PathOf(name));
        var report = await VerifyAsync(VerifyDepth.Quick);
        Assert.Contains(report.Findings, finding => finding.IsError && finding.Code == VerifyCode.ObjectMissing && finding.Object == name);
    }

    [Theory]
    [InlineData(VerifyDepth.Quick)]
    [InlineData(VerifyDepth.Deep)]
    public async Task Verify_ArchivedPack_IsCountedAsNotRead(VerifyDepth depth)
    {
        var pack = await ArchivedAsync();
        var report = await VerifyAsync(depth);
        Assert.True(report.Ok);
        var note = Assert.Single(report.Findings);
        Assert.Equal((VerifyCode.ArchivedNotRead, false, $"1 packs, {pack.Length} bytes"), (note.Code, note.IsError, note.Detail));
        Assert.Equal((1, pack.Length), (report.NotRead, report.NotReadBytes));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(72)]
    [InlineData(88)]
    [InlineData(-1)]
    [InlineData(-16)]
    public async Task Verify_ArchivedPackOfAnotherLength_IsFoundWithoutReadingIt(int length)
    {
        var pack = await ArchivedAsync();
        using (var file = File.Open(ArchivedPathOf(pack.Name), FileMode.Open)) file.SetLength(length < 0 ? file.Length + length : length);
        foreach (var depth in Enum.GetValues<VerifyDepth>())
            Assert.Contains((await VerifyAsync(depth)).Findings, finding => finding is { Code: VerifyCode.ObjectDamaged, IsError: true } && finding.Object == pack.Name);
        File.AppendAllText(ArchivedPathOf(pack.Name), new string('x', 1 << 16));
        Assert.Contains((await VerifyAsync(VerifyDepth.Quick)).Findings, finding => finding is { Code: VerifyCode.ObjectDamaged, Detail: "WrongLength, segment 0" });
    }

    [Fact]
    public async Task Verify_WhereArchivedPacksCanBeRead_ReadsThem()
    {
        var pack = await ArchivedAsync();
        var readable = FolderObjectStore.Open(Path.Combine(_folder, "objects"), new FolderObjectStoreOptions { ReadArchived = true, Fsync = false, MinFreeBytes = 0 }, _bench.Time);
        var whole = await VerifyAsync(VerifyDepth.Deep, readable);
        Assert.Empty(whole.Findings);
        Assert.Equal((0, true), (whole.NotRead, whole.Bytes > pack.Length));
        using (var file = File.Open(ArchivedPathOf(pack.Name), FileMode.Open)) Flip(file, 200);
        Assert.Contains((await VerifyAsync(VerifyDepth.Deep, readable)).Findings, finding => finding is { Code: VerifyCode.ObjectDamaged, IsError: true } && finding.Object == pack.Name);
    }

    [Theory]
    [InlineData(".index")]
    [InlineData(".metadata")]
    public async Task Verify_WhatStaysHotLiesInTheArchive_IsFound(string kind)
    {
        var name = (await _bench.Objects()).First(item => item.EndsWith(kind, StringComparison.Ordinal));
        await _bench.Store.SetTierAsync(name, ObjectTier.Archive, default);
        Assert.Contains((await VerifyAsync(VerifyDepth.Quick)).Findings, finding => finding is { Code: VerifyCode.ObjectArchived, IsError: true } && finding.Object == name);
    }

    [Fact]
    public async Task Verify_MediumDoesNotGiveAnObjectBack_IsFound()
    {
        var pack = await FirstPackAsync();
        var report = await VerifyAsync(VerifyDepth.Deep, new BadMedium(_bench.Store, pack));
        Assert.Contains(report.Findings, finding => finding is { Code: VerifyCode.ObjectDamaged, IsError: true, Detail: "the medium does not give it back" } && finding.Object == pack);
    }

    [Fact]
    public async Task Verify_UnreferencedObject_IsANoteOnly()
    {
        var study = await _bench.Study();
        var stray = $"{IngestBench.A}/{study.StudyKey}/{new string('a', 32)}.pack";
        File.WriteAllBytes(PathOf(stray), [1, 2, 3]);
        var report = await VerifyAsync(VerifyDepth.Deep);
        var finding = Assert.Single(report.Findings);
        Assert.Equal((VerifyCode.ObjectUnreferenced, false, stray), (finding.Code, finding.IsError, finding.Object));
        Assert.True(report.Ok);
    }

    [Fact]
    public async Task Verify_KeyRecordGone_NamesTheStudy()
    {
        var study = await _bench.Study();
        await _bench.Keys.DestroyAsync(IngestBench.A, study.StudyKey, default);
        var report = await VerifyAsync(VerifyDepth.Quick);
        Assert.Contains(report.Findings, finding => finding.Code == VerifyCode.KeyMissing && finding.StudyKey == study.StudyKey);
    }

    [Fact]
    public async Task Verify_RowsAndDocumentDisagree_IsFound()
    {
        var study = await _bench.Study();
        var rows = await _bench.Catalog.FindInstancesAsync(IngestBench.A, [Uid(1), Uid(3)], default);
        await _bench.Catalog.ApplyAsync(
            StudyChange.Of(
                study,
                study with { Series = [study.Series[0] with { Instances = 7 }] },
                [rows[0] with { State = InstanceState.Superseded }, rows[1] with { SopInstanceUid = "1.2.3.1.99" }]),
            default);
        var report = await VerifyAsync(VerifyDepth.Quick);
        Assert.Equal(
            [VerifyCode.EntryMissing, VerifyCode.InstanceCount, VerifyCode.RowState],
            report.Findings.Select(finding => finding.Code).Distinct().Order(StringComparer.Ordinal));
        Assert.DoesNotContain(report.Findings, finding => finding.ToString().Contains("1.2.3", StringComparison.Ordinal));
    }

    private static string Uid(int number) => $"1.2.3.1.{number}";

    private static TestDicom Slice(int number) => TestDicom.Ct(study: "1.2.3", series: "1.2.3.1", sop: Uid(number));

    private string PathOf(string name) => Path.Combine(_folder, "objects", name);

    private string ArchivedPathOf(string name) => Path.Combine(_folder, "objects-archive", name);

    private async Task<SealedReference> ArchivedAsync()
    {
        var pack = (await _bench.Entries(await _bench.Study()))[0].Pack;
        await _bench.Store.SetTierAsync(pack.Name, ObjectTier.Archive, default);
        return pack;
    }

    private void Flip(string name, long offset)
    {
        using var file = File.Open(PathOf(name), FileMode.Open);
        Flip(file, offset);
    }

    private static void Flip(FileStream file, long offset)
    {
        file.Position = offset;
        var value = file.ReadByte();
        file.Position = offset;
        file.WriteByte((byte)(value ^ 1));
    }

    [Theory]
    [InlineData(DeletionLevel.Study)]
    [InlineData(DeletionLevel.Instances)]
    public async Task Verify_WhatWasErasedIsBack_SaysSo(DeletionLevel level)
    {
        var study = await _bench.Study();
        var erased = new ErasedContent(_bench.Catalog, _bench.Documents, _bench.Store, _bench.Keys, _bench.Parts, _bench.Secrets);
        var erasure = new ErasureRecord
        {
            Institution = IngestBench.A, Id = "e1", StudyKey = study.StudyKey, PatientKey = study.PatientKey, Level = level, Basis = ErasureBasis.LegalOrder, Status = ErasureStatus.Erased,
            RequestedBy = "hospital-a/one", StudyCreatedAt = study.CreatedAt,
        };
        if (level != DeletionLevel.Study) erasure = await erased.MarkAsync(erasure, study, new HashSet<(string, int, string)> { Deletions.Identity((await _bench.Entries(study))[0]) }, default);
        await _bench.Documents.PutAsync(new DocumentKey(IngestBench.A, ErasureRecord.Type, "e1"), erasure, Match.Any, ErasureRequests.Terms(erasure), default);
        var finding = Assert.Single((await VerifyAsync(VerifyDepth.Quick)).Findings, finding => finding.IsError);
        Assert.Equal((VerifyCode.ErasedIsBack, study.StudyKey, "erasure e1"), (finding.Code, finding.StudyKey, finding.Detail));
    }

    private async Task<string> FirstPackAsync() => (await _bench.Entries(await _bench.Study()))[0].Pack.Name;

    private async Task<VerifyReport> VerifyAsync(VerifyDepth depth, IObjectStore? other = null)
    {
        // A verifier of its own: nothing that was read before is remembered.
        var store = other ?? _bench.Store;
        var (packs, parts) = (new PackReader(store, _bench.Keys, Pictures.Codecs()), new StudyParts(store, _bench.Keys));
        var records = new DocumentKeyRecords(_bench.Documents);
        var bytes = new InstanceBytes(packs, NullLogger<InstanceBytes>.Instance);
        var studies = new StudyVerifier(_bench.Catalog, _bench.Documents, parts, store, _bench.Keys, records, bytes);
        var retired = new RetiredObjects(_bench.Documents, _bench.Catalog, parts, store, _bench.Time, NullLogger<RetiredObjects>.Instance);
        var verifier = new ArchiveVerifier(studies, _bench.Catalog, store, _bench.Keys, records, new InstitutionDirectory(_bench.Documents), _bench.Items, retired,
            new ErasedContent(_bench.Catalog, _bench.Documents, store, _bench.Keys, parts, _bench.Secrets), _bench.Time);
        return await verifier.VerifyAsync([IngestBench.A], depth, default);
    }

    /// <summary>A store whose medium does not give one object back.</summary>
    private sealed class BadMedium(IObjectStore inner, string bad) : IObjectStore
    {
        public ValueTask<ObjectWriter> CreateAsync(string name, CancellationToken cancellationToken) => inner.CreateAsync(name, cancellationToken);

        public ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken) =>
            name == bad ? throw new ObjectUnreadableException(name, new IOException("EIO")) : inner.ReadAsync(name, offset, destination, cancellationToken);

        public ValueTask<long?> GetLengthAsync(string name, CancellationToken cancellationToken) => inner.GetLengthAsync(name, cancellationToken);

        public ValueTask<bool> DeleteAsync(string name, CancellationToken cancellationToken) => inner.DeleteAsync(name, cancellationToken);

        public IAsyncEnumerable<string> ListAsync(string prefix, CancellationToken cancellationToken) => inner.ListAsync(prefix, cancellationToken);

        public ValueTask SetTierAsync(string name, ObjectTier tier, CancellationToken cancellationToken) => inner.SetTierAsync(name, tier, cancellationToken);

        public ValueTask<ObjectStatus?> GetStatusAsync(string name, CancellationToken cancellationToken) => inner.GetStatusAsync(name, cancellationToken);
    }
}
