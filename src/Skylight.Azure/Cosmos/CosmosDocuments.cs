using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Azure.Cosmos;
using Skylight.Core.Documents;

namespace Skylight.Azure.Cosmos;

/// <summary>
/// <see cref="IDocuments"/> in container <c>documents</c>. A document's version is the id of its last write. A conditional write reads the item first (1 RU):
/// that gives the service's own ETag for the write, and the trail by which a lost answer is recognised.
/// </summary>
internal sealed class CosmosDocuments(CosmosItems items) : IDocuments
{
    private const int MaxBytes = 256 * 1024;

    public async ValueTask<Stored<T>?> GetAsync<T>(DocumentKey key, CancellationToken cancellationToken) where T : class =>
        await items.ReadAsync<Item>(key.Pk, IdOf(key), cancellationToken) is { } read ? Stored<T>(read.Value) : null;

    public async ValueTask<string> PutAsync<T>(DocumentKey key, T value, Match match, IReadOnlyCollection<string> terms, CancellationToken cancellationToken) where T : class
    {
        var document = JsonSerializer.SerializeToElement(value, DocumentJson.Options);
        if (Encoding.UTF8.GetByteCount(document.GetRawText()) is > MaxBytes and var bytes)
            throw new InvalidOperationException($"A document of type '{key.Type}' has {bytes} bytes; at most {MaxBytes} are allowed.");
        var write = WriteTrail.NewId();
        while (true)
        {
            var met = match.Kind == MatchKind.None ? null : await items.ReadAsync<Item>(key.Pk, IdOf(key), cancellationToken);
            if (match.Kind == MatchKind.Version && met?.Value.Writes[0] != match.ETag) throw new DocumentConflictException(key);
            var item = new Item(IdOf(key), key.Pk, key.Type, key.Id, WriteTrail.Extend(met?.Value.Writes, write), [.. terms.Distinct(StringComparer.Ordinal)], document);
            if (await items.TryPutAsync(key.Pk, item.Id, item, met?.ETag, cancellationToken)) return write;
            if (match.Kind != MatchKind.Any) throw new DocumentConflictException(key);
        }
    }

    public async ValueTask<bool> DeleteAsync(DocumentKey key, Match match, CancellationToken cancellationToken)
    {
        while (true)
        {
            var met = await items.ReadAsync<Item>(key.Pk, IdOf(key), cancellationToken);
            if (match.Kind == MatchKind.Version && met?.Value.Writes[0] != match.ETag) throw new DocumentConflictException(key);
            if (met is null) return false;
            if (await items.TryDeleteAsync(key.Pk, IdOf(key), met.ETag, cancellationToken)) return true;
        }
    }

    public async ValueTask<DocumentPage<T>> ListAsync<T>(string pk, string type, string? term, int limit, string? continuation, CancellationToken cancellationToken) where T : class
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        var byTerm = term is null ? "" : " AND ARRAY_CONTAINS(c.terms, @term)";
        var query = new QueryDefinition(string.Create(
                CultureInfo.InvariantCulture, $"SELECT TOP {limit + 1} * FROM c WHERE c.pk = @pk AND c.type = @type AND c.key > @after{byTerm} ORDER BY c.key"))
            .WithParameter("@pk", pk).WithParameter("@type", type).WithParameter("@after", continuation ?? "");
        if (term is not null) query = query.WithParameter("@term", term);
        var found = await items.QueryAsync<Item>(pk, query, limit + 1, cancellationToken);
        var page = found.Take(limit).Select(Stored<T>).ToList();
        return new DocumentPage<T>(page, found.Count > limit ? page[^1].Id : null);
    }

    private static Stored<T> Stored<T>(Item item) where T : class =>
        new(item.Key, item.Writes[0], item.Doc.Deserialize<T>(DocumentJson.Options) ?? throw new InvalidDataException("A stored document is empty."));

    /// <summary>Cosmos does not take <c>/ \ ? #</c> in ids.</summary>
    private static string IdOf(DocumentKey key)
    {
        var id = new StringBuilder(key.Type).Append('.');
        foreach (var c in key.Id)
        {
            if (c is '/' or '\\' or '?' or '#' or '~') id.Append(CultureInfo.InvariantCulture, $"~{(int)c:x2}");
            else id.Append(c);
        }

        return id.ToString();
    }

    /// <param name="Key">The document's own id, for order and paging.</param>
    private sealed record Item(string Id, string Pk, string Type, string Key, IReadOnlyList<string> Writes, IReadOnlyList<string> Terms, JsonElement Doc) : ITrailed;
}
