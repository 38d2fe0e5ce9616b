using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Azure.Core.Cryptography;
using Skylight.Archive.Keys;

namespace Skylight.Local.Keys;

/// <summary>
/// The key-encryption keys of an edge host, in one file: <c>local:{name}</c> resolves to the newest version of a key (made on first use),
/// <c>local:{name}/{version}</c> to exactly that version. Protected by file mode 0600, or by a passphrase as well. Safe for concurrent use.
/// </summary>
public sealed class LocalKeyRing : IKeyEncryptionKeyResolver, IKeyEncryptionKeyVersions, IDisposable
{
    /// <summary>OWASP's 2023 figure for PBKDF2-HMAC-SHA512, tripled.</summary>
    public const int DefaultIterations = 630_000;

    /// <summary>Fewest characters of a passphrase that anything is sealed under: a file that was not written, or not mounted, is no passphrase.</summary>
    public const int MinPassphrase = 8;

    private const string Scheme = "local:";

    private readonly Lock _lock = new();
    private readonly string _path;
    private readonly TimeProvider _time;
    private readonly byte[]? _ringKey;
    private readonly Dictionary<string, byte[]> _keys = [];
    private readonly Dictionary<string, int> _newest = [];
    private KeyRingFile _file;

    private LocalKeyRing(string path, KeyRingFile file, byte[]? ringKey, TimeProvider time)
    {
        (_path, _file, _ringKey, _time) = (path, file, ringKey, time);
        foreach (var entry in file.Keys) Admit(entry.Id, Open(entry));
    }

    /// <summary>Whether something may be sealed under a passphrase.</summary>
    public static bool IsPassphrase(string text) => text.Trim().Length >= MinPassphrase;

    /// <summary>Makes a new key ring file. With a passphrase the keys in it are sealed.</summary>
    /// <exception cref="IOException">There is a file already: a key ring is never overwritten.</exception>
    public static LocalKeyRing Create(string path, string? passphrase, TimeProvider time, int iterations = DefaultIterations)
    {
        path = Path.GetFullPath(path);
        if (File.Exists(path)) throw new IOException("There is a key ring file already.");
        var protection = passphrase is null ? null : KeyRingProtection.Create(iterations);
        var ring = new LocalKeyRing(path, new KeyRingFile(KeyRingFile.Version, protection, []), protection?.DeriveKey(passphrase!), time);

        // One key to begin with, so that a wrong passphrase is noticed from the start.
        ring.AddVersion("ring");
        return ring;
    }

    /// <summary>Opens a key ring file. Nothing is written: a host may have it open.</summary>
    /// <exception cref="KeyRingException">It is missing, open to others, damaged, or the passphrase is missing or wrong.</exception>
    public static LocalKeyRing Open(string path, string? passphrase, TimeProvider time)
    {
        path = Path.GetFullPath(path);
        if (!File.Exists(path)) throw new KeyRingException(KeyRingFault.Missing, "There is no key ring file. Restore it from its backup: without it nothing in the archive can be read.");
        var file = KeyRingFile.Load(path);
        if (file.Protection is null) return new LocalKeyRing(path, file, null, time);
        if (passphrase is null) throw new KeyRingException(KeyRingFault.PassphraseNeeded, "The key ring is protected by a passphrase.");
        return new LocalKeyRing(path, file, file.Protection.DeriveKey(passphrase), time);
    }

    /// <summary>
    /// The key ring of a data folder, for whoever has the folder to himself. It is made on the very first start; a folder that has had one and has lost it is refused, since a new ring
    /// could open nothing of what is there. One without a passphrase gets the one that is configured: its keys are sealed under it, at once.
    /// </summary>
    public static LocalKeyRing OpenOrCreate(string dataFolder, KeyRingOptions options, TimeProvider time)
    {
        var (path, made) = (PathIn(dataFolder, options), System.IO.Path.Combine(dataFolder, "keys.made"));
        var passphrase = PassphraseOf(options);
        if (File.Exists(path) || File.Exists(made))
        {
            var known = Open(path, passphrase, time);
            if (passphrase is null || known._file.Protection is not null) return known;
            using (known) return known.Under(Strong(passphrase));
        }

        if (HasContent(dataFolder))
            throw new KeyRingException(KeyRingFault.Missing, "The folder has an archive and no key ring file: restore that from its backup. A new key ring could open nothing of what is there.");
        var ring = Create(path, passphrase is null ? null : Strong(passphrase), time);
        File.WriteAllText(made, "A key ring was made for this folder.\n");
        return ring;
    }

