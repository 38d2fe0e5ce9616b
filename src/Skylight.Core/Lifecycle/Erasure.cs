using Microsoft.Extensions.DependencyInjection;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;
using Skylight.Core.Audit;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Events;
using Skylight.Core.Institutions;
using Skylight.Core.Keys.Backup;
using Skylight.Core.Statistics;
using Skylight.Core.Studies;
using Skylight.Core.Tiers;

namespace Skylight.Core.Lifecycle;

/// <summary>
/// Carries out erasures, step by step: each step is safe to repeat, and the record remembers which are done, so that a killed erasure goes on where it was. The key
/// goes first; from then on whatever is left, anywhere, cannot be read.
/// </summary>
public sealed class Erasure
{
    private const int MaxAttempts = 50;
    private const int RowsPerRead = 1000;

    private readonly ICatalog _catalog;
    private readonly ICommit _commit;
    private readonly IDocuments _documents;
    private readonly IObjectStore _store;
    private readonly StudyKeys _keys;
    private readonly StudyParts _parts;
    private readonly ErasureTraces _traces;
    private readonly ErasedContent _erased;
    private readonly InstitutionSecrets _secrets;
    private readonly InstitutionDirectory _institutions;
    private readonly IAuditLog _audit;
    private readonly TimeProvider _time;
    private readonly ErasureCopies? _copies;
    private readonly StudyOutbox? _outbox;
    private readonly StudyTiers? _tiers;
    private readonly ErasurePages _pages;
    private readonly ErasureFreeze _freeze;
    private readonly ErasureObjects _objects;
    private readonly ErasureInstances _instances;
    private readonly StudyContents _contents;

    /// <param name="rehydrations">Brings archived studies back; null for a tool on a host at rest, which leaves what waits for that to the host.</param>
    /// <param name="replica">The second copy of the objects, where one is configured.</param>
    /// <param name="copies">Where an erasure is known before it destroys anything; null for a tool on a host at rest.</param>
    /// <param name="outbox">Publishes what waits in a study's document before that goes; null where nobody is told.</param>
    /// <param name="tiers">Brings packs that were written anew to their study's tier; null where that is left to the next sweep.</param>
    public Erasure(
        ICatalog catalog, ICommit commit, IDocuments documents, IObjectStore store, StudyKeys keys, StudyParts parts, SeriesMerge merge, Deletions deletions, ErasureRequests requests, ErasureTraces traces,
        ErasedContent erased, InstitutionSecrets secrets, InstitutionDirectory institutions, IAuditLog audit, TimeProvider time, Rehydrations? rehydrations = null, [FromKeyedServices("replica")] IObjectStore? replica = null,
        ErasureCopies? copies = null, StudyOutbox? outbox = null, StudyTiers? tiers = null)
    {
        (_catalog, _commit, _documents, _store, _keys, _parts, _traces, _erased) = (catalog, commit, documents, store, keys, parts, traces, erased);
        (_secrets, _institutions, _audit, _time, _copies, _outbox, _tiers) = (secrets, institutions, audit, time, copies, outbox, tiers);
        _pages = new ErasurePages(documents);
        _freeze = new ErasureFreeze(catalog, commit, keys, deletions, requests, time);
        _objects = new ErasureObjects(store, replica);
        _contents = new StudyContents(store, keys, parts);
        _instances = new ErasureInstances(catalog, commit, new InstanceStates(catalog, store, keys, parts), merge, deletions, traces, erased, _freeze, _objects, time, rehydrations, copies);
    }

    /// <summary>The record, or null.</summary>
    public async ValueTask<Stored<ErasureRecord>?> GetAsync(string institution, string id, CancellationToken cancellationToken) =>
        await _documents.GetAsync<ErasureRecord>(Key(institution, id), cancellationToken);

