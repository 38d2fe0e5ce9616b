using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Skylight.Archive.Objects;
using Skylight.Core.Audit;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Events;
using Skylight.Core.Institutions;
using Skylight.Core.Keys.Backup;
using Skylight.Core.Lifecycle;
using Skylight.Core.Lifecycle.Corrections;
using Skylight.Core.Retrieve;
using Skylight.Core.Studies;
using Skylight.Core.Tests.Ingest;
using Skylight.Core.Tests.Uploads;
using Skylight.Core.Tiers;
using Skylight.Core.Uploads;

namespace Skylight.Core.Tests.Lifecycle;

/// <summary>Deletion, retention and what readers see, over the real stores.</summary>
internal sealed class LifecycleBench : IAsyncDisposable
{
    public const string By = "hospital-a/records";

    private readonly bool _owns;

    /// <param name="ingest">Shared with another bench, which disposes it; null for one of its own.</param>
    public LifecycleBench(LifecycleOptions? options = null, IngestBench? ingest = null, Func<ICommit, ICommit>? wrapCommit = null, IObjectStore? replica = null, Func<IDocuments, IDocuments>? wrapDocuments = null,
        ErasureCopies? erasures = null)
    {
        Ingest = ingest ?? new IngestBench();
        _owns = ingest is null;
        Options = options ?? Ingest.Lifecycle;
        var commit = wrapCommit?.Invoke(Ingest.Commit) ?? Ingest.Commit;
        var documents = wrapDocuments?.Invoke(Ingest.Documents) ?? Ingest.Documents;
        var settings = Microsoft.Extensions.Options.Options.Create(Options);
        Retention = new Retention(Ingest.Catalog, Ingest.Patients, settings);
        Holds = new StudyHolds(Ingest.Catalog, commit, Ingest.Time);
        Deletions = new Deletions(Ingest.Catalog, commit, documents, Ingest.Parts, Ingest.Store, Ingest.Keys, Retention, settings, Ingest.Time);
        Requests = new ErasureRequests(Ingest.Catalog, documents, Ingest.Keys, Retention, Ingest.Time);
        Retired = new RetiredObjects(documents, Ingest.Catalog, Ingest.Parts, Ingest.Store, Ingest.Time, NullLogger<RetiredObjects>.Instance, replica);
        Merge = new SeriesMerge(Ingest.Catalog, commit, Ingest.Parts, Ingest.Store, Ingest.Keys, Ingest.Packs, Retired, Ingest.Time, NullLogger<SeriesMerge>.Instance);
        Institutions = new InstitutionDirectory(documents);
        var reports = new UploadReports(documents, Ingest.Time);
        var ingress = new UploadWorld.FakeIngress();
        var uploads = new UploadSessions(
            documents, ingress, new UploadContent(documents, ingress), reports, Microsoft.Extensions.Options.Options.Create(new UploadOptions()), Ingest.Time, NullLogger<UploadSessions>.Instance);
        Reports = reports;
        var traces = new ErasureTraces(Ingest.Catalog, documents, Ingest.Items, Ingest.Patients, reports, uploads, Deletions);
        Erased = new ErasedContent(Ingest.Catalog, documents, Ingest.Store, Ingest.Keys, Ingest.Parts, Ingest.Secrets);
        Use = new StudyUse(documents, Ingest.Time);
        Tiers = new StudyTiers(Ingest.Catalog, commit, Ingest.Parts, Ingest.Store, Ingest.Time, NullLogger<StudyTiers>.Instance);
        Rehydrations = new Rehydrations(Tiers, Ingest.Store, Use, documents, Microsoft.Extensions.Options.Options.Create(new TierOptions()), NullLogger<Rehydrations>.Instance);
        Erasure = new Erasure(
            Ingest.Catalog, commit, documents, Ingest.Store, Ingest.Keys, Ingest.Parts, Merge, Deletions, Requests, traces, Erased, Ingest.Secrets, Institutions, Audit, Ingest.Time, Rehydrations, replica, erasures,
            new StudyOutbox(Ingest.Catalog, commit, Published, Ingest.Time), Tiers);
        AtRest = new Erasure(
            Ingest.Catalog, commit, documents, Ingest.Store, Ingest.Keys, Ingest.Parts, Merge, Deletions, Requests, traces, Erased, Ingest.Secrets, Institutions, Audit, Ingest.Time, null, replica, tiers: Tiers);
        Due = new ErasureDue(Ingest.Catalog, Deletions, Requests, Institutions, Ingest.Time, NullLogger<ErasureDue>.Instance);
        var lists = new CorrectionLists(Ingest.Store, Ingest.Keys);
        Corrections = new CorrectionService(Ingest.Catalog, commit, documents, Ingest.Parts, Ingest.Keys, lists, Ingest.Patients, Retired, Ingest.Time);
        var rejections = new Rejections(Ingest.Catalog, documents, Deletions, Ingest.Secrets, settings, Audit, Ingest.Time);
        Releases = new HoldReleases(Ingest.Catalog, documents, Holds, rejections, Ingest.Time);
        Upkeep = new LifecycleUpkeep(Deletions, Corrections, Releases, rejections, new ErasedBytes(documents, Retired, Audit, Ingest.Time), Institutions, Audit, Ingest.Time, NullLogger<LifecycleUpkeep>.Instance);
        Reader = new StudyReader(Ingest.Store, Ingest.Keys, Ingest.Parts, NullLogger<StudyReader>.Instance, lists);
        Retrieval = new Retrieval(Ingest.Catalog, Reader, Use);
    }

