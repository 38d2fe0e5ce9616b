using Skylight.Archive.Objects;
using Skylight.Archive.Series;
using Skylight.Core.Ingest;
using Skylight.Core.Lifecycle;
using Skylight.Core.Patients;
using Skylight.Core.Quarantine;
using Skylight.Core.Studies;
using Skylight.Dicom;

namespace Skylight.Core.Catalog;

/// <summary>A study as its objects tell it.</summary>
internal sealed record RebuiltStudy(StudyDocument Document, IReadOnlyList<InstanceIndexRow> Rows, PatientIdentity Patient);

/// <summary>
/// Makes a study document and its index rows from the study's parts: the instances go through the rules of ingest again, in the order of their commits; the
/// states at the end are those of the merged indexes.
/// </summary>
internal sealed class StudyRebuild(IObjectStore store, IngestService ingest, IntakeItems items)
{
    /// <summary>Above every revision that the study ever had, so that no ETag of old names a new state.</summary>
    private const long RevisionLeap = 1_000_000;

    /// <summary>Null when no document says which study it is.</summary>
    public async Task<RebuiltStudy?> BuildAsync(string institution, string studyKey, IReadOnlyList<FoundPart> parts, CancellationToken cancellationToken)
    {
        var first = parts.Select(part => part.AnyDocument).OfType<DicomDataset>().FirstOrDefault();
        if (first?.GetString(DicomTags.StudyInstanceUID)?.Trim(' ', '\0') is not { Length: > 0 } uid) return null;
        var ownKey = await ingest.StudyKeyAsync(institution, uid, cancellationToken);
        var identity = InstanceFactsReader.Patient(first);
        var study = new StudyDocument
        {
            Institution = institution,
            StudyKey = studyKey,
            StudyInstanceUid = uid,
            ProvisionalOf = ownKey == studyKey ? null : ownKey,
            PatientKey = await ingest.Patients.KeyAsync(institution, identity, uid, cancellationToken),
            PatientProvisional = identity.NormalisedId is null,
            Parties = new StudyParties { Custodian = institution, Performing = institution },
            Attributes = new StudyAttributes(),
            State = StudyState.Complete,
        };
        var seriesOf = await SeriesAsync(institution, parts, cancellationToken);
        (study, identity) = await ReplayAsync(study, identity, parts, seriesOf, cancellationToken);
        study = await FinishAsync(Served(study, parts, seriesOf), parts, cancellationToken);
        return new RebuiltStudy(study, await RowsAsync(study, parts, seriesOf, cancellationToken), identity);
    }

    /// <summary>What was hidden because its time was over may be sent again, which only the deletion's record says.</summary>
    public static InstanceIndexRow Settle(InstanceIndexRow row, ILookup<string, DeletionRecord> deletions) =>
        row.State == InstanceState.Hidden && deletions[row.StudyKey].FirstOrDefault(record => record.Id == row.ItemId) is { } record ? row with { State = Deletions.RowState(record.Reason) } : row;

    /// <summary>Rows that keep out what the study's rejection notes name and it does not have, as long as their deletions are in force.</summary>
    public static IEnumerable<InstanceIndexRow> Refusals(string studyKey, IReadOnlyList<FoundPart> parts, ILookup<string, DeletionRecord> deletions)
    {
        var entries = SeriesIndex.Merge([.. parts.Select(part => part.Content)]).Entries;
        foreach (var record in deletions[studyKey].Where(record => record.Refused > 0))
        {
            var note = parts.SelectMany(part => part.Entries.Where(entry => entry.SopInstanceUid == record.RejectionNote).Select(entry => (Entry: entry, Document: part.Document(entry))))
                .Where(item => item.Document is not null).Select(item => InstanceFactsReader.Of(item.Entry, item.Document!).Rejection).LastOrDefault(note => note is not null);
            foreach (var row in note is null ? [] : Lifecycle.Refusals.Rows(studyKey, note, entries, record.Id)) yield return row;
        }
    }

