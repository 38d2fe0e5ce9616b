using System.Globalization;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Skylight.Azure.Objects;
using Skylight.Core.Audit;

namespace Skylight.Azure.Audit;

/// <summary>
/// Anchors as empty blobs that say everything in their names: <c>{institution}/{sequence}-{hash}-{mac}-{milliseconds}</c>. The container should have a time-based
/// immutability policy, and belong to an account that the app may add to but not delete from. Reading all of an institution is a listing.
/// </summary>
internal sealed class AnchorBlobs(BlobContainerClient container)
{
    public async Task WriteAsync(AuditAnchor anchor, CancellationToken cancellationToken)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"{anchor.Institution}/{anchor.Sequence:D16}-{anchor.Hash}-{anchor.Mac}-{anchor.At.ToUnixTimeMilliseconds()}");
        try
        {
            await container.GetBlobClient(name).UploadAsync(BinaryData.Empty, new BlobUploadOptions { Conditions = new BlobRequestConditions { IfNoneMatch = ETag.All } }, cancellationToken);
        }
        catch (RequestFailedException error) when (error.Status is 409 or 412)
        {
            // The name says it all, so the anchor is there.
            return;
        }
        catch (RequestFailedException error)
        {
            throw BlobFaults.Of(error, name);
        }
    }

    /// <summary>All anchors of an institution, oldest first. A name that is no anchor counts as one that is not genuine: verification reports it.</summary>
    public async Task<IReadOnlyList<AuditAnchor>> ReadAsync(string institution, CancellationToken cancellationToken)
    {
        var anchors = new List<AuditAnchor>();
        try
        {
            await foreach (var blob in container.GetBlobsAsync(prefix: institution + "/", cancellationToken: cancellationToken)) anchors.Add(Parse(institution, blob.Name[(institution.Length + 1)..]));
        }
        catch (RequestFailedException error)
        {
            throw BlobFaults.Of(error, institution);
        }

        return anchors;
    }

    private static AuditAnchor Parse(string institution, string name) =>
        name.Split('-') is [var number, { Length: 64 } hash, { Length: 64 } mac, var at]
            && long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var sequence)
            && long.TryParse(at, NumberStyles.None, CultureInfo.InvariantCulture, out var ms) && ms < 4_102_444_800_000
            ? new AuditAnchor(1, institution, sequence, hash, DateTimeOffset.FromUnixTimeMilliseconds(ms), mac)
            : new AuditAnchor(1, institution, 0, "", DateTimeOffset.UnixEpoch, "");
}
