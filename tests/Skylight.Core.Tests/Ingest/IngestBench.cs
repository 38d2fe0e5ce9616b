using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Packs;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Compression;
using Skylight.Core.Documents;
using Skylight.Core.Ingest;
using Skylight.Core.Keys;
using Skylight.Core.Lifecycle;
using Skylight.Core.Patients;
using Skylight.Core.Quarantine;
using Skylight.Core.Studies;
using Skylight.Core.Tests.Lifecycle;
using Skylight.Local.Catalog;
using Skylight.Local.Journal;
using Skylight.Local.Keys;
using Skylight.Local.Objects;
using Skylight.Local.Sqlite;

namespace Skylight.Core.Tests.Ingest;

/// <summary>Ingest over the real stores, in a folder of its own.</summary>
internal sealed class IngestBench : IAsyncDisposable
{
    public const string A = "hospital-a";

    private readonly SqliteDatabase _records;
    private readonly SqliteDatabase _catalogFile;
    private readonly LocalKeyRing _ring;
    private readonly InstitutionSecrets _secrets;
    private readonly Journal? _journal;
    private readonly string _folder;
    private readonly bool _owns;

    public IngestBench(string? folder = null, Func<IObjectStore, IObjectStore>? wrapStore = null, Func<ICommit, ICommit>? wrapCommit = null, Action<IngestOptions>? configure = null, bool journal = false, int rehydrationSeconds = 0,
        IKeyRecordStore? keyCopies = null)
    {
        _owns = folder is null;
        _folder = folder ?? Directory.CreateTempSubdirectory("skylight-").FullName;
        _records = SqliteDatabase.Open(Path.Combine(_folder, "records.db"), SqliteDurability.Full, SqliteDocuments.Schema);
        _catalogFile = SqliteDatabase.Open(Path.Combine(_folder, "catalog.db"), journal ? SqliteDurability.Journaled : SqliteDurability.Full, SqliteCatalog.Schema);
        Documents = new SqliteDocuments(_records);
        var keyFile = Path.Combine(_folder, "keys.json");
        _ring = File.Exists(keyFile) ? LocalKeyRing.Open(keyFile, null, Time) : LocalKeyRing.Create(keyFile, null, Time);
        var first = new DocumentKeyRecords(Documents);
        IKeyRecordStore keyRecords = keyCopies is null ? first : new ReplicatedKeyRecords(first, keyCopies);
        KeyRecords = keyRecords;
        Keys = new StudyKeys(keyRecords, _ring, new KeyEncryptionOptions(), Time);
        _secrets = new InstitutionSecrets(keyRecords, _ring, new KeyEncryptionOptions(), Time);
        Folder = FolderObjectStore.Open(Path.Combine(_folder, "objects"), new FolderObjectStoreOptions { Fsync = false, MinFreeBytes = 0, RehydrationDelaySeconds = rehydrationSeconds }, Time);
        _journal = journal ? Journal.Open(Path.Combine(_folder, "journal"), new JournalOptions(), Time) : null;
        IObjectStore whole = _journal is null ? Folder : new JournalObjectStore(_journal, Folder);
        Store = wrapStore?.Invoke(whole) ?? whole;
        Catalog = new SqliteCatalog(_catalogFile);
        ICommit direct = _journal is null ? new DirectCommit(Store, Catalog) : new JournalCommit(_journal, Catalog, PurgeAsync);
        Commit = wrapCommit?.Invoke(direct) ?? direct;
        Parts = new StudyParts(Store, Keys);
        Patients = new PatientDirectory(Documents, _secrets, Time);
        Items = new IntakeItems(Documents, _secrets);
        var options = new IngestOptions();
        configure?.Invoke(options);
        var settings = Options.Create(Lifecycle);
        Deletions = new Deletions(Catalog, Commit, Documents, Parts, Store, Keys, new Retention(Catalog, Patients, settings), settings, Time);
        Service = new IngestService(Store, Keys, _secrets, Catalog, Commit, Parts, Patients, Items, new IngestMetrics(new Meters()), Options.Create(options), Time, NullLogger<IngestService>.Instance,
            new Rejections(Catalog, Documents, Deletions, _secrets, settings, Audit, Time));
        Packs = new PackReader(Store, Keys, Pictures.Codecs());
        Intake = new IntakeService(Service, Catalog, Commit, Packs, Time);
    }

    public ManualTime Time { get; } = new();

    public IKeyRecordStore KeyRecords { get; }

    public LifecycleOptions Lifecycle { get; } = new();

    public Deletions Deletions { get; }

    public ListedAudit Audit { get; } = new();

    public InstitutionSecrets Secrets => _secrets;

    public SqliteDatabase Records => _records;

    /// <summary>Where everything lies.</summary>
    public string DataFolder => _folder;

    public IDocuments Documents { get; }

    public StudyKeys Keys { get; }

    public LocalKeyRing Ring => _ring;

    public FolderObjectStore Folder { get; }

    public IObjectStore Store { get; }

    public SqliteCatalog Catalog { get; }

    public ICommit Commit { get; }

    public StudyParts Parts { get; }

    public PatientDirectory Patients { get; }

    public IntakeItems Items { get; }

    public IngestService Service { get; }

    public PackReader Packs { get; }

    public IntakeService Intake { get; }

    public SeriesMerge Merge => new(Catalog, Commit, Parts, Store, Keys, Packs, new RetiredObjects(Documents, Catalog, Parts, Store, Time, NullLogger<RetiredObjects>.Instance), Time, NullLogger<SeriesMerge>.Instance);

