using System.Buffers.Binary;
using Skylight.Imaging.Codecs.Jpeg;
using Skylight.Imaging.Codecs.Native;

namespace Skylight.Imaging.Tests.Codecs;

public sealed class JpegTests
{
    private const string Extended = "1.2.840.10008.1.2.4.51", Progressive = "1.2.840.10008.1.2.4.55";

    [Theory]
    [InlineData("Extended12", Extended)]
    [InlineData("Progressive12", Progressive)]
    public void Decode_Of12BitStreams_AgreesWithDcmtk(string name, string syntax)
    {
        var values = new byte[Seed.Grey12.FrameBytes];
        FrameCodec.Decode(syntax, Seed.Grey12, Seed.Read(name + ".jpg"), values);
        Assert.Equal(Seed.Read(name + ".raw"), values);
    }

    /// <summary>The same inverse DCT as libjpeg-turbo's accurate one, so that grey comes out equal bit for bit.</summary>
    [Theory]
    [InlineData("RestartGrey.jpg")]
    [InlineData("ProgressiveGrey.jpg")]
    public void Decode_OfGreyByOurOwnDecoder_EqualsTheLibrarys(string name)
    {
        var (own, library) = (new byte[Seed.Grey8.FrameBytes], new byte[Seed.Grey8.FrameBytes]);
        JpegDct.Decode(Seed.Read(name), Seed.Grey8, own);
        TurboJpeg.Decode(Seed.Read(name), Seed.Grey8, library);
        Assert.Equal(library, own);
    }

    [Theory]
    [InlineData("Restart411.jpg")]
    [InlineData("Sample440.jpg")]
    [InlineData("Progressive420.jpg")]
    public void Decode_OfSubsampledColour_HasTheLibrarysLuma(string name)
    {
        // Ours stays in YCbCr with chroma repeated; the library gives RGB with smoothed chroma. Luma is the same in both.
        var (own, library) = (new byte[Seed.Colour8.FrameBytes], new byte[Seed.Colour8.FrameBytes]);
        JpegDct.Decode(Seed.Read(name), Seed.Colour8, own);
        Assert.Equal("RGB", FrameCodec.Decode(FrameCodec.JpegBaseline, Seed.Colour8, Seed.Read(name), library).Photometric);
        var close = 0;
        for (var i = 0; i < own.Length; i += 3)
        {
            var luma = (0.299 * library[i]) + (0.587 * library[i + 1]) + (0.114 * library[i + 2]);
            if (Math.Abs(luma - own[i]) <= 2) close++;
        }

        // Where RGB is clipped, luma cannot be had back.
        Assert.True(close > own.Length / 3 * 0.6, $"{close} of {own.Length / 3}");
    }

    [Fact]
    public void Decode_OfArithmeticCoding_IsRefusedByName()
    {
        var error = Assert.Throws<PixelDataException>(() => FrameCodec.Decode(FrameCodec.JpegBaseline, Seed.Grey8, Seed.Read("ArithmeticGrey.jpg"), new byte[Seed.Grey8.FrameBytes]));
        Assert.Equal(PixelDataError.Unsupported, error.Code);
        Assert.Contains("arithmetic", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Decode_OfAStreamOfHundredsOfScans_IsRefused()
    {
        var stream = Seed.Read("ProgressiveGrey.jpg");
        byte[] scan = [0xFF, 0xDA, 0, 8, 1, 1, 0, 1, 5, 0];
        byte[] many = [.. stream[..^2], .. Enumerable.Repeat(scan, 200).SelectMany(s => s), 0xFF, 0xD9];
        Assert.Equal(PixelDataError.BadStream, Assert.Throws<PixelDataException>(() => FrameCodec.Decode(FrameCodec.JpegBaseline, Seed.Grey8, many, new byte[Seed.Grey8.FrameBytes])).Code);
    }

    public static TheoryData<int, int, int, int, bool, int> Lossless
    {
        get
        {
            var data = new TheoryData<int, int, int, int, bool, int>();
            for (var predictor = 1; predictor <= 7; predictor++)
            {
                data.Add(predictor, 16, 1, 0, false, 0);
                data.Add(predictor, 12, 1, 2, false, 0);
                data.Add(predictor, 8, 3, 0, false, 0);
                data.Add(predictor, 8, 3, 1, true, 0);
                data.Add(predictor, 10, 1, 0, false, 3);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Lossless))]
    public void Decode_OfLossless_GivesBackEveryValue(int predictor, int bits, int samples, int restartLines, bool apart, int transform)
    {
        var layout = new PixelLayout
        {
            Rows = 13, Columns = 17, SamplesPerPixel = samples, BitsAllocated = bits > 8 ? 16 : 8, BitsStored = bits, HighBit = bits - 1, Photometric = samples == 3 ? "RGB" : "MONOCHROME2",
        };
        var random = new Random(predictor + bits);
        var values = new int[13 * 17 * samples];
        for (var i = 0; i < values.Length; i++) values[i] = (random.Next(3) == 0 ? random.Next(1 << bits) : (i * 7) % (1 << bits)) >> transform << transform;
        var stream = LosslessJpegEncoder.Encode(values, 17, 13, samples, bits, predictor, transform, restartLines, apart);
        var decoded = new byte[layout.FrameBytes];
        FrameCodec.Decode("1.2.840.10008.1.2.4.57", layout, stream, decoded);
        Assert.Equal(values, Enumerable.Range(0, values.Length).Select(i => bits > 8 ? (int)BinaryPrimitives.ReadUInt16LittleEndian(decoded.AsSpan(2 * i)) : decoded[i]));
    }
}
