using System.Buffers.Binary;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;

namespace Skylight.Archive.Coding;

/// <summary>Bytes of the file before or behind its frames, and how they are kept.</summary>
/// <param name="Packed">Compressed with Brotli, which short ones are where it helps.</param>
internal readonly record struct CodedText(long Length, long StoredLength, bool Packed);

/// <summary>One piece of a frame.</summary>
/// <param name="At">Where it begins in the stored instance.</param>
/// <param name="Raw">Kept as it is: it does not compress.</param>
internal readonly record struct CodedPiece(long At, int Stored, bool Raw);

/// <summary>
/// How a compressed instance lies in its pack: the bytes before the frames, the pieces of the frames in order, the bytes behind them, and then this
/// description itself, so that an instance can be written as it is read. Immutable.
/// </summary>
internal sealed class CodedLayout
{
    /// <summary>Behind the description: its length, and these four bytes, "SKYC".</summary>
    public const int TrailerBytes = 8;

    /// <summary>Longer bytes around the frames are kept as they are, so that a part of them can be read without the rest.</summary>
    public const int MaxPackedBytes = 1 << 20;

    private const uint Magic = 0x43594B53;
    private const byte Version = 1;

    private readonly long[] _ends;
    private readonly bool[] _raw;

    private CodedLayout(long fileLength, byte[] sha256, byte codec, PixelRegion region, CodedText before, CodedText behind, long[] ends, bool[] raw)
    {
        (FileLength, FileSha256, Codec, Region, Before, Behind) = (fileLength, sha256, codec, region, before, behind);
        (_ends, _raw) = (ends, raw);
    }

    /// <summary>Bytes of the file.</summary>
    public long FileLength { get; }

    public byte[] FileSha256 { get; }

    public byte Codec { get; }

    public PixelRegion Region { get; }

    public CodedText Before { get; }

    public CodedText Behind { get; }

    /// <summary>Where the bytes behind the frames are kept.</summary>
    public long BehindAt => _ends[^1];

    public int Pieces => _raw.Length;

    public CodedPiece Piece(int index)
    {
        var at = index == 0 ? Before.StoredLength : _ends[index - 1];
        return new CodedPiece(at, (int)(_ends[index] - at), _raw[index]);
    }

    /// <summary>Description and trailer.</summary>
    /// <param name="pieces">Stored length and whether raw, of every piece in order.</param>
    public static byte[] Write(long fileLength, ReadOnlySpan<byte> sha256, byte codec, PixelRegion region, CodedText before, CodedText behind, IReadOnlyList<(int Stored, bool Raw)> pieces)
    {
        var shape = region.Shape;
        var body = new WireWriter();
        body.Number((ulong)fileLength);
        body.Raw(sha256);
        body.Byte(codec);
        Text(body, before);
        Text(body, behind);
        foreach (var number in (ReadOnlySpan<int>)[shape.Columns, shape.Rows, shape.Samples, shape.SampleBytes, shape.BitsStored, shape.HighBit, Flags(shape), shape.StripRows, region.Frames])
            body.Number((ulong)number);
        foreach (var (stored, raw) in pieces) body.Number(((ulong)stored << 1) | (raw ? 1UL : 0));
        var output = new WireWriter();
        output.Byte(Version);
        output.Block(body.Written);
        var length = output.Count;
        Span<byte> trailer = stackalloc byte[TrailerBytes];
        BinaryPrimitives.WriteInt32LittleEndian(trailer, length);
        BinaryPrimitives.WriteUInt32LittleEndian(trailer[4..], Magic);
        output.Raw(trailer);
        return output.Written.ToArray();
    }

    /// <summary>Bytes of the description, out of the last bytes of an instance.</summary>
    public static int Length(string name, ReadOnlySpan<byte> trailer, long stored) =>
        BinaryPrimitives.ReadUInt32LittleEndian(trailer[4..]) == Magic && BinaryPrimitives.ReadInt32LittleEndian(trailer) is > 0 and var length && length <= stored - TrailerBytes
            ? length
            : throw new SealedObjectException(name, 0, SealedFault.BadContent);

    /// <summary>Parses a description; <paramref name="name"/> is for errors, <paramref name="stored"/> the bytes of the instance without description and trailer.</summary>
    public static CodedLayout Parse(string name, ReadOnlySpan<byte> bytes, long stored)
    {
        var outer = new WireReader(name, bytes);
        if (outer.Byte() != Version) throw outer.Bad();
        var reader = new WireReader(name, outer.Block());
        var fileLength = Length(ref reader);
        var sha256 = reader.Take(32).ToArray();
        var codec = reader.Byte();
        var (before, behind) = (Text(ref reader), Text(ref reader));
        Span<int> numbers = stackalloc int[9];
        for (var i = 0; i < numbers.Length; i++) numbers[i] = reader.Count();
        var shape = new PixelShape
        {
            Columns = numbers[0], Rows = numbers[1], Samples = numbers[2], SampleBytes = numbers[3], BitsStored = numbers[4], HighBit = numbers[5],
            Signed = (numbers[6] & 1) != 0, Planar = (numbers[6] & 2) != 0, BigEndian = (numbers[6] & 4) != 0, StripRows = numbers[7],
        };
        if (!shape.IsSound || shape.StripRows < 1 || numbers[8] < 1) throw reader.Bad();

        // Each piece takes a byte at least, so a wild number of frames cannot ask for memory that was not sent.
        var count = (long)numbers[8] * shape.PiecesPerFrame;
        if (count > reader.Remaining.Length) throw reader.Bad();
        var (ends, raw, at) = (new long[count], new bool[count], before.StoredLength);
        for (var i = 0; i < count; i++)
        {
            var piece = reader.Number();
            if (piece >> 1 > int.MaxValue) throw reader.Bad();
            ends[i] = at += (long)(piece >> 1);
            raw[i] = (piece & 1) != 0;
        }

        var region = new PixelRegion(before.Length, numbers[8], shape);
        if (region.End + behind.Length != fileLength || at + behind.StoredLength != stored) throw reader.Bad();
        return new CodedLayout(fileLength, sha256, codec, region, before, behind, ends, raw);
    }

    private static int Flags(PixelShape shape) => (shape.Signed ? 1 : 0) | (shape.Planar ? 2 : 0) | (shape.BigEndian ? 4 : 0);

    private static void Text(WireWriter to, CodedText text)
    {
        to.Number((ulong)text.Length);
        to.Number(text.Packed ? (ulong)text.StoredLength : 0);
    }

    private static CodedText Text(ref WireReader reader)
    {
        var (length, packed) = (Length(ref reader), Length(ref reader));
        if (packed == 0) return new CodedText(length, length, Packed: false);
        return length > MaxPackedBytes ? throw reader.Bad() : new CodedText(length, packed, Packed: true);
    }

    private static long Length(ref WireReader reader) => reader.Number() is <= long.MaxValue / 4 and var value ? (long)value : throw reader.Bad();
}
