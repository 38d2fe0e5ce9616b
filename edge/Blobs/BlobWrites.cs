using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using Skylight.Core.Uploads;

namespace Skylight.Edge.Blobs;

/// <summary>
/// Put Blob, Put Block and Put Block List. A body is streamed into a sealed object of its own, made durable, and only then named by a durable
/// transaction: 201 means that a power cut loses nothing, and before it nothing is visible.
/// </summary>
internal sealed class BlobWrites(BlobTable table, StagedParts parts, FreeSpace space, IOptions<UploadOptions> uploads, IOptions<BlobOptions> options, BlobEvents events, ILogger<BlobWrites> log)
{
    /// <summary>Headers of operations that are other than they look, or that this endpoint cannot honour: ignoring them would lie.</summary>
    private static readonly string[] Unsupported =
    [
        "x-ms-copy-source", "x-ms-encryption-key", "x-ms-encryption-key-sha256", "x-ms-encryption-scope", "x-ms-structured-body", "x-ms-legal-hold",
        "x-ms-immutability-policy-until-date", "x-ms-immutability-policy-mode", "x-ms-if-tags", "Content-Range",
    ];

    public async Task PutBlobAsync(BlobCall call)
    {
        CheckHeaders(call);
        var type = call.Request.Headers["x-ms-blob-type"].ToString();
        if (type.Length == 0) throw new BlobErrorException(BlobError.MissingHeader("x-ms-blob-type"));
        if (type != "BlockBlob") throw new BlobErrorException(BlobError.InvalidHeader("x-ms-blob-type"));
        var body = Body(call, options.Value.MaxPutBlobBytes);
        // Before the body too: a client that may not overwrite should not have to send it all first.
        CheckEarly(call, BlobConditions.Read(call.Request.Headers));
        var part = await StoreAsync(call, body, "");
        var write = Write(call, Headers(call, body.Md5));
        await CommitAsync(part.Object, () => table.PutBlobAsync(write, part, CancellationToken.None));
        if (body.Crc64 is not null) call.Response.Headers["x-ms-content-crc64"] = Convert.ToBase64String(body.Crc64);
        call.Response.Headers.ContentMD5 = Convert.ToBase64String(body.Md5);
        Created(call, write);
    }

    public async Task PutBlockAsync(BlobCall call)
    {
        CheckHeaders(call);
        var id = BlockList.Canonical(call.Address.Get("blockid")) ?? throw new BlobErrorException(BlobError.InvalidQuery("blockid"));
        var body = Body(call, uploads.Value.MaxBlockBytes);
        if (body.Length == 0) throw new BlobErrorException(BlobError.InvalidHeader("Content-Length"));
        var part = await StoreAsync(call, body, id);
        await CommitAsync(part.Object, () => table.PutBlockAsync(Write(call, BlobHeaders.None), new BlockRow(id, part.Object, part.Length), CancellationToken.None));
        if (body.Crc64 is not null) call.Response.Headers["x-ms-content-crc64"] = Convert.ToBase64String(body.Crc64);
        else call.Response.Headers.ContentMD5 = Convert.ToBase64String(body.Md5);
        call.Response.Headers["x-ms-request-server-encrypted"] = "true";
        call.Response.StatusCode = StatusCodes.Status201Created;
        call.Response.ContentLength = 0;
    }

    public async Task PutBlockListAsync(BlobCall call)
    {
        CheckHeaders(call);
        var body = Body(call, BlockList.MaxBytes);
        CheckEarly(call, BlobConditions.Read(call.Request.Headers));
        var list = BlockList.Parse(await body.ReadAsync(call.Context.RequestAborted));
        // The blob's MD5 is stored as it is told: the service does not read the blocks again either.
        var write = Write(call, Headers(call, BlobBody.Digest(call.Request, "x-ms-blob-content-md5", 16)));
        await CommitAsync(null, () => table.PutBlockListAsync(write, list, CancellationToken.None));
        Created(call, write);
    }

