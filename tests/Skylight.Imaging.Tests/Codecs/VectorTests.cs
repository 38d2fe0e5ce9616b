using Skylight.Imaging.Codecs;

namespace Skylight.Imaging.Tests.Codecs;

/// <summary>Vectorised loops against the plain ones, at every length around a vector's.</summary>
public sealed class VectorTests
{
    private static byte[] Noise(int length, int seed)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    [Theory]
    [InlineData(1, 3)]
    [InlineData(1, 4)]
    [InlineData(2, 3)]
    [InlineData(4, 3)]
    [InlineData(8, 3)]
    public void Interleave_OfPlanes_PutsEverySampleInItsPlace(int bytes, int samples)
    {
        for (var count = 1; count < 70; count++)
        {
            var planes = Noise(count * samples * bytes, count);
            var pixels = new byte[planes.Length];
            Planes.Interleave(planes, pixels, count, samples, bytes);
            for (var i = 0; i < count; i++)
                for (var s = 0; s < samples; s++)
                    Assert.Equal(planes.AsSpan(((s * count) + i) * bytes, bytes).ToArray(), pixels.AsSpan(((i * samples) + s) * bytes, bytes).ToArray());
        }
    }

    [Fact]
    public void Words_OfTwoPlanes_AreLittleEndian()
    {
        for (var count = 0; count < 70; count++)
        {
            var (high, low, words) = (Noise(count, count), Noise(count, 1000 + count), new byte[2 * count]);
            Planes.Words(high, low, words);
            Assert.Equal(low.Zip(high).SelectMany(p => new[] { p.First, p.Second }), words);
        }
    }

    [Fact]
    public void Expand_OfBits_StartsAnywhere()
    {
        var source = Noise(40, 9);
        for (var offset = 0; offset < 20; offset++)
        {
            for (var count = 1; count < 280; count += 7)
            {
                var pixels = new byte[count];
                Bits.Expand(source.AsSpan(0, (offset + count + 7) / 8), offset, pixels);
                for (var i = 0; i < count; i++) Assert.Equal((source[(offset + i) / 8] >> ((offset + i) % 8)) & 1, pixels[i]);
            }
        }
    }

    [Theory]
    [InlineData(16)]
    [InlineData(32)]
    [InlineData(64)]
    public void Native_OfBigEndianValues_TurnsEachAround(int bits)
    {
        var layout = new PixelLayout { Rows = 3, Columns = 37, BitsAllocated = bits, BitsStored = bits, HighBit = bits - 1 };
        var (source, values) = (Noise(layout.FrameBytes, bits), new byte[layout.FrameBytes]);
        FrameCodec.Native(layout, source, 0, bigEndian: true, values);
        for (var at = 0; at < values.Length; at += bits / 8) Assert.Equal(source.AsSpan(at, bits / 8).ToArray().Reverse(), values.AsSpan(at, bits / 8).ToArray());
    }
}
