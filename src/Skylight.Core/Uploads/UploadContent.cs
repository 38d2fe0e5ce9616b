using Skylight.Core.Documents;

namespace Skylight.Core.Uploads;

/// <summary>One frozen blob, with what the manifest says about it.</summary>
/// <param name="Name">Blob name; the client's, opaque.</param>
/// <param name="ETag">The only version that may be ingested.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Path">Path at the client, from the manifest.</param>
/// <param name="ExpectedSize">Size that the manifest names; ingest rejects the file when it differs.</param>
/// <param name="ExpectedSha256">Digest that the manifest names, lower-case hexadecimal; ingest rejects the file when it differs.</param>
public sealed record FrozenBlob(string Name, string ETag, long Size, string? Path = null, long? ExpectedSize = null, string? ExpectedSha256 = null)
{
    /// <summary>What a person should read in a report: the path where the client gave one, else the blob's name.</summary>
    public string Label => Path ?? Name;
}

/// <summary>The frozen content of a completed session, as ingest reads it.</summary>
public sealed class UploadContent(IDocuments documents, IIngress ingress)
{
    internal Pages<FrozenBlob> Pages { get; } = new(documents, "upload-batch");

    /// <summary>The session's batches: their number, and the blobs and bytes in all of them. Null when there is no frozen content (any more).</summary>
    public async ValueTask<FrozenContent?> FindAsync(string institution, string uploadId, CancellationToken cancellationToken)
    {
        var session = await documents.GetAsync<UploadSession>(UploadSessions.Key(institution, uploadId), cancellationToken);
        return session?.Value is { Frozen: { } frozen, Cleaned: false } value ? new FrozenContent(frozen.Count, value.Blobs, value.Bytes, value.Owner) : null;
    }

    /// <summary>
    /// The blobs of one batch, 0-based: at most 200 blobs or 2 GB (a larger blob is a batch of its own), in the order of their paths, so that
    /// a series that was uploaded as a folder comes in few batches.
    /// </summary>
    /// <exception cref="InvalidOperationException">The session has no such batch.</exception>
    public async ValueTask<IReadOnlyList<FrozenBlob>> GetBatchAsync(string institution, string uploadId, int batch, CancellationToken cancellationToken)
    {
        var session = await documents.GetAsync<UploadSession>(UploadSessions.Key(institution, uploadId), cancellationToken);
        if (session?.Value.Frozen is not { } frozen || batch < 0 || batch >= frozen.Count) throw new InvalidOperationException("The upload session has no such batch.");
        return await Pages.ReadAsync(institution, frozen, batch, cancellationToken);
    }

    /// <summary>Opens the frozen version of a blob (If-Match). The stream seeks; reads are ranged on Azure.</summary>
    /// <exception cref="UploadChangedException">It was overwritten or deleted after completion: reject it by name.</exception>
    public ValueTask<Stream> OpenAsync(string uploadId, FrozenBlob blob, CancellationToken cancellationToken) =>
        ingress.OpenAsync(UploadId.Container(uploadId), blob.Name, blob.ETag, cancellationToken);
}

public sealed record FrozenContent(int Batches, long Blobs, long Bytes, string Owner);
