using System.Runtime.CompilerServices;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Skylight.Archive.Objects;
using Skylight.Azure.Costs;

namespace Skylight.Azure.Objects;

/// <summary>
/// <see cref="IObjectStore"/> on block blobs of one container. A small object is one Put Blob; a larger one is blocks and one Put Block List, which makes
/// it visible whole or not at all. Both carry <c>If-None-Match: *</c>, so nothing is overwritten. Blocks without a commit are the service's to
/// forget, after a week.
/// </summary>
public sealed class BlobObjectStore : IObjectStore
{
    private readonly BlobContainerClient _container;
    private readonly BlobStoreOptions _options;
    private readonly ReadAhead _ahead;

    public BlobObjectStore(BlobContainerClient container, BlobStoreOptions options, TimeProvider time)
    {
        (_container, _options) = (container, options);
        _ahead = new ReadAhead(FetchAsync, time);
    }

    public ValueTask<ObjectWriter> CreateAsync(string name, CancellationToken cancellationToken)
    {
        ObjectName.Check(name);
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult<ObjectWriter>(new BlobObjectWriter(_container, name, _options.BlockBytes));
    }

    public async ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        ObjectName.Check(name);
        return destination.IsEmpty ? 0 : await _ahead.ReadAsync(name, offset, destination, cancellationToken);
    }

    public async ValueTask<long?> GetLengthAsync(string name, CancellationToken cancellationToken)
    {
        ObjectName.Check(name);
        try
        {
            return (await _container.GetBlobClient(name).GetPropertiesAsync(cancellationToken: cancellationToken)).Value.ContentLength;
        }
        catch (RequestFailedException error) when (BlobFaults.IsMissing(error))
        {
            return null;
        }
        catch (RequestFailedException error)
        {
            throw BlobFaults.Of(error, name);
        }
    }

    public async ValueTask<bool> DeleteAsync(string name, CancellationToken cancellationToken)
    {
        ObjectName.Check(name);
        _ahead.Forget(name);
        using var watch = StorageAttempts.Watch(out var attempts);
        try
        {
            // When an answer was lost on the way, the second try finds what the first one left: nothing.
            return await _container.GetBlobClient(name).DeleteIfExistsAsync(cancellationToken: cancellationToken) || attempts.Count > 1;
        }
        catch (RequestFailedException error)
        {
            throw BlobFaults.Of(error, name);
        }
    }

    public async IAsyncEnumerable<string> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ObjectName.CheckPrefix(prefix);
        var pages = _container.GetBlobsAsync(prefix: prefix.Length == 0 ? null : prefix, cancellationToken: cancellationToken).GetAsyncEnumerator(cancellationToken);
        await using (pages)
        {
            while (await NextAsync(pages)) yield return pages.Current.Name;
        }
    }

    public async ValueTask SetTierAsync(string name, ObjectTier tier, CancellationToken cancellationToken)
    {
        if (await GetStatusAsync(name, cancellationToken) is not { } status) throw new ObjectMissingException(name);
        if (status.Rehydrating || status.Tier == tier) return;
        _ahead.Forget(name);
        try
        {
            var priority = _options.RehydrateHighPriority ? RehydratePriority.High : RehydratePriority.Standard;
            await _container.GetBlobClient(name).SetAccessTierAsync(TierOf(tier), rehydratePriority: status.Tier == ObjectTier.Archive ? priority : null, cancellationToken: cancellationToken);
        }
        catch (RequestFailedException error) when (error.ErrorCode == BlobErrorCode.BlobBeingRehydrated)
        {
            // Another caller was first.
            return;
        }
        catch (RequestFailedException error)
        {
            throw BlobFaults.Of(error, name);
        }
    }

    public async ValueTask<ObjectStatus?> GetStatusAsync(string name, CancellationToken cancellationToken)
    {
        ObjectName.Check(name);
        try
        {
            var properties = (await _container.GetBlobClient(name).GetPropertiesAsync(cancellationToken: cancellationToken)).Value;
            return new ObjectStatus(properties.ContentLength, TierOf(properties.AccessTier), !string.IsNullOrEmpty(properties.ArchiveStatus));
        }
        catch (RequestFailedException error) when (BlobFaults.IsMissing(error))
        {
            return null;
        }
        catch (RequestFailedException error)
        {
            throw BlobFaults.Of(error, name);
        }
    }

    private async ValueTask<int> FetchAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        try
        {
            var answer = await _container.GetBlobClient(name).DownloadStreamingAsync(new BlobDownloadOptions { Range = new HttpRange(offset, destination.Length) }, cancellationToken);
            using var content = answer.Value;
            return await content.Content.ReadAtLeastAsync(destination, destination.Length, throwOnEndOfStream: false, cancellationToken);
        }
        catch (RequestFailedException error) when (error.Status == 416)
        {
            // Past the end; an empty blob has no range at all.
            return 0;
        }
        catch (RequestFailedException error)
        {
            throw BlobFaults.Of(error, name);
        }
    }

    private static AccessTier TierOf(ObjectTier tier) => tier switch
    {
        ObjectTier.Hot => AccessTier.Hot,
        ObjectTier.Cool => AccessTier.Cool,
        ObjectTier.Cold => AccessTier.Cold,
        _ => AccessTier.Archive,
    };

    private static ObjectTier TierOf(string? tier) => tier switch
    {
        "Cool" => ObjectTier.Cool,
        "Cold" => ObjectTier.Cold,
        "Archive" => ObjectTier.Archive,
        _ => ObjectTier.Hot,
    };

    private static async ValueTask<bool> NextAsync(IAsyncEnumerator<BlobItem> pages)
    {
        try
        {
            return await pages.MoveNextAsync();
        }
        catch (RequestFailedException error)
        {
            throw BlobFaults.Of(error, "");
        }
    }
}
