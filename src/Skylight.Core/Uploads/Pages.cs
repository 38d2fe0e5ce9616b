using Skylight.Core.Documents;

namespace Skylight.Core.Uploads;

internal sealed record Page<TItem>(int V, IReadOnlyList<TItem> Items);

/// <summary>Numbered records of a <see cref="PageSet"/>. A set is written once, under a random name, and is reachable only from the session that names it.</summary>
internal sealed class Pages<TItem>(IDocuments documents, string type)
{
    public async ValueTask<IReadOnlyList<TItem>> ReadAsync(string institution, PageSet set, int page, CancellationToken cancellationToken) =>
        (await documents.GetAsync<Page<TItem>>(Key(institution, set.Name, page), cancellationToken))?.Value.Items
        ?? throw new InvalidDataException($"A page of type '{type}' is missing.");

    public async ValueTask DeleteAsync(string institution, PageSet? set, CancellationToken cancellationToken)
    {
        for (var i = 0; i < (set?.Count ?? 0); i++) await documents.DeleteAsync(Key(institution, set!.Name, i), Match.Any, cancellationToken);
    }

    /// <summary>Deletes every page of the session, those too that an interrupted writer left and no session names.</summary>
    public async ValueTask DeleteAllAsync(string institution, string uploadId, CancellationToken cancellationToken)
    {
        while (true)
        {
            var page = await documents.ListAsync<Page<TItem>>(institution, type, uploadId, 50, null, cancellationToken);
            if (page.Items.Count == 0) return;
            foreach (var item in page.Items) await documents.DeleteAsync(new DocumentKey(institution, type, item.Id), Match.Any, cancellationToken);
        }
    }

    public Writer Write(string institution, string uploadId) => new(this, institution, uploadId, $"{uploadId}.{UploadId.New()[..8]}");

    private DocumentKey Key(string institution, string name, int page) => new(institution, type, $"{name}.{page:D6}");

    /// <summary>Cuts a run of items into records that stay under the size of a document.</summary>
    public sealed class Writer(Pages<TItem> owner, string institution, string uploadId, string name)
    {
        /// <summary>Of estimated bytes: an estimate may be half the truth and the page still fits into 256 KB.</summary>
        private const int PageBytes = 100_000;
        private readonly List<TItem> _items = [];
        private int _bytes;
        private int _count;

        public int ItemsInPage => _items.Count;

        public async ValueTask AddAsync(TItem item, int bytes, CancellationToken cancellationToken)
        {
            if (_bytes + bytes > PageBytes) await CutAsync(cancellationToken);
            _items.Add(item);
            _bytes += bytes;
        }

        /// <summary>Ends the page, if there is anything in it.</summary>
        public async ValueTask CutAsync(CancellationToken cancellationToken)
        {
            if (_items.Count == 0) return;
            await owner.PutAsync(institution, uploadId, name, _count, [.. _items], cancellationToken);
            _count++;
            _bytes = 0;
            _items.Clear();
        }

        public async ValueTask<PageSet> FinishAsync(CancellationToken cancellationToken)
        {
            await CutAsync(cancellationToken);
            return new PageSet(name, _count);
        }

        /// <summary>Deletes what was written.</summary>
        public ValueTask AbandonAsync() => owner.DeleteAsync(institution, new PageSet(name, _count), CancellationToken.None);
    }

    private async ValueTask PutAsync(string institution, string uploadId, string name, int page, IReadOnlyList<TItem> items, CancellationToken cancellationToken) =>
        await documents.PutAsync(Key(institution, name, page), new Page<TItem>(1, items), Match.Any, [uploadId], cancellationToken);
}