    public IngestBench Ingest { get; }

    public LifecycleOptions Options { get; }

    public Retention Retention { get; }

    public StudyHolds Holds { get; }

    public Deletions Deletions { get; }

    public ErasureRequests Requests { get; }

    public Erasure Erasure { get; }

    /// <summary>As a tool has it, on a host at rest.</summary>
    public Erasure AtRest { get; }

    public ErasedContent Erased { get; }

    public StudyUse Use { get; }

    public StudyTiers Tiers { get; }

    public Rehydrations Rehydrations { get; }

    public ErasureDue Due { get; }

    public HoldReleases Releases { get; }

    public LifecycleUpkeep Upkeep { get; }

    public SeriesMerge Merge { get; }

    public RetiredObjects Retired { get; }

    public InstitutionDirectory Institutions { get; }

    public UploadReports Reports { get; }

    public ListedAudit Audit { get; } = new();

    /// <summary>What was announced of erased studies.</summary>
    public ListedEvents Published { get; } = new();

    public CorrectionService Corrections { get; }

    public StudyReader Reader { get; }

    public Retrieval Retrieval { get; }

    public static TestDicom Slice(int number, string series = "1.2.3.1") => TestDicom.Ct(series: series, sop: $"{series}.{number}");

    public Task<DeletionResult> DeleteAsync(string? series = null, string? instance = null, DeletionReason reason = DeletionReason.Unspecified) =>
        Deletions.DeleteAsync(IngestBench.A, new RetrieveTarget("1.2.3", series, instance), reason, By, default);

    /// <summary>UIDs that a retrieval of the study gives; empty when it is missing.</summary>
    public async Task<string[]> ServedAsync(string? series = null) =>
        await Retrieval.FindAsync(IngestBench.A, new RetrieveTarget("1.2.3", series), default) is { } found ? [.. found.Instances.Select(item => item.Entry.SopInstanceUid).Order(StringComparer.Ordinal)] : [];

    /// <summary>The metadata of everything served, as JSON.</summary>
    public async Task<string> MetadataAsync()
    {
        var study = await Ingest.Study();
        var json = new System.Buffers.ArrayBufferWriter<byte>();
        var first = true;
        foreach (var series in study.Series.Where(item => item.Instances > 0))
            first = await Reader.WriteMetadataAsync(study, series, null, _ => null, json, first, _ => ValueTask.CompletedTask, default);
        return $"[{Encoding.UTF8.GetString(json.WrittenSpan)}]";
    }

    /// <summary>Makes the institution known to what walks all of them.</summary>
    public async Task RegisterAsync() => await Institutions.PutAsync(new Institution(1, IngestBench.A, "甲医院", null, null, "Asia/Shanghai", LegalProfile.CnStrict, [], DateTimeOffset.UnixEpoch), Match.Any, default);