    /// <summary>The key ring of a data folder that a host may be using: it is neither made nor sealed.</summary>
    /// <inheritdoc cref="Open(string, string, TimeProvider)"/>
    public static LocalKeyRing OpenOf(string dataFolder, KeyRingOptions options, TimeProvider time) => Open(PathIn(dataFolder, options), PassphraseOf(options), time);

    /// <summary>Seals the key ring of a data folder under another passphrase, in one step, for whoever has the folder to himself. The keys stay; copies of the file from before open with the old one.</summary>
    /// <param name="old">The passphrase that it has; null for the one that is configured.</param>
    /// <exception cref="KeyRingException">It cannot be opened, or the new passphrase is too short.</exception>
    public static void ChangePassphrase(string dataFolder, KeyRingOptions options, string? old, string passphrase, TimeProvider time)
    {
        using var ring = Open(PathIn(dataFolder, options), old ?? PassphraseOf(options), time);
        ring.Under(Strong(passphrase)).Dispose();
    }

    /// <summary>Says whether a copy of a key ring file can be opened.</summary>
    /// <inheritdoc cref="Open(string, string, TimeProvider)" path="/exception"/>
    internal static void Prove(byte[] file, KeyRingOptions options, TimeProvider time)
    {
        var (ring, passphrase) = (KeyRingFile.Parse(file), PassphraseOf(options));
        var key = ring.Protection is null ? null
            : ring.Protection.DeriveKey(passphrase ?? throw new KeyRingException(KeyRingFault.PassphraseNeeded, "The key ring is protected by a passphrase."));
        new LocalKeyRing("", ring, key, time).Dispose();
    }

    private static string PathIn(string dataFolder, KeyRingOptions options) => options.Path is { Length: > 0 } path ? path : System.IO.Path.Combine(dataFolder, "keys.json");

    private static string? PassphraseOf(KeyRingOptions options) => options.PassphraseFile is { } file ? ReadPassphrase(file) : null;

    /// <summary>What is sealed from now on; what was sealed under less is opened still.</summary>
    private static string Strong(string passphrase) =>
        IsPassphrase(passphrase) ? passphrase : throw new KeyRingException(KeyRingFault.PassphraseNeeded, $"The passphrase file of the key ring holds no passphrase of at least {MinPassphrase} characters.");

    /// <summary>Whether something was stored here, or is being restored to here.</summary>
    private static bool HasContent(string dataFolder)
    {
        var objects = System.IO.Path.Combine(dataFolder, "objects");
        return File.Exists(System.IO.Path.Combine(dataFolder, Backup.FolderRestore.PendingName))
            || (Directory.Exists(objects) && Directory.EnumerateFiles(objects, "*", SearchOption.AllDirectories).Any());
    }

    /// <summary>The same keys, on disk from now on under this passphrase.</summary>
    private LocalKeyRing Under(string passphrase)
    {
        var protection = KeyRingProtection.Create(DefaultIterations);
        var ring = new LocalKeyRing(_path, _file with { Protection = protection, Keys = [] }, protection.DeriveKey(passphrase), _time);
        var next = ring._file with { Keys = [.. _file.Keys.Select(entry => entry with { Key = ring.Seal(entry.Id, _keys[entry.Id]) })] };
        next.Save(_path);
        ring._file = next;
        foreach (var entry in next.Keys) ring.Admit(entry.Id, ring.Open(entry));
        return ring;
    }

