using System.Collections.Concurrent;
using System.Security.Cryptography;
using Skylight.Archive.Keys;
using Skylight.Archive.Sealing;

namespace Skylight.Archive.Tests.Sealing;

/// <summary>The sealing function is watched: whatever happens around it, it never sees a (key, nonce) pair twice.</summary>
public sealed class KeyNonceTests
{
    private readonly ConcurrentDictionary<(string Key, string Nonce), int> _seen = new();

    [Fact]
    public async Task Seal_ManyWritesFailuresAndRetries_NeverRepeatsAPair()
    {
        using var key = DataKey.Create();
        var store = new MemoryObjectStore();
        var failures = 0;
        var options = Make.Small() with { Cipher = (algorithm, bytes) => new Watched(SegmentCipher.Create(algorithm, bytes), bytes, _seen) };
        await Parallel.ForAsync(0, 400, async (index, token) =>
        {
            // The same bytes, the same study, again and again; every third attempt breaks off in a different place and is made anew.
            for (var attempt = 0; ; attempt++)
            {
                await using var writer = SealedObjectWriter.Create(store, Make.Folder, key, SealedType.Pack, options, keepBytes: index % 2 == 0 ? 1 << 20 : 0);
                await writer.WriteAsync(Make.Bytes(5000), token);
                if (attempt == 0 && index % 3 == 0)
                {
                    Interlocked.Increment(ref failures);
                    continue;
                }

                await writer.WriteAsync(Make.Bytes(20_000), token);
                if (attempt == 1 && index % 6 == 0)
                {
                    Interlocked.Increment(ref failures);
                    continue;
                }

                (await writer.CommitAsync(token)).Small?.Dispose();
                break;
            }

            SealedObjectWriter.Seal(Make.Folder, key, SealedType.Index, options, Make.Bytes(5000)).Object.Dispose();
        });
        Assert.Equal(201, failures);
        Assert.True(_seen.Count > 400 * 9);
        Assert.All(_seen.Values, times => Assert.Equal(1, times));
    }

    [Fact]
    public void DeriveObjectKey_AnyDifferenceInTheHeader_GivesAnotherKey()
    {
        using var key = DataKey.Create();
        var header = Make.Small().NewHeader(SealedType.Pack, key);
        SealedHeader[] headers =
        [
            header,
            header with { Type = SealedType.Index },
            header with { Algorithm = SealAlgorithm.Sm4Gcm },
            header with { ObjectId = ObjectId.Create() },
        ];
        var keys = headers.Select(each =>
        {
            using var derived = key.DeriveObjectKey(each);
            return Convert.ToHexString(derived.Bytes[..16]);
        });
        Assert.Equal(headers.Length, keys.Distinct().Count());
    }

    private sealed class Watched(SegmentCipher inner, ReadOnlySpan<byte> key, ConcurrentDictionary<(string, string), int> seen) : SegmentCipher
    {
        private readonly string _key = Convert.ToHexString(SHA256.HashData(key));

        public override void Seal(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> associated, ReadOnlySpan<byte> plaintext, Span<byte> ciphertext, Span<byte> tag)
        {
            seen.AddOrUpdate((_key, Convert.ToHexString(nonce)), 1, static (_, times) => times + 1);
            inner.Seal(nonce, associated, plaintext, ciphertext, tag);
        }

        public override bool Open(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> associated, ReadOnlySpan<byte> ciphertext, ReadOnlySpan<byte> tag, Span<byte> plaintext) =>
            inner.Open(nonce, associated, ciphertext, tag, plaintext);

        public override void Dispose() => inner.Dispose();
    }
}
