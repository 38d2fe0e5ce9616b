namespace Skylight.Core.Documents;

/// <summary>Lists of documents as a whole, for work that changes what it walks.</summary>
internal static class DocumentPages
{
    /// <summary>All pages of a list, read before the first of them is worked on.</summary>
    /// <param name="list">A page, by the continuation of the one before.</param>
    public static async Task<List<Stored<T>>> AllAsync<T>(Func<string?, ValueTask<DocumentPage<T>>> list) where T : class
    {
        var all = new List<Stored<T>>();
        string? continuation = null;
        do
        {
            var page = await list(continuation);
            all.AddRange(page.Items);
            continuation = page.Continuation;
        }
        while (continuation is not null);
        return all;
    }
}