    /// <summary>The series of each part: by its documents, or by the instances whose states it changes.</summary>
    private async Task<Dictionary<FoundPart, string>> SeriesAsync(string institution, IReadOnlyList<FoundPart> parts, CancellationToken cancellationToken)
    {
        var (found, byUid) = (new Dictionary<FoundPart, string>(), new Dictionary<string, string>(StringComparer.Ordinal));
        foreach (var part in parts)
        {
            var uid = part.AnyDocument?.GetString(DicomTags.SeriesInstanceUID)?.Trim(' ', '\0');
            var key = uid is not null ? await ingest.SeriesKeyAsync(institution, uid, cancellationToken)
                : part.Entries.Select(entry => byUid.GetValueOrDefault(entry.SopInstanceUid)).FirstOrDefault(known => known is not null);
            if (key is null) continue;
            found[part] = key;
            foreach (var entry in part.Entries) byUid.TryAdd(entry.SopInstanceUid, key);
        }

        return found;
    }

    private async Task<(StudyDocument, PatientIdentity)> ReplayAsync(
        StudyDocument study, PatientIdentity identity, IReadOnlyList<FoundPart> parts, Dictionary<FoundPart, string> seriesOf, CancellationToken cancellationToken)
    {
        var (seen, current, held) = (new HashSet<(string, int, string)>(), new Dictionary<string, SourceTrust>(StringComparer.Ordinal), new HashSet<string>(StringComparer.Ordinal));
        var arrivals = parts.Where(seriesOf.ContainsKey).SelectMany(part => part.Entries.Select((entry, at) => (Part: part, Entry: entry, At: at)))
            .OrderBy(item => item.Entry.Arrival).ThenBy(item => item.Part.Order).ThenBy(item => item.At);
        foreach (var (part, entry, _) in arrivals)
        {
            if (part.Document(entry) is not { } dataset || !seen.Add((entry.SopInstanceUid, entry.Revision, Convert.ToHexString(entry.FileSha256)))) continue;
            var trust = (SourceTrust)entry.Trust;
            var content = $"{entry.SopInstanceUid}\n{Convert.ToHexString(entry.DatasetDigest)}\n{Convert.ToHexString(entry.PixelDigest)}";
            var isHeld = entry.State == EntryState.Held;
            var before = current.TryGetValue(entry.SopInstanceUid, out var known) ? known : (SourceTrust?)null;
            var wins = !isHeld && (before is null || entry.Current || trust >= before);
            var decision = new InstanceDecision(
                isHeld ? OutcomeKind.Held : entry.Revision > 1 ? OutcomeKind.Revision : OutcomeKind.Stored, null, null, before is not null && wins ? Row(study, entry, seriesOf[part]) : null,
                entry.Revision, wins, !isHeld && held.Remove(content));
            if (isHeld) held.Add(content);
            if (wins) current[entry.SopInstanceUid] = trust;
            study = StudyAssembler.Add(study, seriesOf[part], InstanceFactsReader.Of(entry, dataset), trust, decision, inference: false);
            if (!study.PatientProvisional || isHeld || InstanceFactsReader.Patient(dataset) is not { NormalisedId: not null } named) continue;

            // The study's patient became known by a later file.
            (identity, study) = (named, study with { PatientProvisional = false, PatientKey = await ingest.Patients.KeyAsync(study.Institution, named, study.StudyInstanceUid, cancellationToken) });
        }

        return (study, identity);
    }

    /// <summary>Parts and counts as the merged indexes have them; and where states were changed since, what the instances that are still served show.</summary>
    private static StudyDocument Served(StudyDocument study, IReadOnlyList<FoundPart> parts, Dictionary<FoundPart, string> seriesOf)
    {
        var series = new List<SeriesRecord>();
        var facts = new List<(string, IndexEntry, InstanceFacts)>();
        var changed = false;
        foreach (var record in study.Series)
        {
            var own = parts.Where(part => seriesOf.GetValueOrDefault(part) == record.SeriesKey).ToList();
            var merged = SeriesIndex.Merge([.. own.Select(part => part.Content)]);
            var served = merged.Served.ToList();
            changed |= merged.Entries.Any(entry => entry.Arrived > 0 || entry.State is EntryState.Hidden or EntryState.Deleted);
            foreach (var entry in served)
                if (own.Select(part => part.Document(entry)).FirstOrDefault(document => document is not null) is { } document) facts.Add((record.SeriesKey, entry, InstanceFactsReader.Of(entry, document)));
            series.Add(record with
            {
                Parts = [.. own.Where(part => part.Metadata is not null).Select(part => new SeriesPart(part.Pack, part.Index, part.Metadata!, part.Entries.Count) { Folder = part.Folder == study.StudyKey ? null : part.Folder })],
                Instances = served.Count,
                Frames = served.Sum(entry => (long)entry.Frames),

                // Whatever became of it, until its bytes are dropped.
                Bytes = merged.Entries.Sum(entry => entry.Length),
            });
        }

        study = study with { Series = series };
        return changed ? ServedAttributes.Of(study, facts) : study;
    }

