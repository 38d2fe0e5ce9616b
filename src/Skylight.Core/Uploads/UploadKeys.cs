using Skylight.Core.Documents;
using Skylight.Core.Institutions;

namespace Skylight.Core.Uploads;

/// <summary>The idempotency keys of uploads: documents of type <c>upload-key</c>, forgotten a week after their session ended.</summary>
public sealed class UploadKeys(IDocuments documents, InstitutionDirectory institutions, TimeProvider time)
{
    internal const string Type = "upload-key";

    /// <summary>A client that repeats a request later than this gets a new session.</summary>
    private static readonly TimeSpan s_kept = TimeSpan.FromDays(7);

    /// <summary>Removes what is past its time in all institutions; answers how many.</summary>
    public async Task<int> PurgeAsync(CancellationToken cancellationToken)
    {
        var purged = 0;
        await foreach (var institution in institutions.CodesAsync(cancellationToken)) purged += await PurgeAsync(institution, cancellationToken);
        return purged;
    }

    private async Task<int> PurgeAsync(string institution, CancellationToken cancellationToken)
    {
        var purged = 0;
        string? continuation = null;
        do
        {
            var page = await documents.ListAsync<UsedUploadKey>(institution, Type, null, 200, continuation, cancellationToken);
            foreach (var key in page.Items)
            {
                var session = (await documents.GetAsync<UploadSession>(UploadSessions.Key(institution, key.Value.UploadId), cancellationToken))?.Value;

                // A key without a session is one whose opening was interrupted: the same request may come again at once.
                if (session is null || UploadTransitions.IsLive(session.State) || time.GetUtcNow() - session.ChangedOn < s_kept) continue;
                if (await documents.DeleteAsync(new DocumentKey(institution, Type, key.Id), Match.Any, cancellationToken)) purged++;
            }

            continuation = page.Continuation;
        }
        while (continuation is not null);
        return purged;
    }
}

/// <summary>Which session a client's key opened, and what it had asked for.</summary>
internal sealed record UsedUploadKey(int V, string UploadId, int? Days);
