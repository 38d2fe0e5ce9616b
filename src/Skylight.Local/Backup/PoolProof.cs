using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Core.Integrity;
using Skylight.Core.Keys;
using Skylight.Core.Studies;
using Skylight.Local.Keys;
using Skylight.Local.Objects;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Backup;

/// <summary>What is known of a copy in the pool.</summary>
internal enum CopyProof
{
    /// <summary>Every segment authenticates.</summary>
    Whole,
    Damaged,

    /// <summary>Its key is not to be had (destroyed, lost, or the key ring cannot be opened): nobody can say.</summary>
    Unknown,
}

/// <summary>Authenticates sealed objects in a set's pool, with the keys of the folder that is backed up.</summary>
internal sealed class PoolProof : IAsyncDisposable
{
    private readonly FolderObjectStore _pool;
    private readonly SqliteDatabase? _records;
    private readonly LocalKeyRing? _ring;
    private readonly StudyKeys? _keys;
    private readonly ObjectCheck? _check;

    public PoolProof(BackupOptions options, string pool, TimeProvider time)
    {
        _pool = FolderObjectStore.Open(pool, new FolderObjectStoreOptions { MinFreeBytes = 0 }, time);
        try
        {
            _ring = LocalKeyRing.OpenOf(options.Data, new KeyRingOptions { Path = options.KeyRingPath, PassphraseFile = options.KeyRingPassphraseFile }, time);
        }
        catch (Exception error) when (error is KeyRingException or UnauthorizedAccessException)
        {
            // The backup needs no open key ring; what it copies is not authenticated then, and the manifest counts it.
            return;
        }

        _records = SqliteDatabase.Open(Path.Combine(options.Data, "records.db"), SqliteDurability.Full, SqliteDocuments.Schema);
        _keys = new StudyKeys(new DocumentKeyRecords(new SqliteDocuments(_records)), _ring, new KeyEncryptionOptions(), time);
        _check = new ObjectCheck(_keys);
        Parts = new StudyParts(_pool, _keys);
    }

    /// <summary>Reads manifests in the pool; null where the key ring cannot be opened.</summary>
    public StudyParts? Parts { get; }

    /// <summary>Whether a study has its keys: of one that was erased since nothing is missed.</summary>
    public async ValueTask<bool> HasKeysAsync(string name, CancellationToken cancellationToken)
    {
        var (institution, studyKey) = ObjectName.Owner(name);
        return _keys is null || await _keys.ExistsAsync(institution, studyKey, cancellationToken);
    }

    /// <param name="file">An object's name in the pool, or that with more behind it.</param>
    public async ValueTask<(CopyProof Proof, string? Fault)> OfAsync(string file, CancellationToken cancellationToken)
    {
        if (_check is null || file.Count('/') < 2) return (CopyProof.Unknown, null);
        try
        {
            var (state, _, fault) = await _check.ReadAsync(_pool, file, cancellationToken);
            return state == CopyState.Whole ? (CopyProof.Whole, null) : (CopyProof.Damaged, fault ?? "missing");
        }
        catch (KeyUnavailableException)
        {
            return (CopyProof.Unknown, null);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _keys?.Dispose();
        _ring?.Dispose();
        if (_records is not null) await _records.DisposeAsync();
    }
}
