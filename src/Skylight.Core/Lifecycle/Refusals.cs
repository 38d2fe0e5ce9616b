using System.Security.Cryptography;
using System.Text;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Studies;

namespace Skylight.Core.Lifecycle;

/// <summary>
/// What rejection notes name and their study does not have: rows of the instance index that keep it out when it comes after its note. The study of the note carries them,
/// whatever study the instances belong to, so that they stand and fall with the note; an arriving instance meets them in the look-up that it makes anyway.
/// </summary>
internal sealed class Refusals(ICatalog catalog, StudyContents contents)
{
    private const int RowsPerRead = 1000;

    /// <summary>Rows for what a note names and its study does not have, or has hidden on another ground, which may fall before the note does.</summary>
    public async Task<IReadOnlyList<InstanceIndexRow>> RowsAsync(StudyDocument study, RejectionNote note, string deletionId, CancellationToken cancellationToken) =>
        Rows(study.StudyKey, note, (await contents.EntriesAsync(study, cancellationToken)).SelectMany(series => series.Entries), deletionId);

    /// <inheritdoc cref="RowsAsync"/>
    /// <param name="entries">All entries of the study.</param>
    public static IReadOnlyList<InstanceIndexRow> Rows(string studyKey, RejectionNote note, IEnumerable<IndexEntry> entries, string deletionId)
    {
        var here = entries.Where(entry => entry.State is EntryState.Stored or EntryState.Held || (entry.State == EntryState.Hidden && entry.Deletion == deletionId)).Select(entry => entry.SopInstanceUid).ToHashSet(StringComparer.Ordinal);
        var digest = SHA256.HashData(Encoding.UTF8.GetBytes(note.SopInstanceUid));
        return
        [
            .. note.Named.Where(uid => !here.Contains(uid)).Select(uid => new InstanceIndexRow
            {
                SopInstanceUid = uid,
                SopClassUid = "",
                StudyKey = studyKey,
                SeriesKey = "",

                // Of its own for each note, so that one taken back leaves the others in force.
                DatasetDigest = digest,
                PixelDigest = [],
                PixelDigestKind = "none",
                FileSha256 = [],
                State = InstanceState.Refused,
                ItemId = deletionId,
            }),
        ];
    }

    /// <summary>Rows that take a deletion's refusals back.</summary>
    public async Task<IReadOnlyList<InstanceIndexRow>> LiftAsync(StudyDocument study, DeletionRecord deletion, CancellationToken cancellationToken)
    {
        if (deletion.Refused == 0 || (await contents.NotesAsync(study, cancellationToken)).FirstOrDefault(note => note.SopInstanceUid == deletion.RejectionNote) is not { } note) return [];
        return [.. (await FindAsync(study, note.Named, cancellationToken)).Where(row => row.State == InstanceState.Refused && row.ItemId == deletion.Id)
            .Select(Lifted)];
    }

    /// <summary>Refusals in force in a study: of these instances, each by one deletion.</summary>
    public async Task<IReadOnlyList<InstanceIndexRow>> OfAsync(StudyDocument study, IReadOnlyDictionary<string, string> deletions, CancellationToken cancellationToken) =>
        [.. (await FindAsync(study, deletions.Keys, cancellationToken)).Where(row => row.State == InstanceState.Refused && row.ItemId == deletions[row.SopInstanceUid])];

    /// <summary>A note by its UID: of this study, or of whatever study has it. Null when it is erased.</summary>
    public async Task<RejectionNote?> NoteAsync(StudyDocument study, string sopInstanceUid, CancellationToken cancellationToken)
    {
        foreach (var studyKey in (await catalog.FindInstancesAsync(study.Institution, [sopInstanceUid], cancellationToken)).Where(row => row.State != InstanceState.Refused).Select(row => row.StudyKey).Distinct())
        {
            var own = studyKey == study.StudyKey ? study : (await catalog.GetStudyByKeyAsync(study.Institution, studyKey, cancellationToken))?.Value;
            if (own is { Erasing: null } && (await contents.NotesAsync(own, cancellationToken)).FirstOrDefault(note => note.SopInstanceUid == sopInstanceUid) is { } note) return note;
        }

        return null;
    }

    /// <summary>A refusal taken back.</summary>
    public static InstanceIndexRow Lifted(InstanceIndexRow row) => row with { State = InstanceState.Deleted, ItemId = null };

    /// <summary>Whether anything in a study is hidden or refused by a deletion on the word of a note.</summary>
    public async Task<bool> IsInForceAsync(StudyDocument study, RejectionNote note, string deletionId, CancellationToken cancellationToken) =>
        (await FindAsync(study, note.Named.Append(note.SopInstanceUid), cancellationToken)).Exists(row => row.ItemId == deletionId);

    private async Task<List<InstanceIndexRow>> FindAsync(StudyDocument study, IEnumerable<string> sopInstanceUids, CancellationToken cancellationToken)
    {
        var rows = new List<InstanceIndexRow>();
        foreach (var uids in sopInstanceUids.Chunk(RowsPerRead))
            rows.AddRange((await catalog.FindInstancesAsync(study.Institution, uids, cancellationToken)).Where(row => row.StudyKey == study.StudyKey));
        return rows;
    }
}
