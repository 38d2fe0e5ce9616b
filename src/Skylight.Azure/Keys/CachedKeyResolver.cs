using System.Collections.Concurrent;
using Azure.Core.Cryptography;

namespace Skylight.Azure.Keys;

/// <summary>
/// Remembers what a resolver answered: a version of a key for good, since it never changes; the newest version of a key for some minutes, after which a rotation is seen.
/// Key Vault asks its service at every resolve, which is slow, and throttled per vault.
/// </summary>
public sealed class CachedKeyResolver(IKeyEncryptionKeyResolver inner, TimeProvider time) : IKeyEncryptionKeyResolver
{
    /// <summary>How long a key without a version in its id is taken for the newest.</summary>
    public static readonly TimeSpan NewestFor = TimeSpan.FromMinutes(5);

    private const int Most = 10_000;

    private readonly ConcurrentDictionary<string, (IKeyEncryptionKey Key, DateTimeOffset Until)> _keys = new(StringComparer.Ordinal);

    public IKeyEncryptionKey Resolve(string keyId, CancellationToken cancellationToken = default) => Known(keyId) ?? Remember(keyId, inner.Resolve(keyId, cancellationToken));

    public async Task<IKeyEncryptionKey> ResolveAsync(string keyId, CancellationToken cancellationToken = default) =>
        Known(keyId) ?? Remember(keyId, await inner.ResolveAsync(keyId, cancellationToken));

    /// <summary>The newest version of a key is asked for again.</summary>
    public void Forget(string keyId) => _keys.TryRemove(keyId, out _);

    private IKeyEncryptionKey? Known(string keyId) => _keys.TryGetValue(keyId, out var known) && known.Until > time.GetUtcNow() ? known.Key : null;

    private IKeyEncryptionKey Remember(string keyId, IKeyEncryptionKey key)
    {
        if (_keys.Count >= Most) _keys.Clear();
        _keys[key.KeyId] = (key, DateTimeOffset.MaxValue);
        if (key.KeyId != keyId) _keys[keyId] = (key, time.GetUtcNow() + NewestFor);
        return key;
    }
}
