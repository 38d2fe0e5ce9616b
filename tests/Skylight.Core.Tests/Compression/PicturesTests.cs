using System.Buffers.Binary;
using Skylight.Archive.Coding;
using Skylight.Core.Compression;

namespace Skylight.Core.Tests.Compression;

/// <summary>What the archive asks of a picture codec: every picture comes back.</summary>
public sealed class PicturesTests
{
    public static TheoryData<string> Names => new("jpeg-ls", "jpeg2000");

    [Theory]
    [MemberData(nameof(Names))]
    public void EncodeDecode_EveryDepthAndOddSizes_IsIdentity(string name)
    {
        var codec = Working(name);
        for (var bits = 1; bits <= 16; bits++)
        {
            foreach (var (width, height) in ((int, int)[])[(1, 1), (1, 9), (17, 1), (3, 5), (64, 33), (129, 70)])
            {
                foreach (var noise in (int[])[0, 2, 1 << bits])
                {
                    var picture = Picture(width, height, bits, noise);
                    var back = new byte[picture.Length];
                    codec.Decode(codec.Encode(picture, width, height, bits), width, height, bits, back);
                    Assert.Equal(picture, back);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Decode_AnotherPictureOrRubbish_IsRefused(string name)
    {
        var codec = Working(name);
        var stream = codec.Encode(Picture(40, 30, 12, 3), 40, 30, 12);
        Assert.Throws<InvalidDataException>(() => codec.Decode(stream, 41, 30, 12, new byte[41 * 30 * 2]));
        Assert.Throws<InvalidDataException>(() => codec.Decode(stream.AsSpan(0, 20), 40, 30, 12, new byte[40 * 30 * 2]));
        Assert.Throws<InvalidDataException>(() => codec.Decode(new byte[100], 40, 30, 12, new byte[40 * 30 * 2]));
    }

    [Fact]
    public void Codecs_HaveTheNumbersOfTheFormat() =>
        Assert.Equal([("jpeg-ls", 1), ("jpeg2000", 2)], Pictures.Codecs().All.Select(codec => (codec.Name, (int)codec.Id)));

    private static IPictureCodec Working(string name)
    {
        var codec = Pictures.Codecs().Named(name)!;
        if (codec.Missing is { } missing) Assert.Skip(missing);
        return codec;
    }

    private static byte[] Picture(int width, int height, int bits, int noise)
    {
        var random = new Random((bits * 1000) + width);
        var picture = new byte[width * height * (bits > 8 ? 2 : 1)];
        for (var i = 0; i < width * height; i++)
        {
            var value = ((i % width) + (i / width) + random.Next(noise + 1)) & ((1 << bits) - 1);
            if (bits > 8) BinaryPrimitives.WriteUInt16LittleEndian(picture.AsSpan(2 * i), (ushort)value);
            else picture[i] = (byte)value;
        }

        return picture;
    }
}
