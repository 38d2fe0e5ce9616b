using System.Text.Json;
using Azure;
using Skylight.Archive.Keys;

namespace Skylight.Azure.Keys;

/// <summary>
/// Versions of a key in Key Vault that may be used. The vault makes them, by its rotation policy or an administrator's hand, and lets them go: what a version has
/// wrapped must be wrapped anew before it is disabled there.
/// </summary>
internal sealed class VaultKeyVersions(VaultClient client, CachedKeyResolver cache) : IKeyEncryptionKeyVersions
{
    public async ValueTask<IReadOnlyList<KeyEncryptionKeyVersion>> ListAsync(string keyId, CancellationToken cancellationToken)
    {
        // Who asks is about to wrap by the newest.
        cache.Forget(keyId);
        var versions = new List<KeyEncryptionKeyVersion>();
        try
        {
            for (var next = VaultClient.Under(keyId, "versions"); next is not null;)
            {
                using var page = await client.GetAsync(next, cancellationToken);
                foreach (var item in page.RootElement.GetProperty("value").EnumerateArray())
                    if (item.GetProperty("attributes") is var attributes && attributes.GetProperty("enabled").GetBoolean())
                        versions.Add(new KeyEncryptionKeyVersion(item.GetProperty("kid").GetString()!, DateTimeOffset.FromUnixTimeSeconds(attributes.GetProperty("created").GetInt64())));
                next = page.RootElement.TryGetProperty("nextLink", out var link) && link.ValueKind == JsonValueKind.String ? Same(keyId, new Uri(link.GetString()!)) : null;
            }
        }
        catch (RequestFailedException error) when (error.Status == 404)
        {
            return [];
        }

        return [.. versions.OrderBy(version => version.CreatedAt)];
    }

    public async ValueTask<string> AddAsync(string keyId, CancellationToken cancellationToken)
    {
        using var newest = await client.GetAsync(VaultClient.Under(keyId, ""), cancellationToken);
        return newest.RootElement.GetProperty("key").GetProperty("kid").GetString()!;
    }

    public ValueTask<bool> RetireAsync(string versionId, CancellationToken cancellationToken) => ValueTask.FromResult(false);

    /// <summary>A page's link is followed within its own vault only: a token goes with the request.</summary>
    private static Uri Same(string keyId, Uri link) =>
        link.Host == new Uri(keyId).Host && link.Scheme == Uri.UriSchemeHttps ? link : throw new InvalidDataException("The key vault names a next page that is not its own.");
}
