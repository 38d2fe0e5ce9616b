using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Patients;
using Skylight.Core.Quarantine;
using Skylight.Core.Studies;

namespace Skylight.Core.Ingest;

/// <summary>
/// Commits what a batch has for one study: read the study, decide about every instance, seal delta index and metadata, write the document conditionally;
/// on a conflict read again and decide again. Intake items are written after the commit that keeps their bytes; a repeated batch writes them if a crash came between.
/// </summary>
internal sealed class StudyCommit(IngestBatch batch, StudyIntake intake)
{
    /// <summary>Writers of one study that conflict more often than this in a row do not make progress: the batch fails and is repeated.</summary>
    private const int MaxAttempts = 100;
    private const int RowsPerRead = 1000;

    private readonly IngestService _service = batch.Service;
    private readonly string _institution = batch.Context.Institution;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
            if (await TryAsync(cancellationToken)) return;
        throw new IOException("The study was changed by others at every attempt to commit.");
    }

    private async Task<bool> TryAsync(CancellationToken cancellationToken)
    {
        var current = (await _service.Catalog.GetStudyByKeyAsync(_institution, intake.DocumentKey, cancellationToken))?.Value;
        var match = await MatchAsync(current, cancellationToken);
        if (match == PatientMatch.Different)
        {
            // The study was begun by another patient's upload while this batch was open.
            intake.IsProvisional = true;
            return false;
        }

        var decided = await DecideAsync(current, cancellationToken);
        var kept = decided.Where(instance => instance.IsKept).ToList();
        if (kept.Count > 0 && !await WriteAsync(current, match, decided, kept, cancellationToken)) return false;
        await AfterAsync(current, match, decided, cancellationToken);
        return true;
    }

    private async ValueTask<PatientMatch> MatchAsync(StudyDocument? current, CancellationToken cancellationToken) =>
        current is null || intake.IsProvisional || intake.Pending.Exists(instance => instance.Accepted)
            ? PatientMatch.Same
            : await _service.Patients.CompareAsync(_institution, current.PatientKey, intake.Patient, intake.PatientKey, cancellationToken);

    private async Task<List<DecidedInstance>> DecideAsync(StudyDocument? current, CancellationToken cancellationToken)
    {
        var rows = new Dictionary<string, List<InstanceIndexRow>>(StringComparer.Ordinal);
        foreach (var uids in intake.Pending.Select(instance => instance.Facts.Identity.SopInstanceUid).Distinct(StringComparer.Ordinal).Chunk(RowsPerRead))
        {
            foreach (var row in await _service.Catalog.FindInstancesAsync(_institution, uids, cancellationToken))
            {
                if (!rows.TryGetValue(row.SopInstanceUid, out var known)) rows[row.SopInstanceUid] = known = [];
                known.Add(row);
            }
        }

        var decided = new List<DecidedInstance>(intake.Pending.Count);
        foreach (var pending in intake.Pending)
        {
            var uid = pending.Facts.Identity.SopInstanceUid;
            if (!rows.TryGetValue(uid, out var known)) rows[uid] = known = [];
            var instance = await DecideAsync(pending, current, known, cancellationToken);
            decided.Add(instance);
            if (!instance.IsKept) continue;
            // What this batch has just decided counts for the instances after it.
            if (instance.Decision.Replaces is { } replaced) known[known.IndexOf(replaced)] = replaced with { State = InstanceState.Superseded };
            known.Add(instance.Row(intake.DocumentKey, batch.Context.Origin));
        }

        return decided;
    }

    private async ValueTask<DecidedInstance> DecideAsync(PendingInstance pending, StudyDocument? current, List<InstanceIndexRow> rows, CancellationToken cancellationToken)
    {
        var facts = pending.Facts;
        var seriesKey = pending.Pack.SeriesKey;
        var incoming = new IncomingInstance(intake.DocumentKey, seriesKey, facts.DatasetDigest, facts.PixelDigest, facts.PixelDigestKind, pending.Trust, pending.Accepted);
        if (intake.IsProvisional)
        {
            var held = InstanceRules.Decide(incoming, rows.FindAll(row => row.StudyKey == intake.DocumentKey));
            if (held.Kind != OutcomeKind.Rejected) held = new InstanceDecision(OutcomeKind.Held, IngestReasons.PatientMismatch, held.Existing, null, 0, false);
            return new DecidedInstance(pending, held, seriesKey, await _service.Items.IdAsync(_institution, $"study\n{intake.ProvisionalKey}", cancellationToken));
        }

        var decision = InstanceRules.Decide(incoming, rows);
        if (current is { Hidden: true } && !pending.Accepted && decision.Kind != OutcomeKind.Rejected)
        {
            decision = new InstanceDecision(OutcomeKind.Held, IngestReasons.StudyDeleted, decision.Existing, null, 0, false);
            return new DecidedInstance(pending, decision, seriesKey, await _service.Items.IdAsync(_institution, $"deleted\n{intake.StudyKey}", cancellationToken));
        }

        var itemId = decision.Kind is OutcomeKind.Held or OutcomeKind.Rejected
            ? decision.Existing?.ItemId ?? await _service.Items.IdAsync(
                _institution, $"held\n{facts.Identity.SopInstanceUid}\n{Convert.ToHexString(facts.DatasetDigest)}\n{Convert.ToHexString(facts.PixelDigest)}", cancellationToken)
            : null;
        return new DecidedInstance(pending, decision, seriesKey, itemId);
    }

    private async Task<bool> WriteAsync(StudyDocument? current, PatientMatch match, List<DecidedInstance> decided, List<DecidedInstance> kept, CancellationToken cancellationToken)
    {
        var smalls = new List<SmallObject>();
        try
        {
            var parts = await SealAsync(kept, smalls, cancellationToken);
            var next = StudyAssembler.Next(current, intake, match, kept, parts, batch.Context, TimeSpan.FromSeconds(_service.Options.QuietSeconds), _service.Time.GetUtcNow());
            var accepted = kept.Exists(instance => instance.Pending.Accepted);
            if (accepted && next.Hidden) next = next with { Hidden = false, Deletion = null };
            (next, var manifest) = await _service.Parts.SpillAsync(next, _service.Keys, _service.Seal, cancellationToken);
            if (manifest is not null) smalls.Add(manifest);
            var rows = kept.SelectMany(instance => instance.Decision.Replaces is { } replaced
                ? [replaced with { State = InstanceState.Superseded }, instance.Row(intake.DocumentKey, batch.Context.Origin)]
                : new[] { instance.Row(intake.DocumentKey, batch.Context.Origin) });
            var packs = kept.Select(instance => instance.Pending.Pack).Distinct().ToList();
            List<SmallObject> objects = [.. packs.Where(pack => pack.Small is not null).Select(pack => pack.Small!), .. smalls];
            var outcome = await _service.Commit.CommitAsync(new CommitBatch(StudyChange.Of(current, next, Newest(rows)), objects), cancellationToken);
            if (outcome == CommitOutcome.Conflict) return false;
            foreach (var pack in packs) pack.Stored();
            Log.StudyCommitted(_service.Logger, _institution, intake.DocumentKey, kept.Count, decided.Count - kept.Count);
            return true;
        }
        finally
        {
            foreach (var small in smalls) small.Dispose();
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
    private async Task<List<(string SeriesKey, SeriesPart Part)>> SealAsync(List<DecidedInstance> kept, List<SmallObject> smalls, CancellationToken cancellationToken)
    {
        var folder = SealedName.Folder(_institution, intake.Folder);
        using var key = await _service.Keys.GetOrCreateAsync(_institution, intake.Folder, cancellationToken);
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

            var (metadataReference, metadataObject) = metadata.Seal(folder, key, _service.Seal);
            smalls.Add(metadataObject);
            var (indexReference, indexObject) = new SeriesIndex([.. group.Select(instance => Entry(instance, group.Key.Reference!))]).Seal(folder, key, _service.Seal);
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
    private async Task AfterAsync(StudyDocument? current, PatientMatch match, List<DecidedInstance> decided, CancellationToken cancellationToken)
    {
        if (match == PatientMatch.Identified && current is not null) await _service.Patients.LinkAsync(_institution, current.PatientKey, intake.PatientKey, cancellationToken);
        var own = new HashSet<string>(StringComparer.Ordinal);
        foreach (var instance in decided)
        {
            var findings = batch.Outcome(instance.Pending.Outcome).Findings;
            if (current is not null && !intake.IsProvisional) findings = [.. findings, .. StudyAssembler.Differences(current.Attributes, instance.Pending.Facts.Study)];
            if (match == PatientMatch.Unnamed) findings = [.. findings, "patient-unnamed"];
            batch.Set(instance.Pending.Outcome, file => file with
            {
                Kind = Reported(instance, own),
                Reason = instance.Decision.Reason,
                StudyKey = instance.Decision.Kind == OutcomeKind.Rejected ? null : intake.DocumentKey,
                ItemId = instance.ItemId,
                Findings = findings,
            });
        }

        foreach (var held in decided.Where(instance => instance.Decision.Kind == OutcomeKind.Held).GroupBy(instance => instance.ItemId))
            await _service.Items.EnsureAsync(Item(held.First()), reopen: held.Any(instance => instance.IsKept), cancellationToken);
    }

    /// <summary>What this batch had stored before a crash kept it from saying so is its own work when it is repeated; a second copy in it is a duplicate still.</summary>
    private OutcomeKind Reported(DecidedInstance instance, HashSet<string> own)
    {
        var isOwn = instance.Decision is { Kind: OutcomeKind.Duplicate, Existing: { Origin: not 0 } row } && row.Origin == batch.Context.Origin;
        if (!own.Add($"{instance.Pending.Facts.Identity.SopInstanceUid}\n{Convert.ToHexString(instance.Pending.Facts.DatasetDigest)}") || !isOwn) return instance.Decision.Kind;
        return instance.Decision.Existing!.Revision > 1 ? OutcomeKind.Revision : OutcomeKind.Stored;
    }

    private IntakeItem Item(DecidedInstance held)
    {
        var pending = held.Pending;
        var single = !intake.IsProvisional && held.Decision.Reason != IngestReasons.StudyDeleted;
        return new IntakeItem
        {
            Institution = _institution,
            Id = held.ItemId!,
            Kind = single ? IntakeKind.HeldInstance : intake.IsProvisional ? IntakeKind.HeldStudy : IntakeKind.DeletedStudy,
            Reason = held.Decision.Reason!,
            CreatedAt = _service.Time.GetUtcNow(),
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
}
