using System.Buffers.Binary;
using Skylight.Imaging.Codecs;
using Skylight.Imaging.Codecs.Native;

namespace Skylight.Imaging.Tests.Codecs;

public sealed class Jpeg2000Tests
{
    private static readonly PixelLayout Grey = new() { Rows = 40, Columns = 48, BitsAllocated = 16, BitsStored = 16, HighBit = 15 };

    public static TheoryData<string, PixelLayout, Func<int, int>> HighThroughput => new()
    {
        { "g16", Grey, i => (((i % 48) * 80) + ((i / 48) * 37) + ((i % 48) * (i / 48) % 7)) & 0xFFF },
        { "s16", Grey with { Signed = true }, i => (((i % 48) * 80) + ((i / 48) * 37) + ((i % 48) * (i / 48) % 7) - 1024) & 0xFFFF },
        { "rgb", new PixelLayout { Rows = 24, Columns = 32, SamplesPerPixel = 3, BitsAllocated = 8, BitsStored = 8, HighBit = 7, Photometric = "RGB" }, i => ((i / 3 % 32 * ((i % 3) + 1) * 3) + (i / 96 * 5)) & 0xFF },
    };

    [Theory]
    [MemberData(nameof(HighThroughput))]
    public void Decode_OfHighThroughput_GivesEveryValue(string name, PixelLayout layout, Func<int, int> value)
    {
        var decoded = new byte[layout.FrameBytes];
        OpenJpeg.Decode(Seed.Read($"HighThroughput-{name}.j2c"), layout, decoded, highThroughput: true);
        for (var i = 0; i < decoded.Length / layout.BytesPerSample; i++)
            Assert.Equal(value(i), layout.BytesPerSample == 2 ? BinaryPrimitives.ReadUInt16LittleEndian(decoded.AsSpan(2 * i)) : decoded[i]);
    }

    /// <summary>The library ends the process on damaged high-throughput blocks, and they may hide under the name of plain JPEG 2000.</summary>
    [Theory]
    [InlineData("1.2.840.10008.1.2.4.201")]
    [InlineData("1.2.840.10008.1.2.4.90")]
    public void Decode_OfHighThroughputByDefault_IsRefused(string syntax)
    {
        Assert.False(FrameCodec.CanDecode("1.2.840.10008.1.2.4.201"));
        var error = Assert.Throws<PixelDataException>(() => FrameCodec.Decode(syntax, Grey, Seed.Read("HighThroughput-g16.j2c"), new byte[Grey.FrameBytes]));
        Assert.Equal(PixelDataError.Unsupported, error.Code);
    }

    [Fact]
    public void Decode_OfLossyHighThroughput_IsClose()
    {
        var layout = Grey with { BitsAllocated = 8, BitsStored = 8, HighBit = 7 };
        var decoded = new byte[layout.FrameBytes];
        OpenJpeg.Decode(Seed.Read("HighThroughput-lossy.j2c"), layout, decoded, highThroughput: true);
        for (var i = 0; i < decoded.Length; i++) Assert.InRange(decoded[i], (((i % 48) * 3) + (i / 48 * 2)) - 8, (((i % 48) * 3) + (i / 48 * 2)) + 8);
    }

    [Fact]
    public void Decode_OfAJp2File_TakesItsCodeStream()
    {
        var stream = FrameCodec.Encode("1.2.840.10008.1.2.4.90", Grey, Pattern());
        byte[] jp2 = [0, 0, 0, 12, .. "jP  "u8, 13, 10, 0x87, 10, 0, 0, 0, 8, .. "ftyp"u8, 0, 0, 0, 0, .. "jp2c"u8, .. stream];
        var decoded = new byte[Grey.FrameBytes];
        FrameCodec.Decode("1.2.840.10008.1.2.4.90", Grey, jp2, decoded);
        Assert.Equal(Pattern(), decoded);
    }

    /// <summary>Byte offsets in the size segment: tile width at 24, height at 28; in COD: layers at 6, code block width at 10.</summary>
    [Fact]
    public void Check_OfTilesWithoutNumber_RefusesBeforeDecoding()
    {
        var stream = FrameCodec.Encode("1.2.840.10008.1.2.4.90", Grey, Pattern());
        Jpeg2000Header.Check(stream, Grey, false);
        var tiny = stream.ToArray();
        BinaryPrimitives.WriteUInt32BigEndian(tiny.AsSpan(24), 1);
        BinaryPrimitives.WriteUInt32BigEndian(tiny.AsSpan(28), 1);
        Assert.Equal(PixelDataError.TooLarge, Assert.Throws<PixelDataException>(() => Jpeg2000Header.Check(tiny, Grey, false)).Code);

        var at = stream.AsSpan().IndexOf([(byte)0xFF, (byte)0x52]);
        var layers = stream.ToArray();
        layers[at + 6] = 0xFF;
        Assert.Equal(PixelDataError.TooLarge, Assert.Throws<PixelDataException>(() => Jpeg2000Header.Check(layers, Grey, false)).Code);
        var blocks = stream.ToArray();
        blocks[at + 10] = 9;
        Assert.Equal(PixelDataError.BadStream, Assert.Throws<PixelDataException>(() => Jpeg2000Header.Check(blocks, Grey, false)).Code);
    }

    [Fact]
    public void Decode_OfAnotherSize_IsRefusedByTheHeader()
    {
        var stream = FrameCodec.Encode("1.2.840.10008.1.2.4.90", Grey, Pattern());
        BinaryPrimitives.WriteUInt32BigEndian(stream.AsSpan(8), 0x7FFF_FFFF);
        Assert.Equal(PixelDataError.Mismatch, Assert.Throws<PixelDataException>(() => FrameCodec.Decode("1.2.840.10008.1.2.4.90", Grey, stream, new byte[Grey.FrameBytes])).Code);
    }

    private static byte[] Pattern()
    {
        var pixels = new byte[Grey.FrameBytes];
        for (var i = 0; i < Grey.PixelCount; i++) BinaryPrimitives.WriteUInt16LittleEndian(pixels.AsSpan(2 * i), (ushort)(i * 31));
        return pixels;
    }
}
