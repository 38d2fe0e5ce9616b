using System.Security.Cryptography;
using Azure.Storage;
using Azure.Storage.Sas;
using Microsoft.Extensions.Options;
using Skylight.Core.Hosting;
using Skylight.Core.Uploads;

namespace Skylight.Edge.Blobs;

/// <summary>The edge's <see cref="IIngress"/>: containers of the host's own Blob endpoint. Revocation holds from the moment it returns.</summary>
internal sealed class EdgeIngress(BlobTable table, StagedParts parts, FreeSpace space, IOptions<BlobOptions> options, PublicAddress address, StorageSharedKeyCredential credential) : IIngress
{
    /// <summary>A page is cut when it names this many blocks, so that its answer stays of a size.</summary>
    private const int MaxBlocksInPage = 20_000;

    public TimeSpan RevocationDelay => TimeSpan.Zero;

    public long? FreeBytes => space.Free;

    public async ValueTask<Uri> GrantAsync(string container, DateTimeOffset expiresOn, CancellationToken cancellationToken)
    {
        var policy = await table.GrantAsync(container, $"p{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12))}", cancellationToken);
        var url = options.Value.ContainerUrl(address.BaseUrl, container);
        // Rights and end stand in the SAS itself, where a client can read them; the policy carries nothing but its existence.
        var builder = new BlobSasBuilder(BlobContainerSasPermissions.Create | BlobContainerSasPermissions.Write, expiresOn)
        {
            BlobContainerName = container,
            Resource = "c",
            Identifier = policy,
            Protocol = url.Scheme == "https" ? SasProtocol.Https : SasProtocol.HttpsAndHttp,
        };
        return new UriBuilder(url) { Query = builder.ToSasQueryParameters(credential).ToString() }.Uri;
    }

    public ValueTask<ArrivedPage> ListAsync(string container, bool blocks, int limit, string? continuation, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var rows = table.List(container, continuation ?? "", limit + 1);
        var items = new List<ArrivedBlob>();
        var named = 0;
        foreach (var (name, row) in rows.Take(limit))
        {
            StagedBlock[] staged = blocks ? [.. table.Blocks(container, name).Select(b => new StagedBlock(b.Id, b.Length))] : [];
            named += staged.Length;
            items.Add(new ArrivedBlob(name, row is not null, row?.Length ?? 0, row?.ETag, staged));
            if (named >= MaxBlocksInPage) break;
        }

        return ValueTask.FromResult(new ArrivedPage(items, items.Count < rows.Count ? items[^1].Name : null));
    }

    public ValueTask<Stream> OpenAsync(string container, string name, string? etag, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (table.FindWithParts(container, name) is not { } found || (etag is not null && found.Row.ETag != etag)) throw new UploadChangedException();
        return ValueTask.FromResult<Stream>(new PartsStream(parts, found.Parts, found.Row.Length));
    }

    public async ValueTask RevokeAsync(string container, CancellationToken cancellationToken) => await table.RevokeAsync(container, cancellationToken);

    public async ValueTask DeleteAsync(string container, CancellationToken cancellationToken)
    {
        // Records first: a part without a record is only dead space, a record without its part would be a lie.
        await table.DeleteContainerAsync(container, cancellationToken);
        await parts.DeleteContainerAsync(container, cancellationToken);
    }
}
