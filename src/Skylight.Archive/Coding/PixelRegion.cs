namespace Skylight.Archive.Coding;

/// <summary>
/// Where the samples of native pixel data lie in a file, and how. Only how well it compresses depends on it, never what comes back: whatever the samples
/// turn out to be is coded, and a wrong description costs space.
/// </summary>
/// <param name="Start">First byte of the first frame, from the beginning of the file.</param>
/// <param name="Frames">Frames, one after another without gaps.</param>
public sealed record PixelRegion(long Start, int Frames, PixelShape Shape)
{
    /// <summary>First byte behind the last frame.</summary>
    public long End => Start + ((long)Frames * Shape.FrameBytes);
}

/// <summary>The samples of one frame (PS3.3 C.7.6.3.1).</summary>
public sealed record PixelShape
{
    /// <summary>Coded at a time: a frame beyond it is coded in strips of rows, so that neither writing nor reading ever holds more.</summary>
    private const int PieceBytes = 4 << 20;

    /// <summary>The most rows that the codecs' headers can say.</summary>
    private const int MaxRows = 65_535;

    public required int Rows { get; init; }

    public required int Columns { get; init; }

    /// <summary>1 to 4.</summary>
    public int Samples { get; init; } = 1;

    /// <summary>1 or 2.</summary>
    public required int SampleBytes { get; init; }

    /// <summary>Bits of a sample that hold its value, at most 8 × <see cref="SampleBytes"/>.</summary>
    public required int BitsStored { get; init; }

    /// <summary>The highest of them.</summary>
    public required int HighBit { get; init; }

    /// <summary>The value is a two's complement.</summary>
    public bool Signed { get; init; }

    /// <summary>Colour by plane.</summary>
    public bool Planar { get; init; }

    /// <summary>Samples of two bytes lie with the high byte first.</summary>
    public bool BigEndian { get; init; }

    /// <summary>Bytes of a frame.</summary>
    public int FrameBytes => checked(Rows * Columns * Samples * SampleBytes);

    /// <summary>Whether it describes frames that can be coded at all.</summary>
    public bool IsSound =>
        Rows is >= 1 and <= MaxRows && Columns is >= 1 and <= MaxRows && Samples is >= 1 and <= 4 && SampleBytes is 1 or 2
        && BitsStored >= 1 && BitsStored <= HighBit + 1 && HighBit < 8 * SampleBytes && (long)Rows * Columns * Samples * SampleBytes <= int.MaxValue;

    /// <summary>Rows of a strip; those of the frame when it is one.</summary>
    public int StripRows { get; init; }

    /// <summary>Pieces that a frame is coded in.</summary>
    internal int PiecesPerFrame => InOne ? 1 : Strips * (Planar ? Samples : 1);

    /// <summary>The shape with strips of the usual size.</summary>
    internal PixelShape InStrips() => this with { StripRows = Math.Clamp(Math.Min(PieceBytes / (Columns * Samples * SampleBytes), MaxRows / Samples), 1, Rows) };

    /// <summary>Piece <paramref name="index"/> of a frame: its rows and samples, and where it begins in the frame.</summary>
    internal (int Rows, int Samples, int Offset) Piece(int index)
    {
        if (InOne) return (Rows, Samples, 0);
        var (plane, strip) = Planar ? Math.DivRem(index, Strips) : (0, index);
        var (samples, first) = (Planar ? 1 : Samples, strip * StripRows);
        return (Math.Min(StripRows, Rows - first), samples, ((plane * Rows) + first) * Columns * samples * SampleBytes);
    }

    /// <summary>The piece that holds byte <paramref name="offset"/> of a frame.</summary>
    internal int PieceAt(int offset)
    {
        if (InOne) return 0;
        if (!Planar) return offset / (StripRows * Columns * Samples * SampleBytes);
        var (plane, within) = Math.DivRem(offset, Rows * Columns * SampleBytes);
        return (plane * Strips) + (within / (StripRows * Columns * SampleBytes));
    }

    private bool InOne => StripRows >= Rows;

    private int Strips => (Rows + StripRows - 1) / StripRows;
}
