using System.Security.Cryptography;
using Azure;
using Azure.Storage;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Azure.Storage.Sas;
using Skylight.Core.Uploads;

namespace Skylight.Azure.Ingress;

/// <summary>
/// <see cref="IIngress"/> on an Azure Storage account of its own. A new or removed stored access policy takes effect within 30 seconds there;
/// until then a fresh URL may answer 403 and a revoked one may still work.
/// </summary>
/// <remarks>
/// Rights and end stand in the policy, not in the SAS: the service wants each field in one of the two, and an end in the policy could be moved.
/// </remarks>
internal sealed class AzureIngress(BlobServiceClient service, StorageSharedKeyCredential credential) : IIngress
{
    public TimeSpan RevocationDelay => TimeSpan.FromSeconds(30);

    public long? FreeBytes => null;

    public async ValueTask<Uri> GrantAsync(string container, DateTimeOffset expiresOn, CancellationToken cancellationToken)
    {
        var client = service.GetBlobContainerClient(container);
        await client.CreateIfNotExistsAsync(PublicAccessType.None, cancellationToken: cancellationToken);
        var policies = (await client.GetAccessPolicyAsync(cancellationToken: cancellationToken)).Value;
        var id = policies.SignedIdentifiers.FirstOrDefault()?.Id;
        if (id is null)
        {
            id = $"p{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12))}";
            var policy = new BlobSignedIdentifier { Id = id, AccessPolicy = new BlobAccessPolicy { Permissions = "cw", PolicyExpiresOn = expiresOn } };
            // If-Match on the container as it was read: of two callers at once one policy stays, and both URLs name it.
            try
            {
                await client.SetAccessPolicyAsync(permissions: [policy], conditions: new BlobRequestConditions { IfUnmodifiedSince = policies.LastModified }, cancellationToken: cancellationToken);
            }
            catch (RequestFailedException error) when (error.Status == 412)
            {
                return await GrantAsync(container, expiresOn, cancellationToken);
            }
        }

        var builder = new BlobSasBuilder { BlobContainerName = container, Resource = "c", Identifier = id };
        if (client.Uri.Scheme == "https") builder.Protocol = SasProtocol.Https;
        return new UriBuilder(client.Uri) { Query = builder.ToSasQueryParameters(credential).ToString() }.Uri;
    }

    public async ValueTask<ArrivedPage> ListAsync(string container, bool blocks, int limit, string? continuation, CancellationToken cancellationToken)
    {
        var client = service.GetBlobContainerClient(container);
        try
        {
            await foreach (var page in client.GetBlobsAsync(states: BlobStates.Uncommitted, cancellationToken: cancellationToken).AsPages(continuation, limit))
            {
                var items = new List<ArrivedBlob>(page.Values.Count);
                foreach (var item in page.Values) items.Add(await ArrivedAsync(client, item, blocks, cancellationToken));
                return new ArrivedPage(items, string.IsNullOrEmpty(page.ContinuationToken) ? null : page.ContinuationToken);
            }
        }
        catch (RequestFailedException error) when (IsGone(error))
        {
            return new ArrivedPage([], null);
        }

        return new ArrivedPage([], null);
    }

    public async ValueTask<Stream> OpenAsync(string container, string name, string? etag, CancellationToken cancellationToken) =>
        await FrozenStream.OpenAsync(service.GetBlobContainerClient(container).GetBlobClient(name), etag, cancellationToken);

    public async ValueTask RevokeAsync(string container, CancellationToken cancellationToken)
    {
        try
        {
            await service.GetBlobContainerClient(container).SetAccessPolicyAsync(PublicAccessType.None, [], cancellationToken: cancellationToken);
        }
        catch (RequestFailedException error) when (IsGone(error))
        {
            // Without the container there is nothing that a SAS could still reach.
            return;
        }
    }

    public async ValueTask DeleteAsync(string container, CancellationToken cancellationToken)
    {
        try
        {
            await service.GetBlobContainerClient(container).DeleteIfExistsAsync(cancellationToken: cancellationToken);
        }
        catch (RequestFailedException error) when (IsGone(error))
        {
            // It is being deleted already.
            return;
        }
    }

    private static async ValueTask<ArrivedBlob> ArrivedAsync(BlobContainerClient client, BlobItem item, bool blocks, CancellationToken cancellationToken)
    {
        var size = item.Properties.ContentLength ?? 0;
        if (size > 0) return new ArrivedBlob(item.Name, true, size, item.Properties.ETag?.ToString(), []);

        // Nothing committed yet, or an empty blob: the listing does not tell them apart, the blob does.
        var blob = client.GetBlockBlobClient(item.Name);
        try
        {
            var properties = (await blob.GetPropertiesAsync(cancellationToken: cancellationToken)).Value;
            return new ArrivedBlob(item.Name, true, properties.ContentLength, properties.ETag.ToString(), []);
        }
        catch (RequestFailedException error) when (error.Status == 404)
        {
            var staged = blocks ? (await blob.GetBlockListAsync(BlockListTypes.Uncommitted, cancellationToken: cancellationToken)).Value.UncommittedBlocks : [];
            return new ArrivedBlob(item.Name, false, 0, null, [.. staged.Select(b => new StagedBlock(b.Name, b.SizeLong))]);
        }
    }

    private static bool IsGone(RequestFailedException error) =>
        error.ErrorCode == BlobErrorCode.ContainerNotFound || error.ErrorCode == BlobErrorCode.ContainerBeingDeleted;
}
