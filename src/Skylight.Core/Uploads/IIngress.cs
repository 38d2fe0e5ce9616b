namespace Skylight.Core.Uploads;

/// <summary>
/// The store that clients send to: one container per upload session, written through a service SAS that allows create and write and nothing
/// else, and that dies with the container's stored access policy. Two implementations: an Azure Storage account of its own, and the Blob
/// endpoint of the edge host.
/// </summary>
/// <remarks>No member may log or return a SAS other than <see cref="GrantAsync"/>; blob names are the client's and are not logged either.</remarks>
public interface IIngress
{
    /// <summary>
    /// Makes sure that the container and its stored access policy exist and answers the container's URL with a SAS that ends at
    /// <paramref name="expiresOn"/>. Idempotent: the same call again answers a URL of the same rights.
    /// </summary>
    /// <param name="container">A name made by <see cref="UploadId.Container"/>.</param>
    ValueTask<Uri> GrantAsync(string container, DateTimeOffset expiresOn, CancellationToken cancellationToken);

    /// <summary>
    /// One page of what has arrived, in order of name: committed blobs, and names that have only staged blocks. Empty when the container is gone.
    /// </summary>
    /// <param name="blocks">Whether staged blocks are named too (dearer on Azure: one request for every blob that has some).</param>
    /// <param name="limit">1 to 5,000. A page may hold fewer although more follow.</param>
    ValueTask<ArrivedPage> ListAsync(string container, bool blocks, int limit, string? continuation, CancellationToken cancellationToken);

    /// <summary>
    /// Opens a committed blob for reading from start to end. The stream stays valid for the blob as it was opened, and seeks.
    /// </summary>
    /// <param name="etag">Exactly this version (If-Match); null for whatever is there.</param>
    /// <exception cref="UploadChangedException">The blob is gone or has another ETag; also thrown by the stream's reads.</exception>
    ValueTask<Stream> OpenAsync(string container, string name, string? etag, CancellationToken cancellationToken);

    /// <summary>
    /// Removes the stored access policy: no SAS of the container works any more, on the edge at once, on Azure within
    /// <see cref="RevocationDelay"/>. Idempotent; a container that is gone is fine.
    /// </summary>
    ValueTask RevokeAsync(string container, CancellationToken cancellationToken);

    /// <summary>Deletes the container with everything in it. Idempotent.</summary>
    ValueTask DeleteAsync(string container, CancellationToken cancellationToken);

    /// <summary>How long writes under a revoked SAS may still succeed.</summary>
    TimeSpan RevocationDelay { get; }

    /// <summary>Bytes free for uploads; null where the store has no such limit.</summary>
    long? FreeBytes { get; }
}

/// <summary>A page of arrived blobs; <see cref="Continuation"/> is null on the last one.</summary>
public sealed record ArrivedPage(IReadOnlyList<ArrivedBlob> Items, string? Continuation);

/// <summary>What has arrived under one name.</summary>
/// <param name="Name">The client's blob name.</param>
/// <param name="Committed">False while there are staged blocks only.</param>
/// <param name="Size">Bytes of the committed content; 0 while nothing is committed.</param>
/// <param name="ETag">The committed version, as <see cref="IIngress.OpenAsync"/> takes it; null while nothing is committed.</param>
/// <param name="Blocks">Staged, not yet committed blocks; empty when the listing was asked without blocks.</param>
public sealed record ArrivedBlob(string Name, bool Committed, long Size, string? ETag, IReadOnlyList<StagedBlock> Blocks);

/// <summary>A block that a Put Block has stored and no Put Block List has taken yet. <paramref name="Id"/> is the base64 form of the protocol.</summary>
public sealed record StagedBlock(string Id, long Size);

/// <summary>A blob is not, or no longer, the version that was frozen when its session was completed: it must be rejected, never read on.</summary>
public sealed class UploadChangedException() : Exception("The blob changed after its upload session was completed.");
