using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Events;
using Skylight.Core.Retrieve;
using Skylight.Core.Statistics;
using Skylight.Core.Studies;

namespace Skylight.Core.Lifecycle;

/// <summary>One version of an instance: a content that was received under its UID.</summary>
/// <param name="Current">The one that readers see.</param>
/// <param name="Sha256">Of the file as received, lower-case hex.</param>
public sealed record InstanceVersion(int Revision, bool Current, DateTimeOffset ReceivedAt, SourceTrust Trust, string TransferSyntaxUid, long Bytes, string Sha256);

/// <summary>What became of making an earlier version current.</summary>
public enum VersionOutcome
{
    Restored,
    Missing,

    /// <summary>It is the current one already.</summary>
    Current,
    OnHold,
}

/// <param name="Hold">The hold that forbids it.</param>
public sealed record VersionResult(VersionOutcome Outcome, StudyHold? Hold = null);

/// <summary>The versions of instances: what a revision replaced is kept, can be read, and can be made current again.</summary>
public sealed class InstanceVersions(ICatalog catalog, ICommit commit, IDocuments documents, StudyParts parts, IObjectStore store, StudyKeys keys, TimeProvider time)
{
    private const int MaxAttempts = 20;

    private readonly InstanceStates _states = new(catalog, store, keys, parts);

    /// <summary>All versions, oldest first; null when there is no such visible instance.</summary>
    public async Task<IReadOnlyList<InstanceVersion>?> ListAsync(string institution, RetrieveTarget target, CancellationToken cancellationToken) =>
        await EntriesAsync(institution, target, cancellationToken) is { } found
            ? [.. found.Entries.Select(entry => new InstanceVersion(
                entry.Revision, entry.Current, entry.ReceivedAt, (SourceTrust)entry.Trust, entry.TransferSyntaxUid, entry.Length, Convert.ToHexStringLower(entry.FileSha256)))]
            : null;

    /// <summary>Where one version lies; null when there is none.</summary>
    public async Task<(StudyDocument Study, IndexEntry Entry)?> FindAsync(string institution, RetrieveTarget target, int revision, CancellationToken cancellationToken) =>
        await EntriesAsync(institution, target, cancellationToken) is { } found && found.Entries.FirstOrDefault(entry => entry.Revision == revision) is { } entry ? (found.Study, entry) : null;

    /// <summary>Makes a version the one that readers see. The others stay.</summary>
    public async Task<VersionResult> RestoreAsync(string institution, RetrieveTarget target, int revision, CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            if (await EntriesAsync(institution, target, cancellationToken) is not { } found || found.Entries.FirstOrDefault(entry => entry.Revision == revision) is not { } wanted)
                return new(VersionOutcome.Missing);
            if (wanted.Current) return new(VersionOutcome.Current);
            if (Deletions.ForbiddenBy(found.Study) is { } hold) return new(VersionOutcome.OnHold, hold);
            using var change = await _states.PrepareAsync(
                found.Study,
                (series, entry) => series.SeriesInstanceUid != target.SeriesInstanceUid || entry.SopInstanceUid != target.SopInstanceUid || entry.State != EntryState.Stored ? null
                    : entry.Revision == revision ? entry with { Current = true }
                    : entry.Current ? entry with { Current = false }
                    : null,
                static (entry, row) => row with { State = entry.Current ? InstanceState.Current : InstanceState.Superseded },
                cancellationToken);
            if (change is null) return new(VersionOutcome.Missing);
            var study = change.Next;
            change.Next = study with { Outbox = [.. study.Outbox, new StudyEvent(StudyClock.NewEventId(), StudyEventTypes.Updated, time.GetUtcNow(), study.Revision + 1, 1)] };
            if (await commit.CommitAsync(change.Batch, cancellationToken) != CommitOutcome.Committed) continue;
            await StatisticsKeeper.MarkLeftAsync(documents, found.Study, change.Next, time.GetUtcNow(), cancellationToken);
            return new(VersionOutcome.Restored);
        }

        throw new DocumentConflictException(new DocumentKey(institution, "study", ""));
    }

    private async Task<(StudyDocument Study, List<IndexEntry> Entries)?> EntriesAsync(string institution, RetrieveTarget target, CancellationToken cancellationToken)
    {
        if (await catalog.GetStudyAsync(institution, target.StudyInstanceUid, cancellationToken) is not { Value: var study } || !study.IsVisible()) return null;
        var entries = (await _states.Contents.EntriesAsync(study, cancellationToken)).Where(series => series.Series.SeriesInstanceUid == target.SeriesInstanceUid)
            .SelectMany(series => series.Entries).Where(entry => entry.SopInstanceUid == target.SopInstanceUid && entry.State == EntryState.Stored).OrderBy(entry => entry.Revision).ToList();
        return entries.Count == 0 ? null : (study, entries);
    }
}