    public StudyClock Clock => new(Catalog, Commit, Merge, Time);

    /// <summary>The clock of a host whose journal merges as it is drained: this one leaves the parts of a study as they are.</summary>
    public StudyClock ClockBesideAJournal => new(Catalog, new Draining(Commit), Merge, Time);

    public static IngestSource Source(SourceTrust trust = SourceTrust.Modality, string name = "ct1") => new(name, trust, IngestChannel.Stow);

    public async Task<IReadOnlyList<FileOutcome>> Send(SourceTrust trust, params TestDicom[] files) => await Send(trust, [.. files.Select(file => file.ToBytes())]);

    public async Task<IReadOnlyList<FileOutcome>> Send(params TestDicom[] files) => await Send(SourceTrust.Modality, files);

    public async Task<IReadOnlyList<FileOutcome>> Send(SourceTrust trust, params byte[][] files)
    {
        await using var batch = Service.Open(new IngestContext(A, Source(trust), null));
        for (var i = 0; i < files.Length; i++) await batch.AddFileAsync(new AsyncOnlyStream(files[i]), new IngestName($"{i}"), default);
        return (await batch.CommitAsync(default)).Files;
    }

    public async Task<FileOutcome> SendOne(TestDicom file, SourceTrust trust = SourceTrust.Modality) => Assert.Single(await Send(trust, file));

    public async Task<StudyDocument> Study(string uid = "1.2.3") => (await Catalog.GetStudyAsync(A, uid, default))!.Value;

    public async Task<IReadOnlyList<IndexEntry>> Entries(StudyDocument study)
    {
        var entries = new List<IndexEntry>();
        foreach (var parts in (await Parts.ListAllAsync(study, default)).Values)
        {
            var deltas = new List<SeriesIndex>();
            foreach (var part in parts) deltas.Add(await SeriesIndex.ReadAsync(Store, part.ObjectName(study, part.Index), Keys, default));
            entries.AddRange(SeriesIndex.Merge(deltas).Entries);
        }

        return entries;
    }

    public async Task<byte[]> Bytes(IndexEntry entry)
    {
        var bytes = new byte[entry.Length];
        await Packs.ReadAsync(entry, 0, bytes, default);
        return bytes;
    }

    public async Task<byte[]> Bytes(StoredBytes stored)
    {
        var bytes = new byte[stored.Length];
        await Packs.ReadAsync(stored.Pack, stored.Offset, bytes, default);
        return bytes;
    }

    public async Task<List<string>> Objects()
    {
        var names = new List<string>();
        await foreach (var name in Folder.ListAsync("", default)) names.Add(name);
        return names;
    }

    private async Task PurgeAsync(CancellationToken cancellationToken)
    {
        using var drain = new JournalDrain(_journal!, Folder, new JournalOptions(), Time, NullLogger<JournalDrain>.Instance);
        await drain.DrainAllAsync(cancellationToken);
        await _catalogFile.PurgeAsync(cancellationToken);
        await _records.PurgeAsync(cancellationToken);
    }

    /// <summary>Replays the journal; to be called once before the first commit of a bench with a journal.</summary>
    public Task StartAsync() => LocalCatalog.ReplayAsync(_journal!, Catalog, default);

    public async ValueTask DisposeAsync()
    {
        if (_journal is not null) await _journal.DisposeAsync();
        Keys.Dispose();
        _secrets.Dispose();
        _ring.Dispose();
        await _records.DisposeAsync();
        await _catalogFile.DisposeAsync();
        if (_owns) Directory.Delete(_folder, recursive: true);
    }
}

/// <summary>Seeks and reads asynchronously, as the streams of upload stores do; a synchronous read fails.</summary>
internal sealed class AsyncOnlyStream(byte[] bytes) : Stream
{
    private readonly MemoryStream _inner = new(bytes, writable: false);

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => _inner.Length;

    public override long Position { get => _inner.Position; set => _inner.Position = value; }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Synchronous read.");

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => _inner.ReadAsync(buffer, cancellationToken);

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => _inner.ReadAsync(buffer, offset, count, cancellationToken);

    public override long Seek(long offset, SeekOrigin origin) => _inner.Seek(offset, origin);

    public override void Flush() => _inner.Flush();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}

internal sealed class Meters : IMeterFactory
{
    public Meter Create(MeterOptions options) => new(options);

    public void Dispose()
    {
    }
}

/// <summary>A clock that a test moves.</summary>
internal sealed class ManualTime : TimeProvider
{
    private DateTimeOffset _now = new(2026, 3, 1, 8, 0, 0, TimeSpan.Zero);

    public override DateTimeOffset GetUtcNow() => _now;

    public void Advance(TimeSpan by) => _now += by;
}

/// <summary>A commit that says of itself what a journal says.</summary>
internal sealed class Draining(ICommit inner) : ICommit
{
    public bool MergesAsItDrains => true;

    public Task<CommitOutcome> CommitAsync(CommitBatch batch, CancellationToken cancellationToken) => inner.CommitAsync(batch, cancellationToken);

    public Task<CommitOutcome> RemoveAsync(string institution, string studyKey, string etag, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken) =>
        inner.RemoveAsync(institution, studyKey, etag, sopInstanceUids, cancellationToken);

    public Task PurgeAsync(CancellationToken cancellationToken) => inner.PurgeAsync(cancellationToken);
}
