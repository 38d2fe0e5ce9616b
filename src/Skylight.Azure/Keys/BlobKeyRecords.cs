using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Skylight.Archive.Keys;
using Skylight.Azure.Objects;
using Skylight.Core.Documents;

namespace Skylight.Azure.Keys;

/// <summary>
/// The second place of key records: a blob each, <c>records/{institution}/{subject}</c>, beside the generations. Its metadata carry the record's digest, so that a listing tells which
/// records differ.
/// </summary>
internal sealed class BlobKeyRecords(BlobContainerClient container) : IKeyRecordStore
{
    private const string Root = "records";
    private const string DigestKey = "digest";

    public async ValueTask<StoredKeyRecord?> GetAsync(string institution, string subject, CancellationToken cancellationToken)
    {
        var name = Name(institution, subject);
        try
        {
            var content = (await container.GetBlobClient(name).DownloadContentAsync(cancellationToken)).Value;
            return new StoredKeyRecord(Parse(content.Content) ?? new KeyRecord(0, institution, subject, []), content.Details.ETag.ToString());
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

    /// <summary>After a lost answer it may say false to the one who wrote: whoever asks then looks at what is there.</summary>
    public ValueTask<bool> TryAddAsync(KeyRecord record, CancellationToken cancellationToken) => TryPutAsync(record, new BlobRequestConditions { IfNoneMatch = ETag.All }, cancellationToken);

    /// <inheritdoc cref="TryAddAsync"/>
    public ValueTask<bool> TryReplaceAsync(KeyRecord record, string etag, CancellationToken cancellationToken) =>
        TryPutAsync(record, new BlobRequestConditions { IfMatch = new ETag(etag) }, cancellationToken);

    public async ValueTask<bool> DeleteAsync(string institution, string subject, CancellationToken cancellationToken)
    {
        var name = Name(institution, subject);
        try
        {
            return await container.GetBlobClient(name).DeleteIfExistsAsync(DeleteSnapshotsOption.IncludeSnapshots, cancellationToken: cancellationToken);
        }
        catch (RequestFailedException error)
        {
            throw BlobFaults.Of(error, name);
        }
    }

    public async ValueTask<KeyRecordPage> ListAsync(string institution, int limit, string? continuation, CancellationToken cancellationToken)
    {
        var found = new List<StoredKeyRecord>();
        await foreach (var page in PagesAsync(institution, BlobTraits.None, limit, continuation, cancellationToken))
        {
            foreach (var blob in page.Values)
            {
                // One that was deleted since it was listed is none.
                if (await GetAsync(institution, blob.Name[(blob.Name.LastIndexOf('/') + 1)..], cancellationToken) is { } stored) found.Add(stored);
            }

            return new KeyRecordPage(found, string.IsNullOrEmpty(page.ContinuationToken) ? null : page.ContinuationToken);
        }

        return new KeyRecordPage(found, null);
    }

    public async IAsyncEnumerable<UInt128> ListDigestsAsync(string institution, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var page in PagesAsync(institution, BlobTraits.Metadata, null, null, cancellationToken))
        {
            foreach (var blob in page.Values)
            {
                if (blob.Metadata.TryGetValue(DigestKey, out var text) && UInt128.TryParse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var digest)) yield return digest;
            }
        }
    }

    /// <summary>Null when it cannot be read: to whoever compares it is one without keys, and replaced.</summary>
    private static KeyRecord? Parse(BinaryData content)
    {
        try
        {
            return JsonSerializer.Deserialize<KeyRecord>(content, DocumentJson.Options);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string Name(string institution, string subject) => $"{Root}/{institution}/{subject}";

    private async ValueTask<bool> TryPutAsync(KeyRecord record, BlobRequestConditions conditions, CancellationToken cancellationToken)
    {
        var name = Name(record.Institution, record.Subject);
        try
        {
            var metadata = new Dictionary<string, string> { [DigestKey] = record.Digest().ToString("x32", CultureInfo.InvariantCulture) };
            await container.GetBlobClient(name).UploadAsync(
                new BinaryData(JsonSerializer.SerializeToUtf8Bytes(record, DocumentJson.Options)), new BlobUploadOptions { Conditions = conditions, Metadata = metadata }, cancellationToken);
            return true;
        }
        catch (RequestFailedException error) when (error.Status is 409 or 412 || BlobFaults.IsMissing(error))
        {
            return false;
        }
        catch (RequestFailedException error)
        {
            throw BlobFaults.Of(error, name);
        }
    }

    private async IAsyncEnumerable<Page<BlobItem>> PagesAsync(string institution, BlobTraits traits, int? limit, string? continuation, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var pages = container.GetBlobsAsync(traits, prefix: $"{Root}/{institution}/", cancellationToken: cancellationToken).AsPages(continuation, limit).GetAsyncEnumerator(cancellationToken);
        await using (pages)
        {
            while (await NextAsync(pages)) yield return pages.Current;
        }
    }

    private static async ValueTask<bool> NextAsync(IAsyncEnumerator<Page<BlobItem>> pages)
    {
        try
        {
            return await pages.MoveNextAsync();
        }
        catch (RequestFailedException error)
        {
            throw BlobFaults.Of(error, Root);
        }
    }
}