    /// <summary>
    /// Does the next step of an approved erasure. False when there is none left to do now: it is done, a hold has stopped it, or it waits for an archived study to
    /// be rehydrated; then a later run goes on.
    /// </summary>
    public async Task<bool> StepAsync(string institution, string id, CancellationToken cancellationToken)
    {
        if (await GetAsync(institution, id, cancellationToken) is not { Value.Status: ErasureStatus.Running } stored) return false;
        var erasure = stored.Value;
        var next = erasure.Step switch
        {
            ErasureStep.Freeze => await _freeze.FreezeAsync(erasure, cancellationToken),
            ErasureStep.Collect => await CollectAsync(erasure, cancellationToken),
            ErasureStep.DestroyKey => await DestroyKeyAsync(erasure, cancellationToken),
            ErasureStep.Catalog => await CatalogAsync(erasure, cancellationToken),
            ErasureStep.Objects => await ObjectsAsync(erasure, cancellationToken),
            ErasureStep.Records => await RecordsAsync(erasure, cancellationToken),
            ErasureStep.Purge => await PurgeAsync(erasure, cancellationToken),
            _ => await CertifyAsync(erasure, cancellationToken),
        };
        if (next is null) return false;
        next = await SettleAsync(next, cancellationToken);
        next = next with { Step = next.Step + 1 };
        await _documents.PutAsync(Key(institution, id), next, Match.Version(stored.ETag), ErasureRequests.Terms(next), cancellationToken);
        return next.Status == ErasureStatus.Running;
    }

    /// <summary>
    /// Erases again what a restore from a backup has brought back: studies, series and single instances. To be called at the end of every restore, with the list as
    /// it was before it (<see cref="ListErasedAsync"/>): the backup may be older than an erasure.
    /// </summary>
    public async Task<ErasureReplay> ReplayAsync(IReadOnlyList<ErasureRecord> list, CancellationToken cancellationToken)
    {
        var (studies, instances, waiting) = (0, 0, 0);
        foreach (var erasure in list.Where(item => item.HasDestroyed).Select(Destroyed))
        {
            var known = await GetAsync(erasure.Institution, erasure.Id, cancellationToken);

            // Stopped by a hold at the very last: the list was written before that.
            if (known is { Value.Status: ErasureStatus.Refused }) continue;
            var kept = erasure.Marks is { } marks ? await _erased.WriteAsync(erasure, marks, cancellationToken) : erasure;
            if (!await _erased.IsBackAsync(kept, cancellationToken))
            {
                // The restored records do not know of it: the next restore must. One that is under way in them goes on when the host starts.
                if (known is null) await PutAgainAsync(kept, kept.Status == ErasureStatus.Erased ? kept : Begin(kept), cancellationToken);
                continue;
            }

            var study = (await _catalog.GetStudyByKeyAsync(erasure.Institution, erasure.StudyKey, cancellationToken))?.Value;
            var again = kept.Level == DeletionLevel.Study || study is null ? 0 : (await _erased.FindAsync(study, kept, cancellationToken)).Select(entry => entry.Item1).Distinct().Count();
            await PutAgainAsync(kept, Begin(kept) with { StudyInstanceUid = kept.Level == DeletionLevel.Study ? study?.StudyInstanceUid : null }, cancellationToken);
            var running = true;
            while (running) running = await StepAsync(erasure.Institution, erasure.Id, cancellationToken);
            if (kept.Level == DeletionLevel.Study) studies++;
            instances += again;
            if (await GetAsync(erasure.Institution, erasure.Id, cancellationToken) is { Value.Status: ErasureStatus.Running }) waiting++;
        }

        return new ErasureReplay(studies, instances, waiting);
    }

    /// <summary><see cref="ReplayAsync(IReadOnlyList{ErasureRecord}, CancellationToken)"/> with the list that the records hold now.</summary>
    public async Task<ErasureReplay> ReplayAsync(CancellationToken cancellationToken) => await ReplayAsync(await ListErasedAsync(cancellationToken), cancellationToken);

    /// <summary>Every erasure of all institutions that has destroyed something: what a backup keeps apart from what it backs up.</summary>
    public async Task<IReadOnlyList<ErasureRecord>> ListErasedAsync(CancellationToken cancellationToken)
    {
        var list = new List<ErasureRecord>();
        await foreach (var institution in _institutions.CodesAsync(cancellationToken)) list.AddRange(await _erased.ListAsync(institution, cancellationToken));
        return list;
    }

    /// <summary>With the level at which something was destroyed: a study of which nothing is left is erased whole, or its last instances were and it is about to be.</summary>
    private static ErasureRecord Destroyed(ErasureRecord erasure) => erasure with
    {
        Level = erasure is { EmptiedFrom: { } level, Status: ErasureStatus.Running, Destroying: false } ? level : erasure.Level,
        EmptiedFrom = null,
    };

