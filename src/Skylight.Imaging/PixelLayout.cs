namespace Skylight.Imaging;

/// <summary>
/// How the samples of one frame lie in memory (PS3.3 C.7.6.3). <see cref="PlanarConfiguration"/> is that of native data; decoders write colour by pixel.
/// </summary>
public sealed record PixelLayout
{
    public required int Rows { get; init; }

    public required int Columns { get; init; }

    public int SamplesPerPixel { get; init; } = 1;

    /// <summary>1, 8, 16, 32 or 64.</summary>
    public required int BitsAllocated { get; init; }

    public required int BitsStored { get; init; }

    public int HighBit { get; init; }

    /// <summary>Pixel Representation 1: two's complement in the lowest <see cref="BitsStored"/> bits.</summary>
    public bool Signed { get; init; }

    /// <summary>0 colour by pixel, 1 colour by plane.</summary>
    public int PlanarConfiguration { get; init; }

    public string Photometric { get; init; } = "MONOCHROME2";

    /// <summary>Float (7FE0,0008) or Double Float (7FE0,0009) pixel data.</summary>
    public bool Float { get; init; }

    public int Frames { get; init; } = 1;

    public int BytesPerSample => BitsAllocated <= 8 ? 1 : BitsAllocated / 8;

    public int PixelCount => Rows * Columns;

    /// <summary>Bytes of one decoded frame; 1-bit data are expanded to one byte a pixel.</summary>
    public int FrameBytes => checked(PixelCount * SamplesPerPixel * BytesPerSample);

    /// <summary>Checks what every decoder relies on, so that no declared size is trusted later.</summary>
    /// <exception cref="PixelDataException"/>
    public PixelLayout Validate(int maxFrameBytes = 1 << 30)
    {
        if (Rows is < 1 or > 65535 || Columns is < 1 or > 65535) throw Bad($"Rows x Columns is {Rows} x {Columns}; both are 1 to 65535.");
        if (SamplesPerPixel is not (1 or 3 or 4)) throw Bad($"Samples per Pixel is {SamplesPerPixel}; 1, 3 and 4 are known.");
        if (BitsAllocated is not (1 or 8 or 16 or 32 or 64)) throw Bad($"Bits Allocated is {BitsAllocated}; 1, 8, 16, 32 and 64 are known.");
        if (BitsStored < 1 || BitsStored > BitsAllocated) throw Bad($"Bits Stored is {BitsStored} of {BitsAllocated} allocated.");
        if (HighBit < BitsStored - 1 || HighBit >= BitsAllocated) throw Bad($"High Bit is {HighBit} with {BitsStored} bits stored of {BitsAllocated}.");
        if (Frames < 1) throw Bad($"Number of Frames is {Frames}.");
        if ((long)PixelCount * SamplesPerPixel * BytesPerSample is var bytes && ((long)Rows * Columns > int.MaxValue || bytes > maxFrameBytes || bytes < 0))
            throw new PixelDataException(PixelDataError.TooLarge, $"A frame of {Rows} x {Columns} x {SamplesPerPixel} x {BitsAllocated} bit is over the limit of {maxFrameBytes} bytes.");
        return this;

        static PixelDataException Bad(string message) => new(PixelDataError.BadAttributes, message);
    }
}
