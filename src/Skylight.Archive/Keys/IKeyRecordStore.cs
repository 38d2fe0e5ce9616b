using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;

namespace Skylight.Archive.Keys;

/// <summary>
/// The wrapped keys of one subject (a study, or the institution itself), kept apart from the objects they open and backed up apart from them.
/// </summary>
/// <param name="V">Version of this record, now 1.</param>
/// <param name="Institution">Institution code.</param>
/// <param name="Subject">A study key, or <see cref="InstitutionSubject"/>.</param>
/// <param name="Keys">The wrapped keys, the one for new objects last. More than one while old objects are being re-encrypted.</param>
public sealed record KeyRecord(int V, string Institution, string Subject, IReadOnlyList<WrappedKey> Keys)
{
    /// <summary>The version that is written.</summary>
    public const int Version = 1;

    /// <summary>The subject of the institution's own secret. No study key looks like it (they have 32 characters).</summary>
    public const string InstitutionSubject = "institution";

    /// <summary>The first half of a SHA-256 over all of it: two records with the same one are the same.</summary>
    public UInt128 Digest()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(Encoding.UTF8.GetBytes(Institution));
        Append(Encoding.UTF8.GetBytes(Subject));
        foreach (var key in Keys)
        {
            foreach (var text in (string[])[key.Id, key.Algorithm, key.Kek]) Append(Encoding.UTF8.GetBytes(text));
            Append(key.Wrapped);
            Append(BitConverter.GetBytes(key.CreatedAt.UtcTicks));
        }

        return BinaryPrimitives.ReadUInt128BigEndian(hash.GetHashAndReset());

        void Append(ReadOnlySpan<byte> bytes)
        {
            hash.AppendData(BitConverter.GetBytes(bytes.Length));
            hash.AppendData(bytes);
        }
    }
}

/// <summary>One key as it may be stored.</summary>
/// <param name="Id">The key's id (<see cref="KeyId"/>), 32 hexadecimal digits.</param>
/// <param name="Algorithm">The wrap algorithm, in Key Vault's spelling: A256KW, RSA-OAEP-256.</param>
/// <param name="Kek">The exact version of the key-encryption key that wrapped it, as its resolver spells it.</param>
/// <param name="Wrapped">The wrapped key.</param>
/// <param name="CreatedAt">When the key was made (UTC).</param>
public sealed record WrappedKey(string Id, string Algorithm, string Kek, byte[] Wrapped, DateTimeOffset CreatedAt);

/// <summary>A key record as read, with the tag to replace it under.</summary>
public sealed record StoredKeyRecord(KeyRecord Record, string ETag);

/// <summary>Key records: small, mutable, durable before a write returns, and conditional, so that two racing creators end with one key.</summary>
public interface IKeyRecordStore
{
    /// <summary>Null when there is none.</summary>
    ValueTask<StoredKeyRecord?> GetAsync(string institution, string subject, CancellationToken cancellationToken);

    /// <summary>False when the subject has a record already; it is left as it is.</summary>
    ValueTask<bool> TryAddAsync(KeyRecord record, CancellationToken cancellationToken);

    /// <summary>False when the record has changed since it was read, or is gone.</summary>
    ValueTask<bool> TryReplaceAsync(KeyRecord record, string etag, CancellationToken cancellationToken);

    /// <summary>
    /// Makes sure that a record which was read is in every place where it should be, before something is sealed under its keys: whoever wrote it may have been stopped between two places.
    /// </summary>
    /// <exception cref="KeyUnavailableException">It is not, and cannot be put there now (<see cref="KeyFault.NotReplicated"/>).</exception>
    ValueTask ConfirmAsync(KeyRecord record, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>Destroys the record. False when there was none.</summary>
    ValueTask<bool> DeleteAsync(string institution, string subject, CancellationToken cancellationToken);

    /// <summary>One page of an institution's records; continue with the page's continuation until it is null.</summary>
    ValueTask<KeyRecordPage> ListAsync(string institution, int limit, string? continuation, CancellationToken cancellationToken);

    /// <summary>All records of an institution, in no particular order.</summary>
    async IAsyncEnumerable<StoredKeyRecord> ListAsync(string institution, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? continuation = null;
        do
        {
            var page = await ListAsync(institution, 200, continuation, cancellationToken);
            foreach (var stored in page.Items) yield return stored;
            continuation = page.Continuation;
        }
        while (continuation is not null);
    }

    /// <summary><see cref="KeyRecord.Digest"/> of all records of an institution: what a comparison needs.</summary>
    async IAsyncEnumerable<UInt128> ListDigestsAsync(string institution, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var stored in ListAsync(institution, cancellationToken)) yield return stored.Record.Digest();
    }
}

/// <summary>A page of key records; <see cref="Continuation"/> is null on the last one.</summary>
public sealed record KeyRecordPage(IReadOnlyList<StoredKeyRecord> Items, string? Continuation);