    private static void CheckHeaders(BlobCall call)
    {
        foreach (var header in Unsupported)
            if (call.Request.Headers.ContainsKey(header)) throw new BlobErrorException(BlobError.UnsupportedHeader(header));
        if (call.Request.Headers.ContainsKey("x-ms-lease-id")) throw new BlobErrorException(BlobError.LeaseNotPresent);
    }

    private BlobBody Body(BlobCall call, long limit)
    {
        call.Address.BlobName();
        var body = new BlobBody(call.Request);
        if (body.Length > limit) throw new BlobErrorException(BlobError.RequestBodyTooLarge);
        if (space.Free - body.Length < uploads.Value.FreeSpaceFloorBytes) throw new BlobErrorException(BlobError.NoSpace);
        return body;
    }

    private void CheckEarly(BlobCall call, BlobConditions conditions)
    {
        var current = table.Find(call.Address.Container, call.Address.BlobName());
        if (conditions.ForWrite(current) is { } error) throw new BlobErrorException(error);
        if (current is not null && !call.Grant.Allows('w')) throw new BlobErrorException(BlobError.UnauthorizedOverwrite);
    }

    private async Task<BlobPart> StoreAsync(BlobCall call, BlobBody body, string blockId)
    {
        if (body.Length == 0)
        {
            // The checksums of nothing are checked all the same.
            await body.ReadAsync(call.Context.RequestAborted);
            return new BlobPart(blockId, null, 0);
        }

        await using var part = await parts.CreateAsync(call.Address.Container, call.Context.RequestAborted);
        await body.CopyAsync(part, call.Context.RequestAborted);
        await part.CommitAsync(call.Context.RequestAborted);
        return new BlobPart(blockId, part.Name, body.Length);
    }

    private static BlobWrite Write(BlobCall call, BlobHeaders headers) => new(
        call.Address.Container,
        call.Address.BlobName(),
        call.Grant,
        BlobConditions.Read(call.Request.Headers),
        headers,
        // Random: an ETag never repeats, whatever the clock does.
        $"0x{Convert.ToHexString(RandomNumberGenerator.GetBytes(8))}",
        call.Now,
        call.RequestId);

    private static BlobHeaders Headers(BlobCall call, byte[]? md5)
    {
        var headers = call.Request.Headers;
        var type = headers["x-ms-blob-content-type"].ToString();
        if (type.Length == 0 && call.Address.Get("comp") is null) type = headers.ContentType.ToString();
        if (type.Length > 256) throw new BlobErrorException(BlobError.InvalidHeader("x-ms-blob-content-type"));
        return new BlobHeaders(type.Length == 0 ? "application/octet-stream" : type, md5, BlobMetadata.Read(headers));
    }

    private async Task CommitAsync(string? stored, Func<Task<IReadOnlyList<string>>> commit)
    {
        IReadOnlyList<string> unused;
        try
        {
            unused = await commit();
        }
        catch when (stored is not null)
        {
            await DeleteAsync([stored]);
            throw;
        }

        await DeleteAsync(unused);
    }

    private async Task DeleteAsync(IReadOnlyList<string> objects)
    {
        try
        {
            await parts.DeleteAsync(objects, CancellationToken.None);
        }
        catch (IOException error)
        {
            // The outcome of the request stands; the bytes go when the container goes.
            BlobLog.NotDeleted(log, objects.Count, error);
        }
    }

    private void Created(BlobCall call, BlobWrite write)
    {
        var headers = call.Response.Headers;
        headers.ETag = $"\"{write.ETag}\"";
        headers.LastModified = write.Now.ToString("r", CultureInfo.InvariantCulture);
        headers["x-ms-request-server-encrypted"] = "true";
        call.Response.StatusCode = StatusCodes.Status201Created;
        call.Response.ContentLength = 0;
        if (write.Blob == UploadSessions.CompletionBlob) events.Signal();
    }
}
