using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Core.Documents;
using Skylight.Core.Events;
using Skylight.Core.Institutions;
using Skylight.Core.Integrity;
using Skylight.Core.Lifecycle;
using Skylight.Core.Tests.Ingest;
using Skylight.Core.Tests.Lifecycle;
using Skylight.Local.Objects;

namespace Skylight.Core.Tests.Integrity;

/// <summary>What a reader finds damaged it reads from the second copy, and the first is mended behind its back; nothing that is being erased comes back by it.</summary>
public sealed class ReadRepairTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly string _second = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly List<SkylightEvent> _events = [];
    private FallenBack _names = null!;
    private IngestBench _bench = null!;
    private FolderObjectStore _replica = null!;
    private FullStore _first = null!;
    private Scrub _scrub = null!;
    private ReadRepair _repair = null!;
    private string _studyKey = "";

    public async ValueTask InitializeAsync()
    {
        var time = new ManualTime();
        _names = new FallenBack(time, new Meters());
        _replica = FolderObjectStore.Open(_second, new FolderObjectStoreOptions { Fsync = false, MinFreeBytes = 0 }, time);
        _bench = new IngestBench(_folder, store => new MirroredObjectStore(_first = new FullStore(store), _replica, _names.Add));
        _scrub = new Scrub(
            _bench.Catalog, new InstitutionDirectory(_bench.Documents), _bench.Parts, _bench.Documents, _bench.Store, _bench.Keys, new Publisher(_events), Options.Create(new ScrubOptions()),
            _bench.Time, new Meters(), NullLogger<Scrub>.Instance, _replica);
        _repair = new ReadRepair(_names, _scrub, NullLogger<ReadRepair>.Instance);
        await new InstitutionDirectory(_bench.Documents).PutAsync(
            new Institution(1, IngestBench.A, "医院", null, null, "Asia/Shanghai", LegalProfile.CnStrict, [], DateTimeOffset.UnixEpoch), Match.None, default);
        await _bench.Send(TestDicom.Ct(sop: "1.2.3.1.1"), TestDicom.Ct(sop: "1.2.3.1.2"));
        _studyKey = (await _bench.Study()).StudyKey;
        var copies = new Replica(
            _bench.Catalog, new InstitutionDirectory(_bench.Documents), _bench.Parts, _bench.Documents, _bench.Store, _bench.Keys, Options.Create(new ScrubOptions()), _bench.Time, new Meters(),
            NullLogger<Replica>.Instance, _replica);
        Assert.Equal(3, await copies.StepAsync(default));
    }

    public async ValueTask DisposeAsync()
    {
        _repair.Dispose();
        _scrub.Dispose();
        await _bench.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
        Directory.Delete(_second, recursive: true);
    }

    [Theory]
    [InlineData(".pack", 20)]
    [InlineData(".pack", 100)]
    [InlineData(".pack", -1)]
    [InlineData(".index", 90)]
    [InlineData(".index", -1)]
    public async Task Read_DamagedOrMissing_IsServedAndMended_Once(string kind, int at)
    {
        var name = await NameAsync(kind);
        var whole = await File.ReadAllBytesAsync(PathOf(name));
        if (at < 0) File.Delete(PathOf(name));
        else Flip(PathOf(name), at);
        await AssertReadsAsync();
        await AssertReadsAsync();
        Assert.Equal([name], await RepairAsync());
        Assert.Equal(whole, await File.ReadAllBytesAsync(PathOf(name)));
        Assert.Equal("archive.object-repaired", Assert.Single(_events).Type);
        var record = Assert.Single(await DamageAsync());
        Assert.Equal((name, "first", true), (record.Object, record.Copy, record.RepairedAt is not null));

        // Whole again: nobody falls back any more.
        await AssertReadsAsync();
        Assert.Empty(await RepairAsync());
        Assert.Equal(at >= 0, File.Exists(PathOf(ObjectCheck.Kept + name)));
    }

    [Fact]
    public async Task Read_DamagedInBoth_IsThePreciseError_AndNothingIsWritten()
    {
        var name = await NameAsync(".pack");
        Flip(PathOf(name), 100);
        Flip(Path.Combine(_second, name), 100);
        var damaged = await File.ReadAllBytesAsync(PathOf(name));
        var error = await Assert.ThrowsAsync<SealedObjectException>(AssertReadsAsync);
        Assert.Equal((name, 0L, SealedFault.NotAuthentic), (error.Name, error.Segment, error.Fault));
        Assert.Empty(await RepairAsync());
        Assert.Equal(damaged, await File.ReadAllBytesAsync(PathOf(name)));
        Assert.False(await _scrub.ObjectAsync(name, default));
        Assert.Equal(damaged, await File.ReadAllBytesAsync(PathOf(name)));
        Assert.Equal("archive.object-damaged", Assert.Single(_events).Type);
    }

    [Fact]
    public async Task Read_FirstHasNoRoom_IsServedAllTheSame_AndTriedAgainLaterOnly()
    {
        var name = await NameAsync(".pack");
        File.Delete(PathOf(name));
        _first.IsFull = true;
        await AssertReadsAsync();
        Assert.Equal([name], await RepairAsync());
        await AssertReadsAsync();
        Assert.Empty(await RepairAsync());
        _first.IsFull = false;
        var names = new FallenBack(_bench.Time, new Meters());
        names.Add(name);
        names.Done(name, whole: false);
        names.Add(name);
        Assert.Equal([name], Taken(names));
        _bench.Time.Advance(FallenBack.RetryAfter);
        names.Add(name);
        Assert.Equal([name], Taken(names));
        Assert.True(await _scrub.ObjectAsync(name, default));
        Assert.True(File.Exists(PathOf(name)));
    }

    [Theory]
    [InlineData(ErasureStep.DestroyKey)]
    [InlineData(ErasureStep.Catalog)]
    [InlineData(ErasureStep.Objects)]
    [InlineData(ErasureStep.Certify)]
    public async Task Repair_WhileAnErasureIsUnderWay_WritesNothing(ErasureStep step)
    {
        var name = await NameAsync(".pack");
        await using var bench = new LifecycleBench(ingest: _bench, replica: _replica);
        var erasure = await bench.ApprovedAsync();
        while ((await bench.Erasure.GetAsync(IngestBench.A, erasure.Id, default))!.Value.Step != step) await bench.Erasure.StepAsync(IngestBench.A, erasure.Id, default);
        File.Delete(PathOf(name));
        await RepairOneAsync(name);
        Assert.False(File.Exists(PathOf(name)));
        Assert.Equal(ErasureStatus.Erased, (await bench.RunAsync(erasure.Id)).Status);
        await RepairOneAsync(name);
        Assert.Empty(await _bench.Objects());
        Assert.Empty(Directory.EnumerateFiles(_second, "*.pack", SearchOption.AllDirectories));
        Assert.Empty(_events);
    }

    [Fact]
    public async Task Repair_ErasedWhileItWrites_TakesItBack()
    {
        var name = await NameAsync(".pack");
        File.Delete(PathOf(name));
        await using var bench = new LifecycleBench(ingest: _bench, replica: _replica);
        var erasure = await bench.ApprovedAsync();
        await _bench.Documents.PutAsync(
            new DocumentKey(IngestBench.A, ErasureRecord.Type, erasure.Id), erasure with { Status = ErasureStatus.Requested }, Match.Any, ErasureRequests.Terms(erasure with { Status = ErasureStatus.Requested }), default);
        _first.BeforeCommit = () => _bench.Documents.PutAsync(new DocumentKey(IngestBench.A, ErasureRecord.Type, erasure.Id), erasure, Match.Any, ErasureRequests.Terms(erasure), default).AsTask();
        await RepairOneAsync(name);
        Assert.False(File.Exists(PathOf(name)));
        _first.BeforeCommit = null;
        Assert.Equal(ErasureStatus.Erased, (await bench.RunAsync(erasure.Id)).Status);
        Assert.Empty(await _bench.Objects());
    }

    [Fact]
    public async Task Erasure_OfInstances_TakesTheDamagedBytesThatWereKept()
    {
        var name = await NameAsync(".pack");
        Flip(PathOf(name), 100);
        Flip(Path.Combine(_second, await NameAsync(".index")), 90);
        await AssertReadsAsync();
        await RepairAsync();
        await _scrub.StudyAsync(IngestBench.A, _studyKey, default);
        Assert.True(File.Exists(PathOf(ObjectCheck.Kept + name)));
        Assert.NotEmpty(Directory.GetFiles(Path.Combine(_second, "damaged"), "*", SearchOption.AllDirectories));
        await using var bench = new LifecycleBench(ingest: _bench, replica: _replica);
        var deletion = (await bench.DeleteAsync("1.2.3.1", "1.2.3.1.2")).Record!;
        var asked = await bench.Requests.RequestAsync(IngestBench.A, _studyKey, ErasureBasis.ReceivedInError, null, LifecycleBench.By, false, deletion, default);
        await bench.Requests.ApproveAsync(IngestBench.A, asked.Erasure!.Id, "hospital-a/second", default);
        Assert.Equal(ErasureStatus.Erased, (await bench.RunAsync(asked.Erasure.Id)).Status);
        Assert.False(File.Exists(PathOf(ObjectCheck.Kept + name)));
        Assert.Empty(Directory.GetFiles(Path.Combine(_second, "damaged"), "*", SearchOption.AllDirectories));
        Assert.Equal("1.2.3.1.1", Assert.Single(await _bench.Entries(await _bench.Study())).SopInstanceUid);
    }

    /// <summary>Looks at what has been reported so far; answers the names.</summary>
    private async Task<IReadOnlyList<string>> RepairAsync()
    {
        var names = Taken(_names);
        foreach (var name in names) await _repair.OneAsync(name, default);
        return names;
    }

    private async Task RepairOneAsync(string name) => await _repair.OneAsync(name, default);

    private static List<string> Taken(FallenBack names)
    {
        var taken = new List<string>();
        while (names.TryTake(out var name)) taken.Add(name);
        return taken;
    }

    private async Task<string> NameAsync(string kind) => (await _bench.Objects()).First(name => name.StartsWith($"{IngestBench.A}/{_studyKey}/", StringComparison.Ordinal) && name.EndsWith(kind, StringComparison.Ordinal));

    private async Task<IReadOnlyList<DamageRecord>> DamageAsync() =>
        [.. (await _bench.Documents.ListAsync<DamageRecord>(IngestBench.A, DamageRecord.Type, null, 100, null, default)).Items.Select(item => item.Value)];

    private async Task AssertReadsAsync()
    {
        foreach (var entry in await _bench.Entries(await _bench.Study())) Assert.Equal(TestDicom.Ct(sop: entry.SopInstanceUid).ToBytes(), await _bench.Bytes(entry));
    }

    private string PathOf(string name) => Path.Combine(_folder, "objects", name);

    private static void Flip(string path, int at)
    {
        var bytes = File.ReadAllBytes(path);
        bytes[at] ^= 1;
        File.WriteAllBytes(path, bytes);
    }

    private sealed class Publisher(List<SkylightEvent> events) : IEventPublisher
    {
        public ValueTask PublishAsync(IReadOnlyList<SkylightEvent> published, CancellationToken cancellationToken)
        {
            events.AddRange(published);
            return ValueTask.CompletedTask;
        }
    }

    /// <summary>A store that can run out of room, and tells when an object is about to be there.</summary>
    private sealed class FullStore(IObjectStore inner) : ForwardingStore(inner)
    {
        public bool IsFull { get; set; }

        public Func<Task>? BeforeCommit { get; set; }

        public override async ValueTask<ObjectWriter> CreateAsync(string name, CancellationToken cancellationToken) =>
            IsFull ? throw new StorageFullException("full") : new Writer(this, await base.CreateAsync(name, cancellationToken));

        private sealed class Writer(FullStore store, ObjectWriter written) : ObjectWriter
        {
            public override ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => written.WriteAsync(bytes, cancellationToken);

            public override async ValueTask CommitAsync(CancellationToken cancellationToken)
            {
                if (store.BeforeCommit is { } before) await before();
                await written.CommitAsync(cancellationToken);
            }

            public override ValueTask DisposeAsync() => written.DisposeAsync();
        }
    }
}
