using System.Security.Cryptography;

namespace Skylight.Edge.Blobs;

/// <summary>The key that signs this host's upload URLs: 64 random bytes, base64, in a file that only its owner may read.</summary>
internal static class AccountKey
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Reads the key, making it on the first start.</summary>
    /// <exception cref="InvalidDataException">The file is not a key, or others may read it.</exception>
    public static string LoadOrCreate(string path)
    {
        if (!File.Exists(path))
        {
            var temporary = path + ".new";
            File.Delete(temporary);
            using (var file = new FileStream(temporary, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = Private }))
            {
                file.Write(System.Text.Encoding.ASCII.GetBytes(Convert.ToBase64String(RandomNumberGenerator.GetBytes(64))));
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: false);
        }

        if ((File.GetUnixFileMode(path) & ~Private) != 0) throw new InvalidDataException($"The key file '{path}' may be read by others; run: chmod 600 '{path}'");
        var text = File.ReadAllText(path).Trim();
        Span<byte> key = stackalloc byte[64];
        if (!Convert.TryFromBase64String(text, key, out var length) || length != 64) throw new InvalidDataException($"The key file '{path}' is not a base64 key of 64 bytes.");
        return text;
    }
}
