using System.Security.Cryptography;
using Skylight.Core.Catalog;

namespace Skylight.Core.Studies;

/// <summary>
/// Brings studies whose time has come from receiving to quiet and from quiet to complete; before that, their small parts are merged where nothing else does that.
/// Called by a timer; safe to call at any time, by any number.
/// </summary>
public sealed class StudyClock(ICatalog catalog, ICommit commit, SeriesMerge merge, TimeProvider time)
{
    private const int Page = 200;
    private const int Together = 8;

    /// <summary>Answers how many steps were taken.</summary>
    public async Task<int> AdvanceAsync(CancellationToken cancellationToken)
    {
        var steps = 0;
        while (true)
        {
            var due = await catalog.ListDueAsync(StudyDue.Quiet, time.GetUtcNow(), Page, cancellationToken);
            var taken = 0;
            // Several at the same time: on the edge they share a write of the journal.
            foreach (var together in due.Chunk(Together)) taken += (await Task.WhenAll(together.Select(reference => StepAsync(reference, cancellationToken)).ToArray())).Count(moved => moved);
            steps += taken;
            if (taken == 0) return steps;
        }
    }

    private async Task<bool> StepAsync(StudyReference reference, CancellationToken cancellationToken)
    {
        if (await StudyAsync(reference, cancellationToken) is not { } study) return false;
        if (study.State == StudyState.Quiet && !commit.MergesAsItDrains)
        {
            // The study stays quiet until it is merged: whoever is interrupted here, or meets it after a crash, merges it then.
            await merge.TryMergeAsync(reference.Institution, reference.StudyKey, cancellationToken);
            if (await StudyAsync(reference, cancellationToken) is not { } merged) return false;
            study = merged;
        }

        if (StudyStates.Advance(study, time.GetUtcNow(), NewEventId()) is not { } next) return false;
        // Nothing is done between quiet and complete where the journal merges: one write of the study is enough.
        if (commit.MergesAsItDrains && StudyStates.Advance(next, time.GetUtcNow(), NewEventId()) is { } complete) next = complete;
        // A conflict means that instances have just arrived: their commit has set the time anew.
        return await commit.CommitAsync(new CommitBatch(StudyChange.Keeping(study, next), []), cancellationToken) == CommitOutcome.Committed;
    }

    private async ValueTask<StudyDocument?> StudyAsync(StudyReference reference, CancellationToken cancellationToken) =>
        (await catalog.GetStudyByKeyAsync(reference.Institution, reference.StudyKey, cancellationToken))?.Value;

    internal static string NewEventId() => RandomNumberGenerator.GetHexString(32, lowercase: true);
}
