using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Skylight.Local.Objects;

namespace Skylight.Local.Keys;

/// <summary>The key ring as it lies on disk: JSON, version 1, mode 0600. With a passphrase the keys in it are sealed (AES-256-GCM under a PBKDF2 key).</summary>
internal sealed record KeyRingFile(int V, KeyRingProtection? Protection, IReadOnlyList<KeyRingEntry> Keys)
{
    public const int Version = 1;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static KeyRingFile Load(string path)
    {
        DemandPrivate(path, "key ring file");
        return Parse(File.ReadAllBytes(path));
    }

    public static KeyRingFile Parse(byte[] bytes)
    {
        try
        {
            var file = JsonSerializer.Deserialize<KeyRingFile>(bytes, Json);
            return file is { V: Version, Keys: not null } ? file : throw new KeyRingException(KeyRingFault.Damaged, $"The key ring file has version {file?.V}; this program reads version {Version}.");
        }
        catch (JsonException error)
        {
            throw new KeyRingException(KeyRingFault.Damaged, "The key ring file is damaged.", error);
        }
    }

    /// <exception cref="KeyRingException">Others than the owner may read the file.</exception>
    public static void DemandPrivate(string path, string what)
    {
        var mode = File.GetUnixFileMode(path);
        if ((mode & ~(UnixFileMode.UserRead | UnixFileMode.UserWrite)) != 0)
            throw new KeyRingException(KeyRingFault.OpenToOthers, $"The {what} must be readable by its owner alone (mode 0600; it has {Convert.ToString((int)mode, 8)}).");
    }

    /// <summary>Replaces the file: written beside it, fsynced, renamed over it, folder fsynced. The old file stays whole until the new one is.</summary>
    public void Save(string path)
    {
        var beside = path + ".new";
        File.Delete(beside);
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        using (var stream = new FileStream(beside, options))
        {
            JsonSerializer.Serialize(stream, this, Json);
            stream.Flush();
            LibC.Sync(stream.SafeFileHandle, "fsync the key ring");
        }

        File.Move(beside, path, overwrite: true);
        LibC.SyncDirectory(Path.GetDirectoryName(path)!);
    }
}

/// <summary>How the keys of a ring are protected by a passphrase.</summary>
/// <param name="Kdf">PBKDF2-HMAC-SHA512.</param>
internal sealed record KeyRingProtection(string Kdf, int Iterations, byte[] Salt)
{
    private const string Name = "PBKDF2-HMAC-SHA512";

    public static KeyRingProtection Create(int iterations) => new(Name, iterations, RandomNumberGenerator.GetBytes(32));

    public byte[] DeriveKey(string passphrase) => Kdf == Name && Iterations is >= 1000 and <= 100_000_000
        ? Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(passphrase.Normalize(NormalizationForm.FormC)), Salt, Iterations, HashAlgorithmName.SHA512, 32)
        : throw new KeyRingException(KeyRingFault.Damaged, "The key ring file names an unknown key derivation.");
}

/// <summary>One version of one key-encryption key.</summary>
/// <param name="Id"><c>local:{name}/{version}</c>.</param>
/// <param name="Key">32 bytes; with a passphrase nonce (12), ciphertext and tag (16), the id being associated data.</param>
internal sealed record KeyRingEntry(string Id, DateTimeOffset CreatedAt, byte[] Key);

/// <summary>Why a key ring cannot be used.</summary>
public enum KeyRingFault
{
    /// <summary>There is no key ring file.</summary>
    Missing,

    /// <summary>The file's mode lets others read it.</summary>
    OpenToOthers,

    /// <summary>The file is protected by a passphrase, and none was given.</summary>
    PassphraseNeeded,

    /// <summary>The passphrase is wrong, or the protected keys were altered.</summary>
    WrongPassphrase,

    /// <summary>The file is not a key ring, or of a version that is not supported.</summary>
    Damaged,
}

/// <summary>The key ring cannot be used. The message says what to do and carries no key material.</summary>
public sealed class KeyRingException(KeyRingFault fault, string message, Exception? inner = null) : Exception(message, inner)
{
    public KeyRingFault Fault { get; } = fault;
}
