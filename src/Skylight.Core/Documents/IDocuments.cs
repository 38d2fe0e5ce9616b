namespace Skylight.Core.Documents;

/// <summary>
/// Small mutable records (upload sessions, accounts, institutions, quarantine items …) of at most 256 KB of JSON, each in one partition
/// (<c>pk</c>, normally the institution code). Every write is one document, atomic, durable before the task completes, and conditional.
/// Study documents have their own port, <c>ICatalog</c>.
/// </summary>
/// <remarks>No transaction spans two documents, on either store; what must change together belongs in one document.</remarks>
public interface IDocuments
{
    /// <summary>Point read. Null when there is no such document.</summary>
    ValueTask<Stored<T>?> GetAsync<T>(DocumentKey key, CancellationToken cancellationToken) where T : class;

    /// <summary>Writes one document and answers its new ETag.</summary>
    /// <param name="terms">Exact-match lookup terms (at most 16, each at most 200 characters); they replace the document's earlier terms.</param>
    /// <exception cref="DocumentConflictException">The condition does not hold: the document exists, is gone, or has another ETag.</exception>
    ValueTask<string> PutAsync<T>(DocumentKey key, T value, Match match, IReadOnlyCollection<string> terms, CancellationToken cancellationToken) where T : class;

    /// <summary>Deletes one document. False when it was not there (with <see cref="Match.Any"/>).</summary>
    /// <exception cref="DocumentConflictException">The document has another ETag.</exception>
    ValueTask<bool> DeleteAsync(DocumentKey key, Match match, CancellationToken cancellationToken);

    /// <summary>
    /// One page of a partition's documents of one type in order of id (ordinal), all of them or those that carry <paramref name="term"/>.
    /// A page reflects writes acknowledged before the call. Continue with the page's continuation until it is null.
    /// </summary>
    ValueTask<DocumentPage<T>> ListAsync<T>(string pk, string type, string? term, int limit, string? continuation, CancellationToken cancellationToken) where T : class;
}

/// <summary>Partition, document type and id. None of the three carries personal data in clear.</summary>
public readonly record struct DocumentKey(string Pk, string Type, string Id);

/// <summary>A document as read, with the ETag to write it back under.</summary>
public sealed record Stored<T>(string Id, string ETag, T Value) where T : class;

/// <summary>A page of documents; <see cref="Continuation"/> is null on the last one.</summary>
public sealed record DocumentPage<T>(IReadOnlyList<Stored<T>> Items, string? Continuation) where T : class;

/// <summary>The condition of a write.</summary>
public readonly record struct Match
{
    private Match(MatchKind kind, string? etag) => (Kind, ETag) = (kind, etag);

    public MatchKind Kind { get; }

    public string? ETag { get; }

    /// <summary>Create or replace.</summary>
    public static Match Any => new(MatchKind.Any, null);

    /// <summary>Create only.</summary>
    public static Match None => new(MatchKind.None, null);

    /// <summary>Replace exactly this version.</summary>
    public static Match Version(string etag) => new(MatchKind.Version, etag);
}

public enum MatchKind
{
    Any,
    None,
    Version,
}

/// <summary>A conditional write met another state than it named. The remedy is to read again and decide again.</summary>
public sealed class DocumentConflictException(DocumentKey key)
    : Exception($"A document of type '{key.Type}' was changed by another writer.");
