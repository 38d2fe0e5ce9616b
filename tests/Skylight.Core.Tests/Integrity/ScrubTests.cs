using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Skylight.Archive.Objects;
using Skylight.Core.Documents;
using Skylight.Core.Events;
using Skylight.Core.Institutions;
using Skylight.Core.Integrity;
using Skylight.Core.Tests.Ingest;
using Skylight.Local.Objects;

namespace Skylight.Core.Tests.Integrity;

/// <summary>Two copies: whichever is damaged is mended from the other, and never the other way round.</summary>
public sealed class ScrubTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly string _second = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly List<SkylightEvent> _events = [];
    private IngestBench _bench = null!;
    private FolderObjectStore _replica = null!;
    private string _studyKey = "";

    public async ValueTask InitializeAsync()
    {
        _bench = new IngestBench(_folder);
        _replica = FolderObjectStore.Open(_second, new FolderObjectStoreOptions { Fsync = false, MinFreeBytes = 0 }, _bench.Time);
        await new InstitutionDirectory(_bench.Documents).PutAsync(
            new Institution(1, IngestBench.A, "医院", null, null, "Asia/Shanghai", LegalProfile.CnStrict, [], DateTimeOffset.UnixEpoch), Match.None, default);
        await _bench.Send(TestDicom.Ct(sop: "1.2.3.1.1"), TestDicom.Ct(sop: "1.2.3.1.2"));
        await _bench.SendOne(TestDicom.Ct(study: "1.2.9", series: "1.2.9.1", sop: "1.2.9.1.1"));
        _studyKey = (await _bench.Study()).StudyKey;
    }

    public async ValueTask DisposeAsync()
    {
        await _bench.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
        Directory.Delete(_second, recursive: true);
    }

    [Fact]
    public async Task Replica_Sweep_CopiesEverythingOnceAndSaysUpToWhen()
    {
        Assert.Equal(6, await Copies().StepAsync(default));
        Assert.Equal(0, await Copies().StepAsync(default));
        foreach (var name in await _bench.Objects()) Assert.Equal(await ReadAsync(_bench.Folder, name), await ReadAsync(_replica, name));
        await _bench.SendOne(TestDicom.Ct(sop: "1.2.3.1.3"));
        Assert.Equal(new ReplicaCopies(3, 0, 0), await Copies().CopyStudyAsync(IngestBench.A, _studyKey, default));
    }

    [Fact]
    public async Task Replica_ArchivedPackAtHand_IsCopied_AndStaysArchivedForReaders()
    {
        var name = await NameAsync(".pack");
        await _bench.Folder.SetTierAsync(name, ObjectTier.Archive, default);
        Assert.Equal(6, await Copies().StepAsync(default));
        await Assert.ThrowsAsync<ObjectArchivedException>(async () => await ReadAsync(_bench.Folder, name));
        Assert.Equal(await ReadAsync(_bench.Folder.InPlace, name), await ReadAsync(_replica, name));
    }

    [Fact]
    public async Task Replica_ArchivedOnOfflineMediaOrDamaged_IsPassedOver_CountedAndCopiedOnceItIsBack()
    {
        var folder = Directory.CreateTempSubdirectory("skylight-").FullName;
        await using var bench = new IngestBench(folder, rehydrationSeconds: 3600);
        await new InstitutionDirectory(bench.Documents).PutAsync(
            new Institution(1, IngestBench.A, "医院", null, null, "Asia/Shanghai", LegalProfile.CnStrict, [], DateTimeOffset.UnixEpoch), Match.None, default);
        await bench.Send(TestDicom.Ct(sop: "1.2.3.1.1"));
        await bench.SendOne(TestDicom.Ct(study: "1.2.9", series: "1.2.9.1", sop: "1.2.9.1.1"));
        var key = (await bench.Study()).StudyKey;
        var names = await bench.Objects();
        var pack = names.Single(name => name.Contains(key, StringComparison.Ordinal) && name.EndsWith(".pack", StringComparison.Ordinal));
        Flip(folder, names.Single(name => !name.Contains(key, StringComparison.Ordinal) && name.EndsWith(".pack", StringComparison.Ordinal)), 100);
        await bench.Folder.SetTierAsync(pack, ObjectTier.Archive, default);
        using var meters = new OneMeter();
        var copies = Copies(bench, meters);
        Assert.Empty(meters.Read("skylight.replica.passed_over"));
        Assert.Equal(4, await copies.StepAsync(default));
        Assert.Equal(["archived 1", "unreadable 1"], meters.Read("skylight.replica.passed_over"));
        Assert.Equal(["archived 1", "unreadable 1"], await ReadAgainAsync(bench));
        Assert.Equal(new ReplicaCopies(0, 1, 0), await copies.CopyStudyAsync(IngestBench.A, key, default));

        await bench.Folder.SetTierAsync(pack, ObjectTier.Cool, default);
        bench.Time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(new ReplicaCopies(1, 0, 0), await copies.CopyStudyAsync(IngestBench.A, key, default));
        await copies.StepAsync(default);
        Assert.Equal(["archived 0", "unreadable 1"], meters.Read("skylight.replica.passed_over"));
        Directory.Delete(folder, recursive: true);

        // What the next process says before it has come to the end itself.
        async Task<List<string>> ReadAgainAsync(IngestBench bench)
        {
            using var again = new OneMeter();
            await Copies(bench, again).StepAsync(default);
            return again.Read("skylight.replica.passed_over");
        }
    }

    [Fact]
    public async Task Scrub_DamagedArchivedPackAtHand_IsMended_AndIsArchivedAgain()
    {
        await Copies().StepAsync(default);
        var name = await NameAsync(".pack");
        await _bench.Folder.SetTierAsync(name, ObjectTier.Archive, default);
        Flip(Path.Combine(_folder, "objects-archive"), name, 100);
        Assert.Equal(0, await Scrubber(_replica).StudyAsync(IngestBench.A, _studyKey, default));
        Assert.Equal(await ReadAsync(_replica, name), await ReadAsync(_bench.Folder.InPlace, name));
        Assert.Equal(ObjectTier.Archive, (await _bench.Folder.GetStatusAsync(name, default))!.Value.Tier);
        Assert.Equal("first", (await DamageAsync()).Single().Copy);
    }

    [Theory]
    [InlineData(".pack", 0)]
    [InlineData(".pack", 20)]
    [InlineData(".pack", 50)]
    [InlineData(".pack", 100)]
    [InlineData(".index", 90)]
    [InlineData(".metadata", 75)]
    public async Task Scrub_FlippedBit_IsMendedAndTheDamagedBytesAreKept(string kind, int at)
    {
        await Copies().StepAsync(default);
        var name = await NameAsync(kind);
        var whole = await ReadAsync(_bench.Folder, name);
        Flip(_folder, name, at);
        var damaged = await ReadAsync(_bench.Folder, name);
        var position = await Scrubber(_replica).StepAsync(default);
        Assert.Equal((1L, 1L, true), (position.Damaged, position.Repaired, position.Resting));
        Assert.Equal(whole, await ReadAsync(_bench.Folder, name));
        Assert.Equal(whole, await ReadAsync(_replica, name));
        Assert.Equal(damaged, await ReadAsync(_bench.Folder, "damaged/" + name));
        await AssertReadsAsync();
        var record = (await DamageAsync()).Single();
        Assert.Equal((name, "first", true), (record.Object, record.Copy, record.RepairedAt is not null));
        Assert.Equal("archive.object-repaired", Assert.Single(_events).Type);
    }

    [Theory]
    [InlineData(".pack")]
    [InlineData(".index")]
    public async Task Scrub_MissingObject_ComesBackFromTheReplica(string kind)
    {
        await Copies().StepAsync(default);
        File.Delete(PathOf(_folder, await NameAsync(kind)));
        Assert.Equal(0, await Scrubber(_replica).StudyAsync(IngestBench.A, _studyKey, default));
        await AssertReadsAsync();
    }

    [Fact]
    public async Task Scrub_DamagedReplica_IsMendedFromTheFirst()
    {
        await Copies().StepAsync(default);
        var name = await NameAsync(".pack");
        Flip(_second, name, 100);
        Assert.Equal(1, (await Scrubber(_replica).StepAsync(default)).Repaired);
        Assert.Equal(await ReadAsync(_bench.Folder, name), await ReadAsync(_replica, name));
        Assert.Equal("replica", (await DamageAsync()).Single().Copy);
    }

    [Fact]
    public async Task Scrub_BothDamaged_OverwritesNeitherAndSaysSo()
    {
        await Copies().StepAsync(default);
        var name = await NameAsync(".pack");
        Flip(_folder, name, 100);
        Flip(_second, name, 101);
        var (first, second) = (await ReadAsync(_bench.Folder, name), await ReadAsync(_replica, name));
        var position = await Scrubber(_replica).StepAsync(default);
        Assert.Equal((1L, 0L), (position.Damaged, position.Repaired));
        Assert.Equal(first, await ReadAsync(_bench.Folder, name));
        Assert.Equal(second, await ReadAsync(_replica, name));
        Assert.Equal(("both", (DateTimeOffset?)null), ((await DamageAsync()).Single().Copy, (await DamageAsync()).Single().RepairedAt));
        Assert.Equal("archive.object-damaged", Assert.Single(_events).Type);
    }

    [Fact]
    public async Task Scrub_NoReplica_ReportsAndLeavesTheObject()
    {
        var name = await NameAsync(".pack");
        Flip(_folder, name, 100);
        var before = await ReadAsync(_bench.Folder, name);
        Assert.Equal(1, await Scrubber(null).StudyAsync(IngestBench.A, _studyKey, default));
        Assert.Equal(before, await ReadAsync(_bench.Folder, name));
    }

    [Fact]
    public async Task Replica_DamagedObject_IsNotCopied()
    {
        var name = await NameAsync(".pack");
        Flip(_folder, name, 100);
        await Copies().StepAsync(default);
        Assert.Null(await _replica.GetLengthAsync(name, default));
    }

    [Fact]
    public async Task Scrub_Resting_BeginsAgainWhenItsTimeHasCome()
    {
        var scrub = Scrubber(null);
        var first = await scrub.StepAsync(default);
        Assert.Equal((6L, true), (first.Objects, first.Resting));
        Assert.Equal(first.PassStartedAt, (await Scrubber(null).StepAsync(default)).PassStartedAt);
        _bench.Time.Advance(TimeSpan.FromDays(31));
        Assert.NotEqual(first.PassStartedAt, (await scrub.StepAsync(default)).PassStartedAt);
    }

    private Scrub Scrubber(IObjectStore? replica) => new(
        _bench.Catalog, new InstitutionDirectory(_bench.Documents), _bench.Parts, _bench.Documents, _bench.Store, _bench.Keys, new Publisher(_events), Options.Create(new ScrubOptions { ScrubBytesPerSecond = 10L << 30 }),
        _bench.Time, new Meters(), NullLogger<Scrub>.Instance, replica);

    private Replica Copies() => Copies(_bench, new Meters());

    private Replica Copies(IngestBench bench, IMeterFactory meters) => new(
        bench.Catalog, new InstitutionDirectory(bench.Documents), bench.Parts, bench.Documents, bench.Store, bench.Keys, Options.Create(new ScrubOptions()), bench.Time, meters,
        NullLogger<Replica>.Instance, _replica);

    private async Task<string> NameAsync(string kind) => (await _bench.Objects()).First(name => name.Contains(_studyKey, StringComparison.Ordinal) && name.EndsWith(kind, StringComparison.Ordinal));

    private async Task<IReadOnlyList<DamageRecord>> DamageAsync() =>
        [.. (await _bench.Documents.ListAsync<DamageRecord>(IngestBench.A, DamageRecord.Type, null, 100, null, default)).Items.Select(item => item.Value)];

    private async Task AssertReadsAsync()
    {
        foreach (var entry in await _bench.Entries(await _bench.Study())) Assert.Equal(TestDicom.Ct(sop: entry.SopInstanceUid).ToBytes(), await _bench.Bytes(entry));
    }

    private static async Task<byte[]> ReadAsync(IObjectStore store, string name)
    {
        var bytes = new byte[(await store.GetLengthAsync(name, default))!.Value];
        Assert.Equal(bytes.Length, await store.ReadAsync(name, 0, bytes, default));
        return bytes;
    }

    private static string PathOf(string folder, string name) => Directory.Exists(Path.Combine(folder, "objects")) ? Path.Combine(folder, "objects", name) : Path.Combine(folder, name);

    private static void Flip(string folder, string name, int at)
    {
        using var file = File.Open(PathOf(folder, name), FileMode.Open);
        file.Position = at;
        var value = file.ReadByte();
        file.Position = at;
        file.WriteByte((byte)(value ^ 1));
    }

    /// <summary>Remembers what was made of it, and reads its gauges.</summary>
    private sealed class OneMeter : IMeterFactory
    {
        private readonly List<Meter> _meters = [];

        public Meter Create(MeterOptions options)
        {
            var meter = new Meter(options);
            _meters.Add(meter);
            return meter;
        }

        public List<string> Read(string gauge)
        {
            var read = new List<string>();
            using var listener = new MeterListener();
            listener.InstrumentPublished = (instrument, own) =>
            {
                if (_meters.Contains(instrument.Meter) && instrument.Name == gauge) own.EnableMeasurementEvents(instrument);
            };
            listener.SetMeasurementEventCallback<int>((_, value, tags, _) => read.Add($"{tags[0].Value} {value}"));
            listener.Start();
            listener.RecordObservableInstruments();
            return read;
        }

        public void Dispose() => _meters.ForEach(meter => meter.Dispose());
    }

    private sealed class Publisher(List<SkylightEvent> events) : IEventPublisher
    {
        public ValueTask PublishAsync(IReadOnlyList<SkylightEvent> published, CancellationToken cancellationToken)
        {
            events.AddRange(published);
            return ValueTask.CompletedTask;
        }
    }
}
