using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Lifecycle;
using Skylight.Core.Patients;
using Skylight.Core.Quarantine;
using Skylight.Core.Studies;

namespace Skylight.Core.Ingest;

/// <summary>
/// Commits what batches have for one study: read the study, decide about every instance, seal delta index and metadata, write the document conditionally;
/// on a conflict read again and decide again. Intake items are written after the commit that keeps their bytes; a repeated batch writes them if a crash came between.
/// </summary>
/// <param name="together">Of one institution and one document.</param>
internal sealed class StudyCommit(IngestService service, List<WaitingCommit> together)
{
    /// <summary>Writers of one study that conflict more often than this in a row do not make progress: the batch fails and is repeated.</summary>
    private const int MaxAttempts = 100;
    private const int RowsPerRead = 1000;

    private readonly string _institution = together[0].Batch.Context.Institution;
    private readonly List<WaitingCommit> _elsewhere = [];

    /// <summary>Answers those who turned out to belong to a provisional study; everybody else is committed and reported.</summary>
    public async Task<IReadOnlyCollection<WaitingCommit>> RunAsync(CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
            if (await TryAsync(cancellationToken)) return _elsewhere;
        throw new IOException("The study was changed by others at every attempt to commit.");
    }

    private async Task<bool> TryAsync(CancellationToken cancellationToken)
    {
        var current = (await service.Catalog.GetStudyByKeyAsync(_institution, together[0].Intake.DocumentKey, cancellationToken))?.Value;

        // Its key is going: what is sent again when it is gone is a new study.
        if (current is { Erasing: not null }) throw new StudyBeingErasedException();
        var rows = await RowsAsync(cancellationToken);
        var steps = new List<Step>(together.Count);
        var smalls = new List<SmallObject>();
        try
        {
            var next = current;
            foreach (var waiting in together)
            {
                if (_elsewhere.Contains(waiting) || await StepAsync(waiting, next, rows, smalls, cancellationToken) is not { } step) continue;
                steps.Add(step);
                next = step.After;
            }

            if (steps.Exists(step => step.Kept.Count > 0) && !await WriteAsync(current, next!, steps, smalls, cancellationToken)) return false;
        }
        finally
        {
            foreach (var small in smalls) small.Dispose();
        }

        foreach (var step in steps) await AfterAsync(step, cancellationToken);
        foreach (var step in steps) await RejectAsync(step, cancellationToken);
        return true;
    }