    /// <summary>Runs an erasure to its end, as the orchestration does.</summary>
    public async Task<ErasureRecord> RunAsync(string erasureId)
    {
        var more = true;
        while (more) more = await Erasure.StepAsync(IngestBench.A, erasureId, default);
        return (await Erasure.GetAsync(IngestBench.A, erasureId, default))!.Value;
    }

    /// <summary>Asks for the erasure of a study that was received in error, and has a second person approve it.</summary>
    public async Task<ErasureRecord> ApprovedAsync(string uid = "1.2.3")
    {
        var asked = await Requests.RequestAsync(IngestBench.A, (await Ingest.Study(uid)).StudyKey, ErasureBasis.ReceivedInError, "2026-1", By, false, null, default);
        Assert.Null(asked.Refusal);
        return (await Requests.ApproveAsync(IngestBench.A, asked.Erasure!.Id, "hospital-a/second", default)).Erasure!;
    }

    /// <summary>Deletes what is named of the study 1.2.3, and answers the id of its erasure, approved.</summary>
    public async Task<string> ApprovedDeletionAsync(string series, string? instance = null)
    {
        var deletion = (await DeleteAsync(series, instance)).Record!;
        var asked = (await Requests.RequestAsync(IngestBench.A, deletion.StudyKey, ErasureBasis.ReceivedInError, null, By, false, deletion, default)).Erasure!;
        await Requests.ApproveAsync(IngestBench.A, asked.Id, "hospital-a/second", default);
        return asked.Id;
    }

    public ValueTask DisposeAsync() => _owns ? Ingest.DisposeAsync() : ValueTask.CompletedTask;
}

/// <summary>An audit trail in a list.</summary>
internal sealed class ListedAudit : IAuditLog
{
    public List<AuditEvent> Events { get; } = [];

    public ValueTask<long> AppendAsync(string institution, AuditEvent entry, CancellationToken cancellationToken)
    {
        Events.Add(entry);
        return ValueTask.FromResult((long)Events.Count);
    }

    public ValueTask<AuditPage> ReadAsync(string institution, AuditQuery query, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<AuditVerification> VerifyAsync(string institution, AuditHead? expectedHead, CancellationToken cancellationToken) => throw new NotSupportedException();
}

/// <summary>Published events in a list.</summary>
internal sealed class ListedEvents : IEventPublisher
{
    public List<SkylightEvent> Events { get; } = [];

    public ValueTask PublishAsync(IReadOnlyList<SkylightEvent> events, CancellationToken cancellationToken)
    {
        Events.AddRange(events);
        return ValueTask.CompletedTask;
    }
}

/// <summary>Runs something before each commit.</summary>
internal sealed class BeforeCommit(ICommit inner, Func<Task> before) : ICommit
{
    public async Task<CommitOutcome> CommitAsync(CommitBatch batch, CancellationToken cancellationToken)
    {
        await before();
        return await inner.CommitAsync(batch, cancellationToken);
    }

    public async Task<CommitOutcome> RemoveAsync(string institution, string studyKey, string etag, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken)
    {
        await before();
        return await inner.RemoveAsync(institution, studyKey, etag, sopInstanceUids, cancellationToken);
    }

    public async Task PurgeAsync(CancellationToken cancellationToken)
    {
        await before();
        await inner.PurgeAsync(cancellationToken);
    }
}

/// <summary>Runs something before each document is written.</summary>
internal sealed class BeforePut(IDocuments inner, Func<object, Task> before) : IDocuments
{
    public ValueTask<Stored<T>?> GetAsync<T>(DocumentKey key, CancellationToken cancellationToken) where T : class => inner.GetAsync<T>(key, cancellationToken);

    public async ValueTask<string> PutAsync<T>(DocumentKey key, T value, Match match, IReadOnlyCollection<string> terms, CancellationToken cancellationToken) where T : class
    {
        await before(value);
        return await inner.PutAsync(key, value, match, terms, cancellationToken);
    }

    public ValueTask<bool> DeleteAsync(DocumentKey key, Match match, CancellationToken cancellationToken) => inner.DeleteAsync(key, match, cancellationToken);

    public ValueTask<DocumentPage<T>> ListAsync<T>(string pk, string type, string? term, int limit, string? continuation, CancellationToken cancellationToken) where T : class =>
        inner.ListAsync<T>(pk, type, term, limit, continuation, cancellationToken);
}
