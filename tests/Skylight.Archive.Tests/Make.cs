using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;

namespace Skylight.Archive.Tests;

/// <summary>What the tests make over and over.</summary>
internal static class Make
{
    public const string Folder = "hospital-a/abcdefghijklmnopqrstuvwxyz234567";

    /// <summary>The smallest segments there are, so that small objects have several.</summary>
    public static SealOptions Small(SealAlgorithm algorithm = SealAlgorithm.Aes256Gcm) => new() { SegmentBytes = 4096, Algorithm = algorithm };

    /// <summary>Bytes that differ everywhere and are the same in every run.</summary>
    public static byte[] Bytes(int count, int seed = 1)
    {
        var bytes = new byte[count];
        var state = (uint)seed * 2654435761u + 12345;
        for (var i = 0; i < count; i++)
        {
            state = (state * 1664525) + 1013904223;
            bytes[i] = (byte)(state >> 24);
        }

        return bytes;
    }

    /// <summary>Seals and stores an object.</summary>
    public static async Task<SealedReference> StoreAsync(IObjectStore store, DataKey key, byte[] plain, SealOptions options, SealedType type = SealedType.Pack)
    {
        await using var writer = SealedObjectWriter.Create(store, Folder, key, type, options);
        await writer.WriteAsync(plain, default);
        return (await writer.CommitAsync(default)).Reference;
    }

    /// <summary>Opens an object and authenticates all of it.</summary>
    public static async Task<long> VerifyAsync(IObjectStore store, SealedReference reference, IReadKeys keys, SealedType type = SealedType.Pack)
    {
        using var reader = await SealedObjectReader.OpenAsync(store, reference, type, keys, default);
        return await reader.VerifyAsync(default);
    }

    public static async Task<byte[]> ReadAsync(IObjectStore store, SealedReference reference, IReadKeys keys, long offset, int count)
    {
        using var reader = await SealedObjectReader.OpenAsync(store, reference, SealedType.Pack, keys, default);
        var bytes = new byte[count];
        var read = await reader.ReadAsync(offset, bytes, default);
        return bytes[..read];
    }
}
