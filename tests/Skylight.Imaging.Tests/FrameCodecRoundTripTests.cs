using FsCheck;
using FsCheck.Fluent;

namespace Skylight.Imaging.Tests;

/// <summary>Lossless syntaxes give back every bit that went in, whatever the layout and the content.</summary>
public sealed class FrameCodecRoundTripTests
{
    public const string Rle = "1.2.840.10008.1.2.5", JpegLs = "1.2.840.10008.1.2.4.80", Jpeg2000 = "1.2.840.10008.1.2.4.90";

    private static Gen<(PixelLayout Layout, byte[] Pixels)> Frames =>
        from rows in Gen.Choose(1, 40)
        from columns in Gen.Choose(1, 40)
        from samples in Gen.Elements(1, 3)
        from bits in Gen.Elements(8, 16)
        from signed in Gen.Elements(false, true)
        from content in Gen.Choose(0, 3)
        from seed in Gen.Choose(0, int.MaxValue)
        let layout = new PixelLayout
        {
            Rows = rows,
            Columns = columns,
            SamplesPerPixel = samples,
            BitsAllocated = bits,
            BitsStored = bits,
            HighBit = bits - 1,
            Signed = signed,
            Photometric = samples == 3 ? "RGB" : "MONOCHROME2",
        }
        select (layout, Fill(layout, content, seed));

    private static byte[] Fill(PixelLayout layout, int content, int seed)
    {
        var pixels = new byte[layout.FrameBytes];
        var random = new Random(seed);
        switch (content)
        {
            case 0:
                random.NextBytes(pixels);
                break;
            case 1:
                Array.Fill(pixels, (byte)seed);
                break;
            case 2:
                for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)(i / layout.BytesPerSample);
                break;
            default:
                for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)(random.Next(10) == 0 ? random.Next(256) : 7);
                break;
        }

        return pixels;
    }

    [Theory]
    [InlineData(Rle)]
    [InlineData(JpegLs)]
    [InlineData(Jpeg2000)]
    public void Encode_ThenDecode_GivesTheSameBytes(string syntax) =>
        Prop.ForAll(Frames.ToArbitrary(), frame =>
        {
            var encoded = FrameCodec.Encode(syntax, frame.Layout, frame.Pixels);
            var decoded = new byte[frame.Layout.FrameBytes];
            FrameCodec.Decode(syntax, frame.Layout, encoded, decoded);
            return decoded.AsSpan().SequenceEqual(frame.Pixels);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(200));

    [Theory]
    [InlineData(Rle)]
    [InlineData(JpegLs)]
    [InlineData(Jpeg2000)]
    public void Decode_OfDamagedStream_ThrowsOrAnswers_ButNeverMore(string syntax)
    {
        var layout = new PixelLayout { Rows = 24, Columns = 31, BitsAllocated = 16, BitsStored = 12, HighBit = 11 };
        var random = new Random(7);
        var pixels = new byte[layout.FrameBytes];
        for (var i = 0; i < layout.PixelCount; i++) BitConverter.TryWriteBytes(pixels.AsSpan(2 * i), (ushort)random.Next(4096));
        var good = FrameCodec.Encode(syntax, layout, pixels);
        // A guard behind the frame: a decoder that writes past it is caught here.
        var destination = new byte[layout.FrameBytes + 64];
        var refused = 0;
        for (var round = 0; round < 400; round++)
        {
            var bad = good.ToArray();
            for (var flips = random.Next(1, 6); flips > 0; flips--) bad[random.Next(bad.Length)] ^= (byte)(1 << random.Next(8));
            if (round % 3 == 0) bad = bad[..random.Next(bad.Length)];
            Array.Fill(destination, (byte)0xA5);
            try
            {
                FrameCodec.Decode(syntax, layout, bad, destination);
            }
            catch (PixelDataException)
            {
                refused++;
            }

            Assert.All(destination.Skip(layout.FrameBytes), b => Assert.Equal(0xA5, b));
        }

        Assert.NotEqual(0, refused);
    }

    [Fact]
    public void Decode_StreamOfOtherSize_IsRefusedBeforeDecoding()
    {
        var layout = new PixelLayout { Rows = 16, Columns = 16, BitsAllocated = 8, BitsStored = 8, HighBit = 7 };
        foreach (var syntax in new[] { JpegLs, Jpeg2000 })
        {
            var encoded = FrameCodec.Encode(syntax, layout, new byte[256]);
            var larger = layout with { Rows = 17 };
            var error = Assert.Throws<PixelDataException>(() => FrameCodec.Decode(syntax, larger, encoded, new byte[larger.FrameBytes]));
            Assert.Equal(PixelDataError.Mismatch, error.Code);
        }
    }

    [Fact]
    public void Native_OneBitFramesThatAreNotByteAligned_ComeOutRight()
    {
        var layout = new PixelLayout { Rows = 3, Columns = 3, BitsAllocated = 1, BitsStored = 1, HighBit = 0, Frames = 2 };
        // 18 bits, least significant first: frame 0 = 1 0 1 0 1 0 1 0 1, frame 1 = all ones.
        byte[] source = [0b0101_0101, 0b1111_1111, 0b0000_0011];
        var frame = new byte[9];
        FrameCodec.Native(layout, source, 0, bigEndian: false, frame);
        Assert.Equal([1, 0, 1, 0, 1, 0, 1, 0, 1], frame);
        FrameCodec.Native(layout, source, 9, bigEndian: false, frame);
        Assert.Equal([1, 1, 1, 1, 1, 1, 1, 1, 1], frame);
    }

    [Fact]
    public void Native_PlanarBigEndian_BecomesInterleavedLittleEndian()
    {
        var layout = new PixelLayout { Rows = 1, Columns = 2, SamplesPerPixel = 3, BitsAllocated = 16, BitsStored = 16, HighBit = 15, PlanarConfiguration = 1, Photometric = "RGB" };
        byte[] source = [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6];
        var frame = new byte[12];
        FrameCodec.Native(layout, source, 0, bigEndian: true, frame);
        Assert.Equal([1, 0, 3, 0, 5, 0, 2, 0, 4, 0, 6, 0], frame);
    }
}
