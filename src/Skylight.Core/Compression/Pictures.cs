using Skylight.Archive.Coding;
using Skylight.Imaging;

namespace Skylight.Core.Compression;

/// <summary>The picture codecs that packs may be compressed with.</summary>
public static class Pictures
{
    /// <summary>JPEG-LS and JPEG 2000, by the libraries of the system.</summary>
    public static PictureCodecs Codecs() => new([new JpegLsPictures(), new Jpeg2000Pictures()]);

    internal static byte[] Encode(string transferSyntax, ReadOnlySpan<byte> picture, int width, int height, int bits)
    {
        try
        {
            return FrameCodec.Encode(transferSyntax, Layout(width, height, bits), picture);
        }
        catch (PixelDataException error)
        {
            throw new InvalidDataException(error.Message, error);
        }
    }

    internal static void Decode(string transferSyntax, ReadOnlySpan<byte> stream, int width, int height, int bits, Span<byte> picture)
    {
        try
        {
            FrameCodec.Decode(transferSyntax, Layout(width, height, bits), stream, picture);
        }
        catch (PixelDataException error)
        {
            throw new InvalidDataException(error.Message, error);
        }
    }

    private static PixelLayout Layout(int width, int height, int bits) =>
        new() { Rows = height, Columns = width, BitsAllocated = bits > 8 ? 16 : 8, BitsStored = bits, HighBit = bits - 1 };
}

/// <summary>JPEG-LS: half the size for most modalities, at 50 to 100 MB a second.</summary>
internal sealed class JpegLsPictures : IPictureCodec
{
    private const string Syntax = "1.2.840.10008.1.2.4.80";

    public byte Id => 1;

    public string Name => "jpeg-ls";

    public string? Missing { get; } = FrameCodec.Missing(Syntax);

    public byte[] Encode(ReadOnlySpan<byte> picture, int width, int height, int bits) => Pictures.Encode(Syntax, picture, width, height, bits);

    public void Decode(ReadOnlySpan<byte> stream, int width, int height, int bits, Span<byte> picture) => Pictures.Decode(Syntax, stream, width, height, bits, picture);
}

/// <summary>JPEG 2000 with the reversible wavelet: a little smaller for some modalities, several times slower.</summary>
internal sealed class Jpeg2000Pictures : IPictureCodec
{
    private const string Syntax = "1.2.840.10008.1.2.4.90";

    public byte Id => 2;

    public string Name => "jpeg2000";

    public string? Missing { get; } = FrameCodec.Missing(Syntax);

    public byte[] Encode(ReadOnlySpan<byte> picture, int width, int height, int bits) => Pictures.Encode(Syntax, picture, width, height, bits);

    public void Decode(ReadOnlySpan<byte> stream, int width, int height, int bits, Span<byte> picture) => Pictures.Decode(Syntax, stream, width, height, bits, picture);
}
