using Skylight.Core.Documents;

namespace Skylight.Core.Lifecycle;

/// <summary>What a study's erasure has to remove, listed before its key is destroyed: documents of type <c>erasure-page</c>, gone when it is done.</summary>
internal sealed class ErasurePages(IDocuments documents)
{
    private const string Type = "erasure-page";
    private const int PerPage = 1500;

    /// <summary>Writes all pages; answers how many. Writing them again replaces them.</summary>
    public async Task<int> WriteAsync(string institution, string erasureId, IReadOnlyList<string> sopInstanceUids, IReadOnlyList<string> objects, CancellationToken cancellationToken)
    {
        var pages = 0;
        foreach (var chunk in sopInstanceUids.Chunk(PerPage)) await PutAsync(new Page(1, chunk, []));
        foreach (var chunk in objects.Chunk(PerPage)) await PutAsync(new Page(1, [], chunk));
        return pages;

        async Task PutAsync(Page page) => await documents.PutAsync(Key(institution, erasureId, pages++), page, Match.Any, [], cancellationToken);
    }

    public async Task<(List<string> SopInstanceUids, List<string> Objects)> ReadAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        var (uids, objects) = (new List<string>(), new List<string>());
        for (var page = 0; page < erasure.Pages; page++)
        {
            if (await documents.GetAsync<Page>(Key(erasure.Institution, erasure.Id, page), cancellationToken) is not { } stored) continue;
            uids.AddRange(stored.Value.SopInstanceUids);
            objects.AddRange(stored.Value.Objects);
        }

        return (uids, objects);
    }

    public async Task DeleteAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        for (var page = 0; page < erasure.Pages; page++) await documents.DeleteAsync(Key(erasure.Institution, erasure.Id, page), Match.Any, cancellationToken);
    }

    private static DocumentKey Key(string institution, string erasureId, int page) => new(institution, Type, $"{erasureId}.{page:D6}");

    private sealed record Page(int V, IReadOnlyList<string> SopInstanceUids, IReadOnlyList<string> Objects);
}
