using Skylight.Core.Catalog;

namespace Skylight.Core.Retrieve;

/// <summary>What became of a withdrawal.</summary>
public enum WithdrawalOutcome
{
    Withdrawn,

    /// <summary>There is no such visible study.</summary>
    Missing,

    /// <summary>A hold forbids it.</summary>
    OnHold,
}

/// <summary>
/// Takes a study out of every answer. Nothing is destroyed: its bytes stay, sealed, until retention ends.
/// </summary>
public sealed class StudyWithdrawal(ICatalog catalog, ICommit commit)
{
    private const int MaxAttempts = 20;

    /// <summary>Durable when the task completes.</summary>
    public async Task<WithdrawalOutcome> WithdrawAsync(string institution, string studyInstanceUid, CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            if (await catalog.GetStudyAsync(institution, studyInstanceUid, cancellationToken) is not { Value: var study } || !study.IsVisible()) return WithdrawalOutcome.Missing;
            if (study.Hold) return WithdrawalOutcome.OnHold;
            var change = StudyChange.Of(study, study with { Hidden = true }, []);
            if (await commit.CommitAsync(new CommitBatch(change, []), cancellationToken) == CommitOutcome.Committed) return WithdrawalOutcome.Withdrawn;
        }
        // Instances keep arriving faster than the study can be hidden: the caller tries again.
        throw new Documents.DocumentConflictException(new Documents.DocumentKey(institution, "study", ""));
    }
}