    private async Task<StudyDocument> FinishAsync(StudyDocument study, IReadOnlyList<FoundPart> parts, CancellationToken cancellationToken)
    {
        var entries = parts.SelectMany(part => part.Entries).ToList();
        var tier = ObjectTier.Hot;
        foreach (var name in entries.Select(entry => entry.Pack.Name).Distinct(StringComparer.Ordinal))
            if (await store.GetStatusAsync(name, cancellationToken) is { } status && status.Tier > tier) tier = status.Tier;
        var received = entries.Max(entry => entry.ReceivedAt);
        return study with
        {
            Tier = (StorageTier)(int)tier,
            TierAt = tier == ObjectTier.Hot ? null : received,
            CreatedAt = entries.Max(entry => entry.StudyCreatedAt) ?? entries.Min(entry => entry.ReceivedAt),
            ReceivedAt = received,
            Revision = (long)(entries.Max(entry => entry.Commit) >> 16) + RevisionLeap,
        };
    }

    private async Task<List<InstanceIndexRow>> RowsAsync(StudyDocument study, IReadOnlyList<FoundPart> parts, Dictionary<FoundPart, string> seriesOf, CancellationToken cancellationToken)
    {
        var rows = new Dictionary<string, InstanceIndexRow>(StringComparer.Ordinal);
        foreach (var group in parts.Where(seriesOf.ContainsKey).GroupBy(part => seriesOf[part]))
        {
            foreach (var entry in SeriesIndex.Merge([.. group.Select(part => part.Content)]).Entries)
            {
                var row = Row(study, entry, group.Key);
                if (row.State == InstanceState.Held) row = await HeldAsync(study, entry, row, cancellationToken);
                var identity = $"{row.SopInstanceUid}\n{Convert.ToHexString(row.DatasetDigest)}\n{Convert.ToHexString(row.PixelDigest)}";

                // Of one content, what was decided counts more than that it was held.
                if (!rows.TryGetValue(identity, out var known) || known.Revision <= row.Revision) rows[identity] = row;
            }
        }

        return [.. rows.Values];
    }

    /// <summary>What was held keeps its intake item, and the state that the decision about that has given it.</summary>
    private async Task<InstanceIndexRow> HeldAsync(StudyDocument study, IndexEntry entry, InstanceIndexRow row, CancellationToken cancellationToken)
    {
        string[] candidates = study.ProvisionalOf is not null
            ? [$"study\n{study.StudyKey}"]
            : [$"held\n{entry.SopInstanceUid}\n{Convert.ToHexString(entry.DatasetDigest)}\n{Convert.ToHexString(entry.PixelDigest)}", $"deleted\n{study.StudyKey}"];
        foreach (var what in candidates)
        {
            var id = await items.IdAsync(study.Institution, what, cancellationToken);
            if (await items.GetAsync(study.Institution, id, cancellationToken) is not { } item) continue;
            var state = item.Value.Status switch
            {
                IntakeStatus.Rejected => InstanceState.Rejected,
                IntakeStatus.Accepted when study.ProvisionalOf is not null => InstanceState.Deleted,
                _ => InstanceState.Held,
            };
            return row with { ItemId = id, State = state };
        }

        return row with { ItemId = await items.IdAsync(study.Institution, candidates[0], cancellationToken) };
    }

    private static InstanceIndexRow Row(StudyDocument study, IndexEntry entry, string seriesKey) => new()
    {
        SopInstanceUid = entry.SopInstanceUid,
        SopClassUid = entry.SopClassUid,
        StudyKey = study.StudyKey,
        SeriesKey = seriesKey,
        DatasetDigest = entry.DatasetDigest,
        PixelDigest = entry.PixelDigest,
        PixelDigestKind = entry.PixelDigestKind,
        FileSha256 = entry.FileSha256,
        Revision = entry.Revision,
        Trust = (SourceTrust)entry.Trust,
        State = entry.State switch
        {
            EntryState.Held => InstanceState.Held,
            EntryState.Hidden => InstanceState.Hidden,
            EntryState.Deleted => InstanceState.Deleted,
            _ => entry.Current ? InstanceState.Current : InstanceState.Superseded,
        },
        ItemId = entry.Deletion.Length > 0 ? entry.Deletion : null,
    };
}