    /// <inheritdoc/>
    /// <exception cref="KeyNotFoundException">The ring has no such version, or the id is not of this ring.</exception>
    public IKeyEncryptionKey Resolve(string keyId, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            if (_keys.TryGetValue(keyId, out var exact)) return new LocalKey(keyId, exact);
            if (!keyId.StartsWith(Scheme, StringComparison.Ordinal) || keyId.Contains('/', StringComparison.Ordinal)) throw new KeyNotFoundException($"The key ring has no key '{keyId}'.");
            var name = keyId[Scheme.Length..];
            if (name.Length is 0 or > 64) throw new KeyNotFoundException("The key ring has no key of that name.");
            var id = _newest.TryGetValue(name, out var version) ? Id(name, version) : AddVersion(name);
            return new LocalKey(id, _keys[id]);
        }
    }

    /// <inheritdoc/>
    public Task<IKeyEncryptionKey> ResolveAsync(string keyId, CancellationToken cancellationToken = default) => Task.FromResult(Resolve(keyId, cancellationToken));

    /// <summary>
    /// Adds a version to a key, durably, and answers its id: from now on new wraps use it, and the old versions still unwrap. Then the key records are
    /// re-wrapped (<c>StudyKeys.RewrapAsync</c>).
    /// </summary>
    public string Rotate(string name)
    {
        lock (_lock) return AddVersion(name);
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<KeyEncryptionKeyVersion>> ListAsync(string keyId, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return ValueTask.FromResult<IReadOnlyList<KeyEncryptionKeyVersion>>(
                [.. _file.Keys.Where(entry => entry.Id.StartsWith(keyId + "/", StringComparison.Ordinal)).OrderBy(entry => Version(entry.Id)).Select(entry => new KeyEncryptionKeyVersion(entry.Id, entry.CreatedAt))]);
        }
    }

    /// <inheritdoc/>
    public ValueTask<string> AddAsync(string keyId, CancellationToken cancellationToken) => ValueTask.FromResult(Rotate(Name(keyId)));

    /// <inheritdoc/>
    public ValueTask<bool> RetireAsync(string versionId, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (!_keys.TryGetValue(versionId, out var key)) return ValueTask.FromResult(false);
            if (Version(versionId) == _newest[Name(versionId[..versionId.LastIndexOf('/')])]) throw new InvalidOperationException("The newest version of a key is in use.");
            var next = _file with { Keys = [.. _file.Keys.Where(entry => entry.Id != versionId)] };
            next.Save(_path);
            _file = next;
            _keys.Remove(versionId);
            CryptographicOperations.ZeroMemory(key);
            return ValueTask.FromResult(true);
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (var key in _keys.Values) CryptographicOperations.ZeroMemory(key);
            if (_ringKey is not null) CryptographicOperations.ZeroMemory(_ringKey);
            _keys.Clear();
        }
    }

    /// <summary>Never the keys.</summary>
    public override string ToString() => "key ring";

    private static string Id(string name, int version) => string.Create(CultureInfo.InvariantCulture, $"{Scheme}{name}/{version}");

    private static int Version(string id) => int.Parse(id.AsSpan(id.LastIndexOf('/') + 1), NumberStyles.None, CultureInfo.InvariantCulture);

    private static string Name(string keyId) => keyId.StartsWith(Scheme, StringComparison.Ordinal) && !keyId.Contains('/', StringComparison.Ordinal)
        ? keyId[Scheme.Length..]
        : throw new KeyNotFoundException("The key ring has no key of that name.");

    private static string ReadPassphrase(string file)
    {
        if (!File.Exists(file)) throw new KeyRingException(KeyRingFault.PassphraseNeeded, "The passphrase file of the key ring does not exist.");
        KeyRingFile.DemandPrivate(file, "passphrase file");
        var passphrase = File.ReadAllText(file).TrimEnd('\r', '\n');
        return passphrase.Length > 0 ? passphrase : throw new KeyRingException(KeyRingFault.PassphraseNeeded, "The passphrase file of the key ring is empty.");
    }

    private string AddVersion(string name)
    {
        var version = _newest.GetValueOrDefault(name) + 1;
        var id = Id(name, version);
        var key = GC.AllocateUninitializedArray<byte>(32, pinned: true);
        RandomNumberGenerator.Fill(key);
        var next = _file with { Keys = [.. _file.Keys, new KeyRingEntry(id, _time.GetUtcNow(), Seal(id, key))] };

        // On disk before it wraps anything.
        next.Save(_path);
        _file = next;
        Admit(id, key);
        return id;
    }

    private void Admit(string id, byte[] key)
    {
        var slash = id.LastIndexOf('/');
        if (!id.StartsWith(Scheme, StringComparison.Ordinal) || slash < Scheme.Length || !int.TryParse(id.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var version))
            throw new KeyRingException(KeyRingFault.Damaged, "The key ring file names a key in an unknown way.");
        _keys[id] = key;
        var name = id[Scheme.Length..slash];
        _newest[name] = Math.Max(_newest.GetValueOrDefault(name), version);
    }

    private byte[] Seal(string id, byte[] key)
    {
        if (_ringKey is null) return (byte[])key.Clone();
        using var gcm = new AesGcm(_ringKey, 16);
        var result = new byte[12 + key.Length + 16];
        RandomNumberGenerator.Fill(result.AsSpan(0, 12));
        gcm.Encrypt(result.AsSpan(0, 12), key, result.AsSpan(12, key.Length), result.AsSpan(12 + key.Length), Encoding.UTF8.GetBytes(id));
        return result;
    }

    private byte[] Open(KeyRingEntry entry)
    {
        var key = GC.AllocateUninitializedArray<byte>(32, pinned: true);
        var bytes = entry.Key;
        if (bytes.Length != (_ringKey is null ? 32 : 60)) throw new KeyRingException(KeyRingFault.Damaged, "The key ring file holds a key of a wrong length.");
        if (_ringKey is null)
        {
            bytes.CopyTo(key, 0);
            return key;
        }

        using var gcm = new AesGcm(_ringKey, 16);
        try
        {
            gcm.Decrypt(bytes.AsSpan(0, 12), bytes.AsSpan(12, 32), bytes.AsSpan(44), key, Encoding.UTF8.GetBytes(entry.Id));
            return key;
        }
        catch (AuthenticationTagMismatchException error)
        {
            throw new KeyRingException(KeyRingFault.WrongPassphrase, "The passphrase is wrong, or the key ring file was altered.", error);
        }
    }

    private sealed class LocalKey(string id, byte[] key) : IKeyEncryptionKey
    {
        public string KeyId => id;

        public byte[] WrapKey(string algorithm, ReadOnlyMemory<byte> keyToWrap, CancellationToken cancellationToken = default)
        {
            Demand(algorithm);
            return AesKeyWrap.Wrap(key, keyToWrap.Span);
        }

        public Task<byte[]> WrapKeyAsync(string algorithm, ReadOnlyMemory<byte> keyToWrap, CancellationToken cancellationToken = default) =>
            Task.FromResult(WrapKey(algorithm, keyToWrap, cancellationToken));

        public byte[] UnwrapKey(string algorithm, ReadOnlyMemory<byte> encryptedKey, CancellationToken cancellationToken = default)
        {
            Demand(algorithm);
            return AesKeyWrap.Unwrap(key, encryptedKey.Span);
        }

        public Task<byte[]> UnwrapKeyAsync(string algorithm, ReadOnlyMemory<byte> encryptedKey, CancellationToken cancellationToken = default) =>
            Task.FromResult(UnwrapKey(algorithm, encryptedKey, cancellationToken));

        public override string ToString() => id;

        private static void Demand(string algorithm)
        {
            if (algorithm != "A256KW") throw new CryptographicException("The key ring wraps by A256KW only.");
        }
    }
}