    /// <summary>What one batch adds to the study as the batches before it leave it; null when it belongs to the provisional study.</summary>
    private async Task<Step?> StepAsync(WaitingCommit waiting, StudyDocument? before, Dictionary<string, List<InstanceIndexRow>> rows, List<SmallObject> smalls, CancellationToken cancellationToken)
    {
        var (batch, intake) = (waiting.Batch, waiting.Intake);
        var match = await MatchAsync(intake, before, cancellationToken);
        if (match == PatientMatch.Different)
        {
            // The study was begun by another patient's upload while this batch was open.
            intake.IsProvisional = true;
            _elsewhere.Add(waiting);
            return null;
        }

        var decided = await DecideAsync(batch, intake, before, rows, cancellationToken);
        var kept = decided.Where(instance => instance.IsKept).ToList();
        if (kept.Count == 0) return new Step(waiting, match, before, before, decided, kept);
        var now = service.Time.GetUtcNow();
        now = now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond));
        var parts = await SealAsync(intake, kept, (before?.Revision ?? 0) + 1, before?.CreatedAt ?? now, smalls, cancellationToken);
        var counted = await ReplacedFrames.CountAsync(service, before, kept, cancellationToken);
        var after = StudyAssembler.Next(before, intake, match, counted, parts, batch.Context, TimeSpan.FromSeconds(service.Options.QuietSeconds), now);
        if (after.Hidden && kept.Exists(instance => instance.Pending.Accepted)) after = after with { Hidden = false, Deletion = null };
        return new Step(waiting, match, before, after, decided, kept);
    }

    private async ValueTask<PatientMatch> MatchAsync(StudyIntake intake, StudyDocument? before, CancellationToken cancellationToken) =>
        before is null || intake.IsProvisional || intake.Pending.Exists(instance => instance.Accepted)
            ? PatientMatch.Same
            : await service.Patients.CompareAsync(_institution, before.PatientKey, intake.Patient, intake.PatientKey, cancellationToken);

    /// <summary>What the institution has under the UIDs that are pending.</summary>
    private async Task<Dictionary<string, List<InstanceIndexRow>>> RowsAsync(CancellationToken cancellationToken)
    {
        var rows = new Dictionary<string, List<InstanceIndexRow>>(StringComparer.Ordinal);
        var pending = together.SelectMany(waiting => waiting.Intake.Pending).Select(instance => instance.Facts.Identity.SopInstanceUid).Distinct(StringComparer.Ordinal);
        foreach (var uids in pending.Chunk(RowsPerRead))
        {
            foreach (var row in await service.Catalog.FindInstancesAsync(_institution, uids, cancellationToken))
            {
                if (!rows.TryGetValue(row.SopInstanceUid, out var known)) rows[row.SopInstanceUid] = known = [];
                known.Add(row);
            }
        }

        return rows;
    }

    private async Task<List<DecidedInstance>> DecideAsync(
        IngestBatch batch, StudyIntake intake, StudyDocument? before, Dictionary<string, List<InstanceIndexRow>> rows, CancellationToken cancellationToken)
    {
        var decided = new List<DecidedInstance>(intake.Pending.Count);
        foreach (var pending in intake.Pending)
        {
            var uid = pending.Facts.Identity.SopInstanceUid;
            if (!rows.TryGetValue(uid, out var known)) rows[uid] = known = [];
            var instance = await DecideAsync(batch, intake, pending, before, known, cancellationToken);
            decided.Add(instance);
            if (!instance.IsKept) continue;
            // What has just been decided counts for the instances after it.
            if (instance.Decision.Replaces is { } replaced) known[known.IndexOf(replaced)] = replaced with { State = InstanceState.Superseded };
            known.Add(instance.Row(intake.DocumentKey, batch.Context.Origin));
        }

        return decided;
    }

    private async ValueTask<DecidedInstance> DecideAsync(
        IngestBatch batch, StudyIntake intake, PendingInstance pending, StudyDocument? before, List<InstanceIndexRow> rows, CancellationToken cancellationToken)
    {
        var facts = pending.Facts;
        var seriesKey = pending.Pack.SeriesKey;
        var incoming = new IncomingInstance(intake.DocumentKey, seriesKey, facts.DatasetDigest, facts.PixelDigest, facts.PixelDigestKind, pending.Trust, pending.Accepted, facts.EncodedPixelDigest);
        if (intake.IsProvisional)
        {
            var held = InstanceRules.Decide(incoming, rows.FindAll(row => row.StudyKey == intake.DocumentKey));
            if (held.Kind != OutcomeKind.Rejected) held = new InstanceDecision(OutcomeKind.Held, IngestReasons.PatientMismatch, held.Existing, null, 0, false);
            return new DecidedInstance(pending, held, seriesKey, await service.Items.IdAsync(_institution, $"study\n{intake.ProvisionalKey}", cancellationToken));
        }

        var decision = await DecideAsync(batch, pending, before, incoming, rows, cancellationToken);
        if (before is { Hidden: true } && !pending.Accepted && decision.Kind != OutcomeKind.Rejected)
        {
            decision = new InstanceDecision(OutcomeKind.Held, IngestReasons.StudyDeleted, decision.Existing, null, 0, false);
            return new DecidedInstance(pending, decision, seriesKey, await service.Items.IdAsync(_institution, $"deleted\n{intake.StudyKey}", cancellationToken));
        }

        var itemId = decision.Kind is OutcomeKind.Held or OutcomeKind.Rejected
            ? decision.Existing?.ItemId ?? await service.Items.IdAsync(
                _institution, $"held\n{facts.Identity.SopInstanceUid}\n{Convert.ToHexString(facts.DatasetDigest)}\n{Convert.ToHexString(facts.PixelDigest)}", cancellationToken)
            : null;
        return new DecidedInstance(pending, decision, seriesKey, itemId);
    }

    /// <summary>
    /// By identity; and held although identity says nothing against it where a rejection note comes from somebody who may not reject, or where the study is on hold and
    /// something shown of it would change. Such content is taken when it comes again and the ground is gone.
    /// </summary>
    private async ValueTask<InstanceDecision> DecideAsync(
        IngestBatch batch, PendingInstance pending, StudyDocument? before, IncomingInstance incoming, List<InstanceIndexRow> rows, CancellationToken cancellationToken)
    {
        var decision = InstanceRules.Decide(incoming, rows);
        if (pending.Accepted) return decision;
        var facts = pending.Facts;
        if (facts.Rejection is { } note && decision is { Kind: OutcomeKind.Rejected, Existing: { State: InstanceState.Hidden } hidden } && service.Rejections is { } rejections
            && await rejections.IsOwnAsync(_institution, note, hidden, cancellationToken))
            return new InstanceDecision(OutcomeKind.Duplicate, null, hidden, null, 0, false);
        var waited = decision is { Kind: OutcomeKind.Held, Reason: null, Existing.ItemId: { } item }
            && (await service.Items.GetAsync(_institution, item, cancellationToken))?.Value.Reason.Code is { } code && (code == IngestReasons.RejectionUnauthorised.Code || code == IngestReasons.StudyOnHold.Code);
        var free = waited ? InstanceRules.DecideWithout(decision.Existing!, incoming, rows) : decision;
        if (free.Kind is not (OutcomeKind.Stored or OutcomeKind.Revision)) return decision;
        var reason = facts.Rejection is not null && !batch.Context.Rejects ? IngestReasons.RejectionUnauthorised
            : before is { Hold: true } && Alters(before, facts, pending.Trust, free) ? IngestReasons.StudyOnHold
            : null;
        return reason is null ? free : new InstanceDecision(OutcomeKind.Held, reason, decision.Existing, null, 0, false);
    }

    private static bool Alters(StudyDocument before, InstanceFacts facts, SourceTrust trust, InstanceDecision decision) =>
        decision.Current && (decision.Replaces is not null || (trust > before.AttributesTrust && StudyAssembler.Differences(before.Attributes, facts.Study).Any()));

    private async Task<bool> WriteAsync(StudyDocument? current, StudyDocument next, List<Step> steps, List<SmallObject> smalls, CancellationToken cancellationToken)
    {
        if (current is null) await CheckKeysAsync(steps, cancellationToken);
        (next, var manifest) = await service.Parts.SpillAsync(next, service.Keys, service.Seal, cancellationToken);
        if (manifest is not null) smalls.Add(manifest);
        var rows = steps.SelectMany(step => step.Kept.SelectMany(instance => instance.Decision.Replaces is { } replaced
            ? [replaced with { State = InstanceState.Superseded }, instance.Row(step.Intake.DocumentKey, step.Batch.Context.Origin)]
            : new[] { instance.Row(step.Intake.DocumentKey, step.Batch.Context.Origin) }));
        var packs = steps.SelectMany(step => step.Kept).Select(instance => instance.Pending.Pack).Distinct().ToList();
        List<SmallObject> objects = [.. packs.Where(pack => pack.Small is not null).Select(pack => pack.Small!), .. smalls];
        foreach (var step in steps) await step.Batch.Recorded;
        foreach (var pack in packs) pack.Offer();
        var outcome = await service.Commit.CommitAsync(new CommitBatch(StudyChange.Of(current, next, Newest(rows)), objects), cancellationToken);
        if (outcome == CommitOutcome.Conflict)
        {
            foreach (var pack in packs) pack.Withdraw();
            return false;
        }

        foreach (var pack in packs) pack.Stored();
        foreach (var step in steps.Where(step => step.Kept.Count > 0)) Log.StudyCommitted(service.Logger, _institution, step.Intake.DocumentKey, step.Kept.Count, step.Decided.Count - step.Kept.Count);
        return true;
    }

    /// <summary>
    /// A study that is new, or new again: an erasure may have destroyed the key that this batch has sealed under while it was open. What is committed now could
    /// not be read, so the batch fails and is repeated under the new key.
    /// </summary>
    private async ValueTask CheckKeysAsync(List<Step> steps, CancellationToken cancellationToken)
    {
        foreach (var group in steps.GroupBy(step => step.Waiting.Intake.Folder, step => step.Kept))
        {
            var known = await service.Keys.IdsAsync(_institution, group.Key, cancellationToken);
            if (group.Any(kept => kept.Exists(instance => !known.Contains(instance.Pending.Pack.Key.ToString())))) throw new StudyBeingErasedException();
        }
    }

    /// <summary>One row for each identity: the last state that this batch gives it.</summary>
    private static List<InstanceIndexRow> Newest(IEnumerable<InstanceIndexRow> rows)
    {
        var newest = new Dictionary<(string, string, string), InstanceIndexRow>();
        foreach (var row in rows) newest[(row.SopInstanceUid, Convert.ToHexString(row.DatasetDigest), Convert.ToHexString(row.PixelDigest))] = row;
        return [.. newest.Values];
    }

    /// <summary>Closes the packs that are kept and seals a delta index and metadata for each.</summary>
    private async Task<List<(string SeriesKey, SeriesPart Part)>> SealAsync(StudyIntake intake, List<DecidedInstance> kept, long revision, DateTimeOffset created, List<SmallObject> smalls, CancellationToken cancellationToken)
    {
        var folder = SealedName.Folder(_institution, intake.Folder);
        using var key = await service.Keys.GetOrCreateAsync(_institution, intake.Folder, cancellationToken);
        var parts = new List<(string, SeriesPart)>();
        foreach (var group in kept.GroupBy(instance => instance.Pending.Pack))
        {
            await group.Key.CloseAsync(cancellationToken);
            var metadata = new SeriesMetadataBuilder();
            var documents = new HashSet<MetadataKey>();
            foreach (var instance in group)
            {
                var id = new MetadataKey(instance.Pending.Facts.Identity.SopInstanceUid, instance.Decision.Revision);
                if (documents.Add(id)) metadata.Add(id, instance.Pending.Facts.Metadata);
            }

            var (metadataReference, metadataObject) = metadata.Seal(folder, key, service.Seal);
            smalls.Add(metadataObject);
            var order = IndexEntry.CommitOf(revision, (smalls.Count / 2) + 1);
            var owner = intake.Folder == intake.DocumentKey ? "" : intake.DocumentKey;
            var (indexReference, indexObject) = new SeriesIndex([.. group.Select(instance => Entry(instance, group.Key.Reference!) with { Commit = order, Owner = owner, StudyCreatedAt = created })]).Seal(folder, key, service.Seal, metadataReference);
            smalls.Add(indexObject);
            parts.Add((group.Key.SeriesKey, new SeriesPart(Last(group.Key.Reference!.Name), Last(indexReference.Name), Last(metadataReference.Name), group.Count())
            {
                Folder = intake.Folder == intake.DocumentKey ? null : intake.Folder,
            }));
        }

        return parts;
    }

    private static string Last(string name) => name[(name.LastIndexOf('/') + 1)..];

    private static IndexEntry Entry(DecidedInstance instance, SealedReference pack)
    {
        var facts = instance.Pending.Facts;
        return new IndexEntry
        {
            SopInstanceUid = facts.Identity.SopInstanceUid,
            SopClassUid = facts.Identity.SopClassUid,
            TransferSyntaxUid = facts.TransferSyntaxUid,
            Pack = pack,
            Offset = instance.Pending.Offset,
            Length = facts.Length,
            DatasetOffset = facts.DatasetOffset,
            FileSha256 = facts.FileSha256,
            DatasetDigest = facts.DatasetDigest,
            PixelDigest = facts.PixelDigest,
            PixelDigestKind = facts.PixelDigestKind,
            FrameTable = facts.FrameTable,
            Revision = instance.Decision.Revision,
            Current = instance.Decision.Current,
            Trust = (int)instance.Pending.Trust,
            State = instance.Decision.Kind == OutcomeKind.Held ? EntryState.Held : EntryState.Stored,
            ReceivedAt = instance.Pending.ReceivedAt,
            InstanceNumber = facts.InstanceNumber,
            Rows = facts.Rows,
            Columns = facts.Columns,
            BitsAllocated = facts.BitsAllocated,
            Frames = facts.Frames,
        };
    }

    /// <summary>Reports the outcomes and writes what follows from them.</summary>
    private async Task AfterAsync(Step step, CancellationToken cancellationToken)
    {
        var (batch, intake, match, decided, current) = (step.Batch, step.Intake, step.Match, step.Decided, step.Before);
        if (match == PatientMatch.Identified && current is not null) await service.Patients.LinkAsync(_institution, current.PatientKey, intake.PatientKey, cancellationToken);
        var own = new HashSet<string>(StringComparer.Ordinal);
        foreach (var instance in decided)
        {
            var findings = batch.Outcome(instance.Pending.Outcome).Findings;
            if (current is not null && !intake.IsProvisional) findings = [.. findings, .. StudyAssembler.Differences(current.Attributes, instance.Pending.Facts.Study)];
            if (match == PatientMatch.Unnamed) findings = [.. findings, "patient-unnamed"];
            batch.Set(instance.Pending.Outcome, file => file with
            {
                Kind = Reported(batch, instance, own),
                Reason = instance.Decision.Reason,
                StudyKey = instance.Decision.Kind == OutcomeKind.Rejected ? null : intake.DocumentKey,
                ItemId = instance.ItemId,
                Findings = findings,
            });
        }

        foreach (var held in decided.Where(instance => instance.Decision.Kind == OutcomeKind.Held).GroupBy(instance => instance.ItemId))
            await service.Items.EnsureAsync(Item(step, held.First()), reopen: held.Any(instance => instance.IsKept), cancellationToken);
    }

    /// <summary>
    /// Carries out the rejection notes that this batch brought. A note that was stored before a crash is carried out when it comes again; what was carried out once is
    /// left alone, so that what somebody has brought back since stays.
    /// </summary>
    private async Task RejectAsync(Step step, CancellationToken cancellationToken)
    {
        if (service.Rejections is not { } rejections || step.Intake.IsProvisional) return;
        foreach (var instance in step.Decided.Where(instance => instance.Pending.Facts.Rejection is not null && instance.Decision is { Kind: OutcomeKind.Stored or OutcomeKind.Revision or OutcomeKind.Duplicate }))
        {
            if (await rejections.ApplyAsync(_institution, instance.Pending.Facts.Rejection!, $"node:{step.Batch.Context.Source.Name}", cancellationToken)) continue;
            step.Batch.Set(instance.Pending.Outcome, file => file with { Findings = [.. file.Findings, "rejection-not-applied"] });
        }
    }

    /// <summary>What this batch had stored before a crash kept it from saying so is its own work when it is repeated; a second copy in it is a duplicate still.</summary>
    private static OutcomeKind Reported(IngestBatch batch, DecidedInstance instance, HashSet<string> own)
    {
        var isOwn = instance.Decision is { Kind: OutcomeKind.Duplicate, Existing: { Origin: not 0 } row } && row.Origin == batch.Context.Origin;
        if (!own.Add($"{instance.Pending.Facts.Identity.SopInstanceUid}\n{Convert.ToHexString(instance.Pending.Facts.DatasetDigest)}") || !isOwn) return instance.Decision.Kind;
        return instance.Decision.Existing!.Revision > 1 ? OutcomeKind.Revision : OutcomeKind.Stored;
    }

    private IntakeItem Item(Step step, DecidedInstance held)
    {
        var (batch, intake) = (step.Batch, step.Intake);
        var pending = held.Pending;
        var single = !intake.IsProvisional && held.Decision.Reason != IngestReasons.StudyDeleted;
        return new IntakeItem
        {
            Institution = _institution,
            Id = held.ItemId!,
            Kind = single ? IntakeKind.HeldInstance : intake.IsProvisional ? IntakeKind.HeldStudy : IntakeKind.DeletedStudy,
            Reason = held.Decision.Reason!,
            CreatedAt = service.Time.GetUtcNow(),
            Source = batch.Context.Source,
            UploadId = batch.Context.UploadId,
            SopClassUid = single ? pending.Facts.Identity.SopClassUid : null,
            SopInstanceUid = single ? pending.Facts.Identity.SopInstanceUid : null,
            SeriesInstanceUid = single ? pending.Facts.Identity.SeriesInstanceUid : null,
            StudyInstanceUid = intake.StudyInstanceUid,
            StudyKey = intake.StudyKey,
            ProvisionalKey = intake.IsProvisional ? intake.ProvisionalKey : null,
            PatientKey = intake.PatientKey,
            Patient = intake.Patient,
        };
    }

    /// <summary>One batch's share of the commit.</summary>
    private sealed record Step(WaitingCommit Waiting, PatientMatch Match, StudyDocument? Before, StudyDocument? After, List<DecidedInstance> Decided, List<DecidedInstance> Kept)
    {
        public IngestBatch Batch => Waiting.Batch;

        public StudyIntake Intake => Waiting.Intake;
    }
}
