using System.Buffers;
using System.Globalization;

namespace Skylight.Edge.Blobs;

/// <summary>Get Blob, Get Blob Properties and Get Block List. The SAS of an upload session allows none of them.</summary>
internal sealed class BlobReads(BlobTable table, StagedParts parts)
{
    private const int MaxRangeMd5 = 4 << 20;

    public async Task GetBlobAsync(BlobCall call, bool withBody)
    {
        if (table.FindWithParts(call.Address.Container, call.Address.BlobName()) is not { } found) throw new BlobErrorException(BlobError.BlobNotFound);
        var (row, list) = found;
        if (BlobConditions.Read(call.Request.Headers).ForRead(row) is { } error) throw new BlobErrorException(error);
        var headers = call.Response.Headers;
        headers.ETag = $"\"{row.ETag}\"";
        headers.LastModified = row.Modified.ToString("r", CultureInfo.InvariantCulture);
        headers.AcceptRanges = "bytes";
        headers["x-ms-blob-type"] = "BlockBlob";
        headers["x-ms-server-encrypted"] = "true";
        headers["x-ms-lease-state"] = "available";
        headers["x-ms-lease-status"] = "unlocked";
        BlobMetadata.Write(headers, row.Headers.Metadata);
        call.Response.ContentType = row.Headers.ContentType;
        var md5 = row.Headers.Md5 is { } stored ? Convert.ToBase64String(stored) : null;
        var range = withBody ? Range(call.Request, row.Length) : null;
        var (first, count) = range ?? (0, row.Length);
        if (range is null)
        {
            if (md5 is not null) headers.ContentMD5 = md5;
        }
        else
        {
            call.Response.StatusCode = StatusCodes.Status206PartialContent;
            headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes {first}-{first + count - 1}/{row.Length}");
            if (md5 is not null) headers["x-ms-blob-content-md5"] = md5;
        }

        call.Response.ContentLength = count;
        if (!withBody) return;
        await using var content = new PartsStream(parts, list, row.Length) { Position = first };
        if (range is not null && call.Request.Headers["x-ms-range-get-content-md5"].ToString() is "true" or "True")
        {
            if (count > MaxRangeMd5) throw new BlobErrorException(BlobError.InvalidHeader("x-ms-range-get-content-md5"));
            var bytes = new byte[count];
            await content.ReadExactlyAsync(bytes, call.Context.RequestAborted);
            headers.ContentMD5 = Convert.ToBase64String(BlobBody.Md5Of(bytes));
            await call.Response.Body.WriteAsync(bytes, call.Context.RequestAborted);
            return;
        }

        await CopyAsync(content, call.Response.Body, count, call.Context.RequestAborted);
    }

    public async Task GetBlockListAsync(BlobCall call)
    {
        var type = call.Address.Get("blocklisttype") ?? "committed";
        if (type is not ("committed" or "uncommitted" or "all")) throw new BlobErrorException(BlobError.InvalidQuery("blocklisttype"));
        var name = call.Address.BlobName();
        var found = table.FindWithParts(call.Address.Container, name);
        var blocks = table.Blocks(call.Address.Container, name);
        if (found is null && blocks.Count == 0) throw new BlobErrorException(BlobError.BlobNotFound);
        if (found is { } blob)
        {
            call.Response.Headers.ETag = $"\"{blob.Row.ETag}\"";
            call.Response.Headers.LastModified = blob.Row.Modified.ToString("r", CultureInfo.InvariantCulture);
        }

        call.Response.Headers["x-ms-blob-content-length"] = (found?.Row.Length ?? 0).ToString(CultureInfo.InvariantCulture);
        var body = BlockList.Format(
            type == "uncommitted" ? null : (found?.Parts ?? []).Where(p => p.BlockId.Length > 0).Select(p => (p.BlockId, p.Length)),
            type == "committed" ? null : blocks.Select(b => (b.Id, b.Length)));
        call.Response.ContentType = "application/xml";
        call.Response.ContentLength = body.Length;
        await call.Response.Body.WriteAsync(body, call.Context.RequestAborted);
    }

    private static (long First, long Count)? Range(HttpRequest request, long length)
    {
        var text = request.Headers["x-ms-range"].ToString() is { Length: > 0 } own ? own : request.Headers.Range.ToString();
        if (text.Length == 0) return null;
        if (!text.StartsWith("bytes=", StringComparison.Ordinal) || text.IndexOf('-', StringComparison.Ordinal) is var dash && dash < 0) throw new BlobErrorException(BlobError.InvalidRange);
        if (!long.TryParse(text.AsSpan(6, dash - 6), NumberStyles.None, CultureInfo.InvariantCulture, out var first)) throw new BlobErrorException(BlobError.InvalidRange);
        var last = length - 1;
        if (dash + 1 < text.Length)
        {
            if (!long.TryParse(text.AsSpan(dash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var named)) throw new BlobErrorException(BlobError.InvalidRange);
            last = Math.Min(last, named);
        }

        return first <= last ? (first, last - first + 1) : throw new BlobErrorException(BlobError.InvalidRange);
    }

    private static async Task CopyAsync(Stream source, Stream destination, long count, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(256 * 1024);
        try
        {
            while (count > 0)
            {
                var read = await source.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, count)), cancellationToken);
                await destination.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
                count -= read;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
