using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Skylight.Local.Keys;

namespace Skylight.Local.Backup;

/// <summary>
/// The keys of a generation in a file of their own: the key ring and the key records, which are taken out of the copied records. Sealed under a passphrase; a
/// key ring that is protected by one itself needs no other. Deleting the file makes the generation unreadable.
/// </summary>
internal static class KeyBackup
{
    private const string Purpose = "skylight key backup 1";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    /// <summary>Moves the key records out of <paramref name="records"/> (a copy) into a file with the key ring.</summary>
    /// <exception cref="BackupException">Neither the key ring has a passphrase nor the backup.</exception>
    public static void Write(string ring, string records, string target, string? passphrase, int iterations)
    {
        var ringBytes = File.ReadAllBytes(ring);
        if (passphrase is null && KeyRingFile.Load(ring).Protection is null)
            throw new BackupException("The key ring has no passphrase, so its backup needs one: --passphrase-file FILE (mode 0600).") { Cause = BackupCause.Request };
        using var connection = BackupFiles.Open(records);
        var clear = JsonSerializer.SerializeToUtf8Bytes(new Content(ringBytes, [.. Read(connection)]), Json);
        BackupFiles.Write(target, JsonSerializer.SerializeToUtf8Bytes(Seal(clear, passphrase, iterations), Json));
        CryptographicOperations.ZeroMemory(clear);
        CryptographicOperations.ZeroMemory(ringBytes);
        BackupFiles.Run(connection, "DELETE FROM documents WHERE type='key'");
        BackupFiles.Run(connection, "VACUUM");
    }

    /// <summary>Says whether a key backup, and the key ring in it, can be opened, before hours are spent on what goes with it.</summary>
    /// <exception cref="BackupException">The passphrase is missing or wrong, or the file is damaged.</exception>
    /// <exception cref="KeyRingException">The key ring has a passphrase of its own, which is missing or wrong.</exception>
    public static void Prove(string file, string? passphrase, KeyRingOptions ring)
    {
        var clear = Open(Load(file), passphrase);
        var content = Parse(clear);
        CryptographicOperations.ZeroMemory(clear);
        LocalKeyRing.Prove(content.Ring, ring, TimeProvider.System);
        CryptographicOperations.ZeroMemory(content.Ring);
    }

    /// <summary>Puts the key records back and writes the key ring.</summary>
    public static void Restore(string file, string ring, string records, string? passphrase)
    {
        var content = Parse(Open(Load(file), passphrase));
        using (var connection = BackupFiles.Open(records))
        using (var transaction = connection.BeginTransaction())
        {
            foreach (var record in content.Records)
            {
                using var put = connection.CreateCommand();
                put.CommandText = "INSERT OR REPLACE INTO documents VALUES($pk,'key',$id,$etag,$body)";
                put.Parameters.AddWithValue("$pk", record.Pk);
                put.Parameters.AddWithValue("$id", record.Id);
                put.Parameters.AddWithValue("$etag", record.ETag);
                put.Parameters.AddWithValue("$body", record.Body);
                put.ExecuteNonQuery();
            }

            transaction.Commit();
        }

        BackupFiles.Write(ring, content.Ring);
    }

    private static Content Parse(byte[] clear) => JsonSerializer.Deserialize<Content>(clear, Json) ?? throw new BackupException("The key backup is empty.");

    private static File1 Load(string file) => JsonSerializer.Deserialize<File1>(File.ReadAllBytes(file), Json) ?? throw new BackupException("The key backup is empty.");

    private static IEnumerable<Record> Read(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT pk, id, etag, body FROM documents WHERE type='key' ORDER BY pk, id";
        using var reader = command.ExecuteReader();
        while (reader.Read()) yield return new Record(reader.GetString(0), reader.GetString(1), reader.GetInt64(2), reader.GetFieldValue<byte[]>(3));
    }

    private static File1 Seal(byte[] clear, string? passphrase, int iterations)
    {
        if (passphrase is null) return new File1(1, null, clear);
        var protection = KeyRingProtection.Create(iterations);
        using var gcm = new AesGcm(protection.DeriveKey(passphrase), 16);
        var data = new byte[12 + clear.Length + 16];
        RandomNumberGenerator.Fill(data.AsSpan(0, 12));
        gcm.Encrypt(data.AsSpan(0, 12), clear, data.AsSpan(12, clear.Length), data.AsSpan(12 + clear.Length), System.Text.Encoding.ASCII.GetBytes(Purpose));
        return new File1(1, protection, data);
    }

    private static byte[] Open(File1 stored, string? passphrase)
    {
        if (stored.V != 1) throw new BackupException("The key backup is of a version that this program does not read.");
        if (stored.Protection is null) return stored.Data;
        if (passphrase is null) throw new BackupException("The key backup is protected by a passphrase: --passphrase-file FILE.") { Cause = BackupCause.Request };
        using var gcm = new AesGcm(stored.Protection.DeriveKey(passphrase), 16);
        var clear = new byte[stored.Data.Length - 28];
        try
        {
            gcm.Decrypt(stored.Data.AsSpan(0, 12), stored.Data.AsSpan(12, clear.Length), stored.Data.AsSpan(12 + clear.Length), clear, System.Text.Encoding.ASCII.GetBytes(Purpose));
            return clear;
        }
        catch (AuthenticationTagMismatchException error)
        {
            throw new BackupException("The passphrase is wrong, or the key backup was altered.", error) { Cause = BackupCause.Request };
        }
    }

    private sealed record File1(int V, KeyRingProtection? Protection, byte[] Data);

    private sealed record Content(byte[] Ring, IReadOnlyList<Record> Records);

    private sealed record Record(string Pk, string Id, long ETag, byte[] Body);
}