    private static ErasureRecord Begin(ErasureRecord erasure) => erasure with { Status = ErasureStatus.Running, Step = ErasureStep.Freeze, Pages = 0, Destroying = false, Again = true, BytesGoneBy = null, BytesGoneAt = null };

    private async ValueTask PutAgainAsync(ErasureRecord erasure, ErasureRecord next, CancellationToken cancellationToken) =>
        await _documents.PutAsync(Key(erasure.Institution, erasure.Id), next, Match.Any, ErasureRequests.Terms(next), cancellationToken);

    /// <summary>What was listed of something that is not _erased is forgotten.</summary>
    private async Task<ErasureRecord> SettleAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        if (erasure.Status != ErasureStatus.Refused) return erasure;
        await _pages.DeleteAsync(erasure, cancellationToken);
        if (_copies is not null) await _copies.RevokeAsync(erasure, cancellationToken);
        return await _erased.ForgetAsync(erasure, cancellationToken) with { Pages = 0, Instances = 0, Objects = 0, Keys = [] };
    }

    private async Task<ErasureRecord> CollectAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        if (erasure.Level != DeletionLevel.Study) return await _instances.MarkAsync(erasure, cancellationToken);
        var known = await StudyAsync(erasure, cancellationToken);
        var ids = await _keys.IdsAsync(erasure.Institution, erasure.StudyKey, cancellationToken);

        // Gone; and if another has come in its place, nothing of that is touched.
        if (known is null && !ids.Intersect(erasure.Keys).Any()) return erasure;
        var objects = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var name in _store.ListAsync($"{SealedName.Folder(erasure.Institution, erasure.StudyKey)}/", cancellationToken)) objects.Add(name);
        var uids = new HashSet<string>(StringComparer.Ordinal);
        if (known is { } study)
        {
            erasure = erasure with { PatientKeys = [.. erasure.PatientKeys.Union(await _traces.PatientsAsync(study, cancellationToken))] };
            try
            {
                foreach (var part in (await _parts.ListAllAsync(study, cancellationToken)).Values.SelectMany(list => list))
                {
                    foreach (var name in (string[])[part.Index, part.Metadata, part.Pack]) objects.Add(part.ObjectName(study, name));
                    var index = await SeriesIndex.ReadAsync(_store, part.ObjectName(study, part.Index), _keys, cancellationToken);
                    uids.UnionWith(index.Entries.Select(entry => entry.SopInstanceUid));
                }

                uids.UnionWith((await _contents.NotesAsync(study, cancellationToken)).SelectMany(note => note.Named));
            }
            catch (Exception error) when (error is SealedObjectException or KeyUnavailableException or ObjectMissingException)
            {
                // An index that cannot be read must not keep the study from being erased: the instance index is walked instead.
                await WalkAsync(erasure, uids, cancellationToken);
            }
        }

        var pages = await _pages.WriteAsync(erasure.Institution, erasure.Id, [.. uids], [.. objects], cancellationToken);
        return erasure with { Pages = pages, Instances = Math.Max(uids.Count, erasure.Instances), Objects = objects.Count, Keys = [.. erasure.Keys.Union(ids)], StudyRevision = known?.Revision ?? 0 };
    }

    private async Task WalkAsync(ErasureRecord erasure, HashSet<string> uids, CancellationToken cancellationToken)
    {
        for (var after = ""; await _catalog.ListInstancesAsync(erasure.Institution, after, RowsPerRead, cancellationToken) is { Count: > 0 } rows; after = rows[^1].SopInstanceUid)
            uids.UnionWith(rows.Where(row => row.StudyKey == erasure.StudyKey).Select(row => row.SopInstanceUid));
    }

    /// <summary>
    /// Twice for a whole study: first nothing can stop it any more, and the record says so; then the key goes. Only the keys that the erased study had: a study that has come again
    /// under its UID has another.
    /// </summary>
    private async Task<ErasureRecord> DestroyKeyAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        if (erasure.Level != DeletionLevel.Study) return erasure;
        var ids = await _keys.IdsAsync(erasure.Institution, erasure.StudyKey, cancellationToken);
        if (!erasure.Destroying)
        {
            var study = await StudyAsync(erasure, cancellationToken);
            if (study is not null && !await _freeze.TryMarkAsync(erasure, study, cancellationToken)) return erasure with { Step = ErasureStep.Freeze - 1 };
            return erasure with { Destroying = true, Keys = study is null ? erasure.Keys : [.. erasure.Keys.Union(ids)], Step = ErasureStep.DestroyKey - 1 };
        }

        // Records that are set back in the next hour know nothing of it.
        if (_copies is not null) await _copies.WriteAsync(erasure, cancellationToken);
        if (ids.Intersect(erasure.Keys).Any()) await _keys.DestroyAsync(erasure.Institution, erasure.StudyKey, cancellationToken);
        return erasure;
    }

    private async Task<ErasureRecord?> CatalogAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        if (erasure.Level != DeletionLevel.Study) return await _instances.EndAsync(erasure, cancellationToken);
        var (uids, _) = await _pages.ReadAsync(erasure, cancellationToken);
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            if (await StudyAsync(erasure, cancellationToken) is not { } study) return erasure;

            // The last moment at which anybody can be told of it; it is hidden by now, and its day is counted without it.
            await StatisticsKeeper.MarkAsync(_documents, study, _time.GetUtcNow(), cancellationToken);
            if (_outbox is not null && study.Outbox.Count > 0)
            {
                await _outbox.PublishAsync(study, cancellationToken);
                continue;
            }

            if (await _commit.RemoveAsync(erasure.Institution, erasure.StudyKey, study.ETag(), uids, cancellationToken) == CommitOutcome.Committed) return erasure;
        }

        throw new IOException("The study was changed by others at every attempt.");
    }

    private async Task<ErasureRecord?> ObjectsAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        if (erasure.Level != DeletionLevel.Study) return await _instances.DropAsync(erasure, cancellationToken);
        var (_, objects) = await _pages.ReadAsync(erasure, cancellationToken);
        await _objects.DeleteAsync(erasure, objects, cancellationToken);
        return erasure;
    }

    private async Task<ErasureRecord> RecordsAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        if (erasure.Level != DeletionLevel.Study)
        {
            await _traces.CloseAsync(erasure with { At = _time.GetUtcNow() }, cancellationToken);
            return erasure;
        }

        var (items, patient) = await _traces.RemoveAsync(erasure with { At = _time.GetUtcNow() }, cancellationToken);
        await _pages.DeleteAsync(erasure, cancellationToken);
        return erasure with { IntakeItems = items, PatientErased = patient || erasure.PatientErased, StudyInstanceUid = null };
    }

    private async Task<ErasureRecord> PurgeAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        await _commit.PurgeAsync(cancellationToken);

        // Only now: a pack that is in the journal cannot be moved.
        if (erasure.Level != DeletionLevel.Study && _tiers is not null) await _tiers.FollowAsync(erasure.Institution, erasure.StudyKey, cancellationToken);
        return erasure;
    }

    private async Task<ErasureRecord> CertifyAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        var now = _time.GetUtcNow();
        var sequence = await _audit.AppendAsync(
            erasure.Institution,
            new AuditEvent(
                1, now, erasure.DecidedBy ?? erasure.RequestedBy, erasure.Institution, [], null, "erasure.done", null, erasure.StudyKey, erasure.PatientKey, erasure.Id, null,
                [
                    $"basis:{erasure.Basis}", $"level:{erasure.Level}", $"instances:{erasure.Instances}", $"objects:{erasure.Objects}", $"keys:{erasure.Keys.Count}",
                    .. erasure.BytesGoneBy is { } gone ? [$"bytesGoneBy:{gone:O}"] : Array.Empty<string>(),
                ],
                null, "done"),
            cancellationToken);
        var certificate = new ErasureCertificate(
            1, erasure.Institution, erasure.Id, erasure.StudyKey, erasure.PatientKey, erasure.Level, erasure.Basis, erasure.Reference, erasure.RequestedBy, erasure.DecidedBy, now, erasure.Keys,
            erasure.Instances, erasure.Objects, erasure.IntakeItems, erasure.PatientErased, erasure.BytesGoneBy, sequence, "");
        return erasure with { Status = ErasureStatus.Erased, At = now, StudyInstanceUid = null, Certificate = await certificate.SignAsync(_secrets, cancellationToken) };
    }

    private ValueTask<StudyDocument?> StudyAsync(ErasureRecord erasure, CancellationToken cancellationToken) => _freeze.StudyAsync(erasure, cancellationToken);

    private static DocumentKey Key(string institution, string id) => new(institution, ErasureRecord.Type, id);
}
