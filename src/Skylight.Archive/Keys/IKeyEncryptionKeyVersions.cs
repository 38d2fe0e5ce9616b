namespace Skylight.Archive.Keys;

/// <summary>One version of a key-encryption key.</summary>
/// <param name="Id">The exact version, as its resolver spells it and as key records name it.</param>
/// <param name="CreatedAt">UTC.</param>
public sealed record KeyEncryptionKeyVersion(string Id, DateTimeOffset CreatedAt);

/// <summary>The versions of key-encryption keys, where their keeper lets us make and retire them: the key ring does, a key vault does it by its own policy.</summary>
public interface IKeyEncryptionKeyVersions
{
    /// <summary>Versions of a key, newest last. Empty when there is no such key yet.</summary>
    ValueTask<IReadOnlyList<KeyEncryptionKeyVersion>> ListAsync(string keyId, CancellationToken cancellationToken);

    /// <summary>Makes a new version, durable before the task completes, and answers its id; new wraps use it. A vault answers the version that is its newest.</summary>
    ValueTask<string> AddAsync(string keyId, CancellationToken cancellationToken);

    /// <summary>
    /// Destroys a version that no key record names any more. Never the newest one. A vault leaves it to its own policy and answers false.
    /// </summary>
    ValueTask<bool> RetireAsync(string versionId, CancellationToken cancellationToken);
}
