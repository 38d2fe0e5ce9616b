using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Institutions;

namespace Skylight.Core.Integrity;

/// <summary>
/// Destroys again what a restore has brought back although it was erased: the key first, so that nothing can be read from then on, then objects and catalog
/// entries. Safe to repeat.
/// </summary>
public sealed class RestoredErasures(
    IDocuments documents, InstitutionDirectory institutions, ICatalog catalog, ICommit commit, StudyKeys keys, IObjectStore store)
{
    private const string Type = "erasure";
    private const int Attempts = 20;

    /// <summary>Replays the list of erasures of every institution. Answers how many of those studies had come back.</summary>
    public async Task<int> ReplayAsync(CancellationToken cancellationToken)
    {
        var destroyed = 0;
        string? continuation = null;
        do
        {
            var page = await institutions.ListAsync(200, continuation, cancellationToken);
            foreach (var item in page.Items) destroyed += await ReplayAsync(item.Value.Code, cancellationToken);
            continuation = page.Continuation;
        }
        while (continuation is not null);
        return destroyed;
    }

    private async Task<int> ReplayAsync(string institution, CancellationToken cancellationToken)
    {
        var destroyed = 0;
        string? continuation = null;
        do
        {
            var page = await documents.ListAsync<Erased>(institution, Type, term: null, 200, continuation, cancellationToken);
            foreach (var erased in page.Items)
                if (await DestroyAsync(institution, erased.Value.StudyKey, cancellationToken)) destroyed++;
            continuation = page.Continuation;
        }
        while (continuation is not null);
        return destroyed;
    }

    private async Task<bool> DestroyAsync(string institution, string studyKey, CancellationToken cancellationToken)
    {
        var found = await keys.DestroyAsync(institution, studyKey, cancellationToken);
        var names = new List<string>();
        await foreach (var name in store.ListAsync($"{institution}/{studyKey}/", cancellationToken)) names.Add(name);
        foreach (var name in names) found |= await store.DeleteAsync(name, cancellationToken);
        return await RemoveAsync(institution, studyKey, cancellationToken) || found;
    }

    private async Task<bool> RemoveAsync(string institution, string studyKey, CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            if (await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken) is not { } stored) return attempt > 0;

            // The indexes that name the rows are sealed under the key that is gone: the rows are found by walking all of them.
            var uids = new List<string>();
            for (var after = ""; await catalog.ListInstancesAsync(institution, after, 1000, cancellationToken) is { Count: > 0 } page; after = page[^1].SopInstanceUid)
                uids.AddRange(page.Where(row => row.StudyKey == studyKey).Select(row => row.SopInstanceUid));
            if (await commit.RemoveAsync(institution, studyKey, stored.ETag, [.. uids.Distinct(StringComparer.Ordinal)], cancellationToken) == CommitOutcome.Committed) return true;
        }

        throw new IOException("The study was changed by others at every attempt.");
    }

    private sealed record Erased(string StudyKey);
}
