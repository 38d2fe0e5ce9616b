using System.IO.Compression;
using Skylight.Archive.Coding;

namespace Skylight.Archive.Tests.Coding;

/// <summary>A picture codec that needs no library; it checks what it is given, and can be told to err.</summary>
internal sealed class BrotliPictures : IPictureCodec
{
    public byte Id { get; init; } = 77;

    public string Name => "brotli";

    public string? Missing { get; set; }

    /// <summary>Decoding this many more pictures goes well; then every one has a pixel that it did not have.</summary>
    public int GoodDecodes { get; set; } = int.MaxValue;

    /// <summary>Pictures decoded so far.</summary>
    public int Decoded { get; private set; }

    /// <summary>Streams that do not decode at all.</summary>
    public bool Refuses { get; set; }

    public byte[] Encode(ReadOnlySpan<byte> picture, int width, int height, int bits)
    {
        Assert.Equal((long)width * height * (bits > 8 ? 2 : 1), picture.Length);
        Assert.InRange(bits, 1, 16);
        for (var i = 0; i < picture.Length; i += bits > 8 ? 2 : 1)
            if ((bits > 8 ? picture[i] | (picture[i + 1] << 8) : picture[i]) >> bits != 0) Assert.Fail("A value does not fit its bits.");
        // Differences of neighbours, which is what real codecs code.
        var (step, differences) = (bits > 8 ? 2 : 1, picture.ToArray());
        for (var i = step; i < picture.Length; i++) differences[i] -= picture[i - step];
        var packed = new byte[BrotliEncoder.GetMaxCompressedLength(picture.Length)];
        Assert.True(BrotliEncoder.TryCompress(differences, packed, out var length, quality: 1, window: 18));
        return [(byte)bits, .. packed.AsSpan(0, length)];
    }

    public void Decode(ReadOnlySpan<byte> stream, int width, int height, int bits, Span<byte> picture)
    {
        if (Refuses || stream[0] != bits) throw new InvalidDataException("Another picture.");
        if (!BrotliDecoder.TryDecompress(stream[1..], picture, out var count) || count != picture.Length) throw new InvalidDataException("Not a picture.");
        for (var i = bits > 8 ? 2 : 1; i < picture.Length; i++) picture[i] += picture[i - (bits > 8 ? 2 : 1)];
        if (Decoded++ >= GoodDecodes) picture[^1] ^= 1;
    }
}
