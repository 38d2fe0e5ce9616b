using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Azure.Core.Cryptography;

namespace Skylight.Archive.Keys;

/// <summary>
/// One random secret an institution, wrapped like a study key, from which a 32-byte secret for each purpose is derived ("study-key", "patient-key",
/// "audit-mac", "token" …). The secret never changes: study keys and patient keys are made with it.
/// </summary>
public sealed class InstitutionSecrets : IDisposable
{
    private readonly StudyKeys _keys;
    private readonly ConcurrentDictionary<(string Institution, string Purpose), byte[]> _derived = new();
    private readonly ConcurrentDictionary<string, KeyId> _unconfirmed = new();

    public InstitutionSecrets(IKeyRecordStore records, IKeyEncryptionKeyResolver resolver, KeyEncryptionOptions options, TimeProvider time) =>
        _keys = new StudyKeys(records, resolver, options, time);

    /// <summary>HKDF-SHA256(institution secret, info = "skylight institution 1 {institution} {purpose}"): 32 bytes, always the same, the caller's own copy.</summary>
    /// <exception cref="KeyUnavailableException">The institution's key record or key-encryption key is missing or wrong.</exception>
    public ValueTask<byte[]> GetAsync(string institution, string purpose, CancellationToken cancellationToken) =>
        _derived.TryGetValue((institution, purpose), out var derived) ? ValueTask.FromResult((byte[])derived.Clone()) : DeriveAsync(institution, purpose, cancellationToken);

    /// <summary>
    /// The opaque key of a name within an institution: the first 160 bits of HMAC-SHA256(secret for <paramref name="purpose"/>, UTF-8 of
    /// <paramref name="value"/>) in base32, 32 characters. With purpose "study-key" and a Study Instance UID it is the study key.
    /// </summary>
    public async ValueTask<string> MakeKeyAsync(string institution, string purpose, string value, CancellationToken cancellationToken)
    {
        if (!_derived.TryGetValue((institution, purpose), out var secret))
            secret = await DeriveAsync(institution, purpose, cancellationToken);
        return Mac(secret, value);
    }

    public void Dispose()
    {
        _keys.Dispose();
        foreach (var secret in _derived.Values) CryptographicOperations.ZeroMemory(secret);
        _derived.Clear();
    }

    private static string Mac(byte[] secret, string value)
    {
        Span<byte> mac = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes(value), mac);
        return Base32.Encode(mac[..20]);
    }

    /// <summary>Nothing can be read without the secret, so one that there is serves also while its second copy cannot be confirmed. Nothing is sealed under it.</summary>
    private async ValueTask<DataKey> KeyAsync(string institution, CancellationToken cancellationToken)
    {
        if (_unconfirmed.TryGetValue(institution, out var known)) return await _keys.GetAsync(institution, KeyRecord.InstitutionSubject, known, cancellationToken);
        try
        {
            return await _keys.GetOrCreateAsync(institution, KeyRecord.InstitutionSubject, cancellationToken);
        }
        catch (KeyUnavailableException error) when (error.Fault == KeyFault.NotReplicated)
        {
            if (await _keys.IdsAsync(institution, KeyRecord.InstitutionSubject, cancellationToken) is not [.., var last] || !KeyId.TryParse(last, out var id)) throw;
            _unconfirmed[institution] = id;
            return await _keys.GetAsync(institution, KeyRecord.InstitutionSubject, id, cancellationToken);
        }
    }

    private async ValueTask<byte[]> DeriveAsync(string institution, string purpose, CancellationToken cancellationToken)
    {
        using var key = await KeyAsync(institution, cancellationToken);
        var clear = key.Export();
        try
        {
            var derived = HKDF.DeriveKey(HashAlgorithmName.SHA256, clear, 32, salt: [], info: Encoding.UTF8.GetBytes($"skylight institution 1 {institution} {purpose}"));
            return (byte[])_derived.GetOrAdd((institution, purpose), derived).Clone();
        }
        finally
        {
            CryptographicOperations.ZeroMemory(clear);
        }
    }
}
