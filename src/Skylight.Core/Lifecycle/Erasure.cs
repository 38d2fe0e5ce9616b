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
using Skylight.Core.Integrity;
using Skylight.Core.Keys.Backup;
using Skylight.Core.Statistics;
using Skylight.Core.Studies;
using Skylight.Core.Tiers;

namespace Skylight.Core.Lifecycle;

/// <summary>
/// Carries out erasures, step by step: each step is safe to repeat, and the record remembers which are done, so that a killed erasure goes on where it was. The key
/// goes first; from then on whatever is left, anywhere, cannot be read.
/// </summary>
/// <param name="rehydrations">Brings archived studies back; null for a tool on a host at rest, which leaves what waits for that to the host.</param>
/// <param name="replica">The second copy of the objects, where one is configured.</param>
/// <param name="copies">Where an erasure is known before it destroys anything; null for a tool on a host at rest.</param>
/// <param name="outbox">Publishes what waits in a study's document before that goes; null where nobody is told.</param>
public sealed class Erasure(
    ICatalog catalog, ICommit commit, IDocuments documents, IObjectStore store, StudyKeys keys, StudyParts parts, SeriesMerge merge, Deletions deletions, ErasureRequests requests, ErasureTraces traces,
    ErasedContent erased, InstitutionSecrets secrets, InstitutionDirectory institutions, IAuditLog audit, TimeProvider time, Rehydrations? rehydrations = null, [FromKeyedServices("replica")] IObjectStore? replica = null,
    ErasureCopies? copies = null, StudyOutbox? outbox = null)
{
    private const int MaxAttempts = 50;
    private const int RowsPerRead = 1000;

    /// <summary>How often what was retired long enough ago is deleted.</summary>
    private static readonly TimeSpan s_retiredRound = TimeSpan.FromHours(1);

    private readonly ErasurePages _pages = new(documents);
    private readonly ErasureFreeze _freeze = new(catalog, commit, keys, deletions, requests, time);
    private readonly InstanceStates _states = new(catalog, store, keys, parts);

    /// <summary>The record, or null.</summary>
    public async ValueTask<Stored<ErasureRecord>?> GetAsync(string institution, string id, CancellationToken cancellationToken) =>
        await documents.GetAsync<ErasureRecord>(Key(institution, id), cancellationToken);

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
            ErasureStep.Freeze => await SettleAsync(await _freeze.FreezeAsync(erasure, cancellationToken), cancellationToken),
            ErasureStep.Collect => await CollectAsync(erasure, cancellationToken),
            ErasureStep.DestroyKey => await DestroyKeyAsync(erasure, cancellationToken),
            ErasureStep.Catalog => await CatalogAsync(erasure, cancellationToken),
            ErasureStep.Objects => await ObjectsAsync(erasure, cancellationToken),
            ErasureStep.Records => await RecordsAsync(erasure, cancellationToken),
            ErasureStep.Purge => await PurgeAsync(erasure, cancellationToken),
            _ => await CertifyAsync(erasure, cancellationToken),
        };
        if (next is null) return false;
        next = next with { Step = next.Step + 1 };
        await documents.PutAsync(Key(institution, id), next, Match.Version(stored.ETag), ErasureRequests.Terms(next), cancellationToken);
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
            var kept = erasure.Marks is { } marks ? await erased.WriteAsync(erasure, marks, cancellationToken) : erasure;
            if (!await erased.IsBackAsync(kept, cancellationToken))
            {
                // The restored records do not know of it: the next restore must. One that is under way in them goes on when the host starts.
                if (known is null) await PutAgainAsync(kept, kept.Status == ErasureStatus.Erased ? kept : Begin(kept), cancellationToken);
                continue;
            }

            var study = (await catalog.GetStudyByKeyAsync(erasure.Institution, erasure.StudyKey, cancellationToken))?.Value;
            var again = kept.Level == DeletionLevel.Study || study is null ? 0 : (await erased.FindAsync(study, kept, cancellationToken)).Select(entry => entry.Item1).Distinct().Count();
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
        await foreach (var institution in institutions.CodesAsync(cancellationToken)) list.AddRange(await erased.ListAsync(institution, cancellationToken));
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
        await documents.PutAsync(Key(erasure.Institution, erasure.Id), next, Match.Any, ErasureRequests.Terms(next), cancellationToken);

    /// <summary>What was listed of something that is not erased is forgotten.</summary>
    private async Task<ErasureRecord> SettleAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        if (erasure.Status != ErasureStatus.Refused) return erasure;
        await _pages.DeleteAsync(erasure, cancellationToken);
        if (copies is not null) await copies.RevokeAsync(erasure, cancellationToken);
        return await erased.ForgetAsync(erasure, cancellationToken) with { Pages = 0, Instances = 0, Objects = 0, Keys = [] };
    }

    private async Task<ErasureRecord> CollectAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        if (erasure.Level != DeletionLevel.Study)
        {
            // What was marked before it was destroyed is known by its marks.
            if (erasure.Again || await StudyAsync(erasure, cancellationToken) is not { } left) return erasure;
            var hidden = await deletions.HiddenByAsync(left, erasure.DeletionId!, cancellationToken);
            if (hidden.Count == 0 && await deletions.GetAsync(erasure.Institution, erasure.DeletionId!, cancellationToken) is not { Value.Refused: > 0 })
                return await SettleAsync(await _freeze.StopAsync(erasure, ErasureRefusal.Missing, cancellationToken), cancellationToken);
            return await erased.MarkAsync(erasure, left, hidden, cancellationToken);
        }

        var known = await StudyAsync(erasure, cancellationToken);
        var ids = await keys.IdsAsync(erasure.Institution, erasure.StudyKey, cancellationToken);

        // Gone; and if another has come in its place, nothing of that is touched.
        if (known is null && !ids.Intersect(erasure.Keys).Any()) return erasure;
        var objects = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var name in store.ListAsync($"{SealedName.Folder(erasure.Institution, erasure.StudyKey)}/", cancellationToken)) objects.Add(name);
        var uids = new HashSet<string>(StringComparer.Ordinal);
        if (known is { } study)
        {
            erasure = erasure with { PatientKeys = [.. erasure.PatientKeys.Union(await traces.PatientsAsync(study, cancellationToken))] };
            try
            {
                foreach (var part in (await parts.ListAllAsync(study, cancellationToken)).Values.SelectMany(list => list))
                {
                    foreach (var name in (string[])[part.Index, part.Metadata, part.Pack]) objects.Add(part.ObjectName(study, name));
                    var index = await SeriesIndex.ReadAsync(store, part.ObjectName(study, part.Index), keys, cancellationToken);
                    uids.UnionWith(index.Entries.Select(entry => entry.SopInstanceUid));
                }

                uids.UnionWith((await _states.Contents.NotesAsync(study, cancellationToken)).SelectMany(note => note.Named));
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
        for (var after = ""; await catalog.ListInstancesAsync(erasure.Institution, after, RowsPerRead, cancellationToken) is { Count: > 0 } rows; after = rows[^1].SopInstanceUid)
            uids.UnionWith(rows.Where(row => row.StudyKey == erasure.StudyKey).Select(row => row.SopInstanceUid));
    }

    /// <summary>
    /// Twice for a whole study: first nothing can stop it any more, and the record says so; then the key goes. Only the keys that the erased study had: a study that has come again
    /// under its UID has another.
    /// </summary>
    private async Task<ErasureRecord> DestroyKeyAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        if (erasure.Level != DeletionLevel.Study) return erasure;
        var ids = await keys.IdsAsync(erasure.Institution, erasure.StudyKey, cancellationToken);
        if (!erasure.Destroying)
        {
            var study = await StudyAsync(erasure, cancellationToken);
            if (study is not null && !await _freeze.TryMarkAsync(erasure, study, cancellationToken)) return erasure with { Step = ErasureStep.Freeze - 1 };
            return erasure with { Destroying = true, Keys = study is null ? erasure.Keys : [.. erasure.Keys.Union(ids)], Step = ErasureStep.DestroyKey - 1 };
        }

        // Records that are set back in the next hour know nothing of it.
        if (copies is not null) await copies.WriteAsync(erasure, cancellationToken);
        if (ids.Intersect(erasure.Keys).Any()) await keys.DestroyAsync(erasure.Institution, erasure.StudyKey, cancellationToken);
        return erasure;
    }

    private async Task<ErasureRecord?> CatalogAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        if (erasure.Level != DeletionLevel.Study) return await EndInstancesAsync(erasure, cancellationToken);
        var (uids, _) = await _pages.ReadAsync(erasure, cancellationToken);
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            if (await StudyAsync(erasure, cancellationToken) is not { } study) return erasure;

            // The last moment at which anybody can be told of it; it is hidden by now, and its day is counted without it.
            await StatisticsKeeper.MarkAsync(documents, study, time.GetUtcNow(), cancellationToken);
            if (outbox is not null && study.Outbox.Count > 0)
            {
                await outbox.PublishAsync(study, cancellationToken);
                continue;
            }

            if (await commit.RemoveAsync(erasure.Institution, erasure.StudyKey, study.ETag(), uids, cancellationToken) == CommitOutcome.Committed) return erasure;
        }

        throw new IOException("The study was changed by others at every attempt.");
    }

    /// <summary>
    /// Instances: their entries become deleted ones, which the next step leaves out of the packs. Twice: first the record says so. Null while the study has to be brought back from the
    /// archive for that; until then a hold can stop it. (What a restore has brought back is not served in the meantime.)
    /// </summary>
    private async Task<ErasureRecord?> EndInstancesAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            if (await StudyAsync(erasure, cancellationToken) is not { } study) return erasure;
            if (!erasure.Destroying)
            {
                if (await _freeze.ForbidsAsync(erasure, study, cancellationToken) is { } forbids) return await SettleAsync(await _freeze.StopAsync(erasure, forbids, cancellationToken), cancellationToken);
                if (erasure.WaitsForApproval(study)) return await _freeze.AskAgainAsync(erasure, cancellationToken);
                if (!erasure.Again && rehydrations is not null && study.Tier == StorageTier.Archive && !(await rehydrations.RequestAsync(study, cancellationToken)).Readable) return null;
                return erasure with { Destroying = true, Step = ErasureStep.Catalog - 1 };
            }

            var hidden = await deletions.HiddenByAsync(study, erasure.DeletionId!, cancellationToken);
            if (erasure.Again) hidden.UnionWith(await erased.FindAsync(study, erasure, cancellationToken));
            var items = new HashSet<string>(StringComparer.Ordinal);
            using var change = await _states.PrepareAsync(
                study,
                (_, entry) => hidden.Contains(Deletions.Identity(entry)) ? entry with { State = EntryState.Deleted, Current = false, Deletion = "" } : null,
                (_, row) =>
                {
                    if (row is { State: InstanceState.Held, ItemId: { } item }) items.Add(item);
                    return row with { State = InstanceState.Deleted, ItemId = null };
                },
                cancellationToken);
            var freed = await deletions.GetAsync(erasure.Institution, erasure.DeletionId!, cancellationToken) is { Value: var deletion } ? await new Refusals(catalog, _states.Contents).LiftAsync(study, deletion, cancellationToken) : [];
            if (change is null && freed.Count == 0) return erasure;
            if (await _freeze.ForbidsAsync(erasure, study, cancellationToken) is { } why) return await SettleAsync(await _freeze.StopAsync(erasure, why, cancellationToken), cancellationToken);
            if (copies is not null) await copies.WriteAsync(await erased.WithMarksAsync(erasure, cancellationToken), cancellationToken);
            if (change is not null)
            {
                // A thumbnail may show what is erased; the orphan sweep finds the object if a crash keeps it.
                (change.Rows, change.Next) = ([.. change.Rows, .. freed], change.Next with { Preview = null, Held = Math.Max(0, change.Next.Held - items.Count) });
            }

            var batch = change?.Batch ?? new CommitBatch(StudyChange.Of(study, study, freed), []);
            if (await commit.CommitAsync(batch, cancellationToken) != CommitOutcome.Committed) continue;
            if (change is not null && study.Preview is { } preview) await DeleteAsync(preview, cancellationToken);

            // Held in the restored moment, and taken in and erased since.
            foreach (var item in items) await traces.RemoveItemAsync(erasure.Institution, item, cancellationToken);
            return change is null || erasure.Again ? erasure : erasure with { Instances = change.Count };
        }

        throw new IOException("The study was changed by others at every attempt.");
    }

    /// <summary>Null while instances cannot be dropped because their study is on its way out of the archive.</summary>
    private async Task<ErasureRecord?> ObjectsAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        if (erasure.Level != DeletionLevel.Study)
        {
            // What is replaced is deleted when nobody can be reading it any more, a day later.
            var replaced = await merge.DropAsync(erasure.Institution, erasure.StudyKey, cancellationToken);
            if (replaced is null && rehydrations is not null && await StudyAsync(erasure, cancellationToken) is { } archived && (await rehydrations.RequestAsync(archived, cancellationToken)).Readable)
                replaced = await merge.DropAsync(erasure.Institution, erasure.StudyKey, cancellationToken);
            if (replaced is null) return null;

            // On a host at rest nobody reads what was replaced.
            if (rehydrations is null)
                foreach (var name in replaced) await DeleteAsync(name, cancellationToken);
            await DeleteDamagedAsync(erasure, cancellationToken);
            var emptied = await StudyAsync(erasure, cancellationToken) is { } left && ErasureFreeze.IsEmpty(left);

            // Nothing is left of the study but its name: it goes whole, from the first step on.
            return emptied ? erasure with { Level = DeletionLevel.Study, EmptiedFrom = erasure.Level, Destroying = false, Step = ErasureStep.Freeze - 1 }
                : erasure with { Objects = replaced.Count, BytesGoneBy = rehydrations is null ? null : time.GetUtcNow() + RetiredObjects.Grace + s_retiredRound };
        }

        var (_, objects) = await _pages.ReadAsync(erasure, cancellationToken);
        foreach (var name in objects) await DeleteAsync(name, cancellationToken);
        await DeleteDamagedAsync(erasure, cancellationToken);

        // What a merge or a re-encryption wrote while the list was made is under a destroyed key; the same study, received anew, is under another.
        await foreach (var name in store.ListAsync($"{SealedName.Folder(erasure.Institution, erasure.StudyKey)}/", cancellationToken))
            if (await IsUnderAsync(erasure.Keys, name, cancellationToken)) await DeleteAsync(name, cancellationToken);
        return erasure;
    }

    /// <summary>Damaged objects that were replaced by their second copies, and kept: those of a study that stays are under a key that stays.</summary>
    private async ValueTask DeleteDamagedAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        var folder = $"{ObjectCheck.Kept}{SealedName.Folder(erasure.Institution, erasure.StudyKey)}/";
        foreach (var copies in (IObjectStore?[])[store, replica])
        {
            if (copies is null) continue;
            await foreach (var name in copies.ListAsync(folder, cancellationToken)) await copies.DeleteAsync(name, cancellationToken);
        }
    }

    private async ValueTask DeleteAsync(string name, CancellationToken cancellationToken)
    {
        await store.DeleteAsync(name, cancellationToken);
        if (replica is not null) await replica.DeleteAsync(name, cancellationToken);
    }

    private async ValueTask<bool> IsUnderAsync(IReadOnlyList<string> destroyed, string name, CancellationToken cancellationToken)
    {
        try
        {
            return destroyed.Contains((await SealedObjectReader.ReadHeaderAsync(store, name, cancellationToken)).KeyId.ToString());
        }
        catch (Exception error) when (error is ObjectMissingException or ObjectArchivedException or SealedObjectException)
        {
            // Gone meanwhile, or nobody can say whose it is: the sweep of objects that nothing names has it.
            return false;
        }
    }

    private async Task<ErasureRecord> RecordsAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        if (erasure.Level != DeletionLevel.Study)
        {
            await traces.CloseAsync(erasure with { At = time.GetUtcNow() }, cancellationToken);
            return erasure;
        }

        var (items, patient) = await traces.RemoveAsync(erasure with { At = time.GetUtcNow() }, cancellationToken);
        await _pages.DeleteAsync(erasure, cancellationToken);
        return erasure with { IntakeItems = items, PatientErased = patient || erasure.PatientErased, StudyInstanceUid = null };
    }

    private async Task<ErasureRecord> PurgeAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        await commit.PurgeAsync(cancellationToken);
        return erasure;
    }

    private async Task<ErasureRecord> CertifyAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var sequence = await audit.AppendAsync(
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
        return erasure with { Status = ErasureStatus.Erased, At = now, StudyInstanceUid = null, Certificate = await certificate.SignAsync(secrets, cancellationToken) };
    }

    private ValueTask<StudyDocument?> StudyAsync(ErasureRecord erasure, CancellationToken cancellationToken) => _freeze.StudyAsync(erasure, cancellationToken);

    private static DocumentKey Key(string institution, string id) => new(institution, ErasureRecord.Type, id);
}
