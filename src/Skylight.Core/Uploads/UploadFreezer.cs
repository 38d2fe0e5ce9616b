namespace Skylight.Core.Uploads;

/// <summary>Writes down what a completed session consists of, and finds what came after.</summary>
internal sealed class UploadFreezer(IIngress ingress, UploadContent content, UploadManifest manifests, UploadReports reports, UploadOptions options)
{
    private const int PageLimit = 5_000;

    public sealed record Frozen(PageSet Pages, long Blobs, long Bytes);

    /// <summary>
    /// Records (name, ETag, size) of every committed blob with its manifest entry, cut into ingest batches. Reports by name what was never
    /// committed and what the manifest names in vain. Null when there are too many blobs.
    /// </summary>
    public async ValueTask<Frozen?> FreezeAsync(UploadSession session, CancellationToken cancellationToken)
    {
        var manifest = await manifests.LoadAsync(session.Institution, session.Manifest, cancellationToken);
        var blobs = new List<FrozenBlob>();
        var rejected = new List<RejectedItem>();
        await foreach (var blob in ListAsync(session, cancellationToken))
        {
            if (manifest.Remove(blob.Name, out var entry) is false) entry = null;
            if (blob.Committed) blobs.Add(new FrozenBlob(blob.Name, blob.ETag!, blob.Size, entry?.Path, entry?.Size, entry?.Sha256));
            else rejected.Add(new RejectedItem(entry?.Path ?? blob.Name, UploadRejections.NotCommitted, "Blocks were staged, but the blob was never committed."));
            if (blobs.Count > options.MaxBlobs) return null;
        }

        manifest.Remove(UploadSessions.CompletionBlob);
        rejected.AddRange(manifest.Values.Select(m => new RejectedItem(m.Path ?? m.Name, UploadRejections.Missing, "The manifest names a blob that was never uploaded.")));
        // Written even when empty: a repeated freeze replaces what an interrupted one reported.
        await reports.WriteAsync(session.Institution, session.Id, "closing", new UploadReportPart { Received = rejected.Count, Rejected = rejected }, cancellationToken);

        // Paths keep the files of one series together; opaque names alone would scatter them over the batches.
        blobs.Sort((a, b) => string.CompareOrdinal(a.Label, b.Label) is var byLabel && byLabel != 0 ? byLabel : string.CompareOrdinal(a.Name, b.Name));
        var writer = content.Pages.Write(session.Institution, session.Id);
        long bytes = 0, inPage = 0;
        foreach (var blob in blobs)
        {
            if (writer.ItemsInPage >= options.BatchBlobs || (writer.ItemsInPage > 0 && inPage + blob.Size > options.BatchBytes)) await writer.CutAsync(cancellationToken);
            await writer.AddAsync(blob, 220 + 3 * (blob.Name.Length + (blob.Path?.Length ?? 0)), cancellationToken);
            inPage = writer.ItemsInPage == 1 ? blob.Size : inPage + blob.Size;
            bytes += blob.Size;
        }

        return new Frozen(await writer.FinishAsync(cancellationToken), blobs.Count, bytes);
    }

    /// <summary>Reports by name every blob that is not, or no longer, what was frozen.</summary>
    public async ValueTask SweepAsync(UploadSession session, CancellationToken cancellationToken)
    {
        if (session.Frozen is not { } pages) return;
        var frozen = new Dictionary<string, FrozenBlob>(StringComparer.Ordinal);
        for (var i = 0; i < pages.Count; i++)
            foreach (var blob in await content.Pages.ReadAsync(session.Institution, pages, i, cancellationToken)) frozen[blob.Name] = blob;
        var late = new List<RejectedItem>();
        var changed = new List<FrozenBlob>();
        await foreach (var blob in ListAsync(session, cancellationToken))
        {
            if (!blob.Committed) continue;
            if (!frozen.TryGetValue(blob.Name, out var known)) late.Add(new RejectedItem(blob.Name, UploadRejections.Late, "The blob was added after the session was completed."));
            else if (known.ETag != blob.ETag) changed.Add(known);
        }

        if (late.Count == 0 && changed.Count == 0) return;
        // What ingest met in time it has rejected itself, in the part of its batch.
        var told = (await reports.ReadAsync(session.Institution, session.Id, cancellationToken)).Rejected
            .Where(r => r.Code == UploadRejections.Changed).Select(r => r.Name).ToHashSet(StringComparer.Ordinal);
        late.AddRange(changed.Where(c => !told.Contains(c.Label))
            .Select(c => new RejectedItem(c.Label, UploadRejections.ChangedLate, "The blob was overwritten after the session was completed; the version completed was taken.")));
        await reports.WriteAsync(session.Institution, session.Id, "late", new UploadReportPart { Received = late.Count, Rejected = late }, cancellationToken);
    }

    public ValueTask DiscardAsync(string institution, PageSet? pages, CancellationToken cancellationToken) => content.Pages.DeleteAsync(institution, pages, cancellationToken);

    public ValueTask DiscardAllAsync(string institution, string uploadId, CancellationToken cancellationToken) => content.Pages.DeleteAllAsync(institution, uploadId, cancellationToken);

    private async IAsyncEnumerable<ArrivedBlob> ListAsync(UploadSession session, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? continuation = null;
        do
        {
            var page = await ingress.ListAsync(UploadId.Container(session.Id), blocks: false, PageLimit, continuation, cancellationToken);
            foreach (var blob in page.Items)
                if (blob.Name != UploadSessions.CompletionBlob) yield return blob;
            continuation = page.Continuation;
        }
        while (continuation is not null);
    }
}
