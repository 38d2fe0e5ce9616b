using Skylight.Archive.Coding;
using Skylight.Archive.Sealing;

namespace Skylight.Fuzz.Targets;

/// <summary>The description of a compressed instance: refused, or one whose pieces fill just the bytes that are there, and that survives its own form.</summary>
public sealed class CodedLayoutTarget : FuzzTarget
{
    /// <summary>Bytes of the instance before its description, the same for all seeds.</summary>
    private const int Stored = 1000;

    public override string Name => "coded";

    public override IReadOnlyList<byte[]> Seeds { get; } =
    [
        Describe(new PixelShape { Rows = 8, Columns = 8, SampleBytes = 1, BitsStored = 8, HighBit = 7, StripRows = 8 }, 3, packed: false),
        Describe(new PixelShape { Rows = 9, Columns = 7, Samples = 3, SampleBytes = 2, BitsStored = 12, HighBit = 11, Planar = true, BigEndian = true, StripRows = 9 }, 1, packed: true),
        Describe(new PixelShape { Rows = 40, Columns = 5, SampleBytes = 2, BitsStored = 12, HighBit = 13, Signed = true, StripRows = 4 }, 2, packed: true),
    ];

    public override bool Expects(Exception error) => error is SealedObjectException;

    public override long AllocationBudget(int length) => (4 << 20) + (80_000L * length);

    public override long Run(byte[] input, Random random)
    {
        var layout = CodedLayout.Parse("fuzz", input, Stored);
        var (at, pieces) = (layout.Before.StoredLength, new List<(int Stored, bool Raw)>());
        for (var i = 0; i < layout.Pieces; i++)
        {
            var piece = layout.Piece(i);
            FuzzFailure.Unless(piece.At == at && piece.Stored >= 0, "a piece does not follow the one before it");
            at += piece.Stored;
            pieces.Add((piece.Stored, piece.Raw));
        }

        FuzzFailure.Unless(at == layout.BehindAt && at + layout.Behind.StoredLength == Stored, "the pieces do not fill the instance");
        FuzzFailure.Unless(layout.Region.Start == layout.Before.Length && layout.Region.End + layout.Behind.Length == layout.FileLength, "the frames do not fill the file");
        var bytes = CodedLayout.Write(layout.FileLength, layout.FileSha256, layout.Codec, layout.Region, layout.Before, layout.Behind, pieces);
        FuzzFailure.Unless(CodedLayout.Length("fuzz", bytes.AsSpan(bytes.Length - CodedLayout.TrailerBytes), Stored + bytes.Length) == bytes.Length - CodedLayout.TrailerBytes, "the trailer does not find the description");
        var again = CodedLayout.Parse("fuzz", bytes.AsSpan(0, bytes.Length - CodedLayout.TrailerBytes), Stored);
        FuzzFailure.Unless(again.Region == layout.Region && again.Pieces == layout.Pieces && again.Before == layout.Before && again.Behind == layout.Behind, "the description does not survive its own form");
        return Behaviour.Magnitude(Behaviour.Magnitude(Behaviour.Start, layout.Pieces), layout.FileLength);
    }

    private static byte[] Describe(PixelShape shape, int frames, bool packed)
    {
        var (before, behind) = (packed ? new CodedText(300, 100, Packed: true) : new CodedText(100, 100, Packed: false), new CodedText(2, 2, Packed: false));
        var region = new PixelRegion(before.Length, frames, shape);
        var pieces = new (int Stored, bool Raw)[frames * shape.PiecesPerFrame];
        var left = Stored - 102;
        for (var i = 0; i < pieces.Length; i++)
        {
            pieces[i] = (i == pieces.Length - 1 ? left : left / 2, i % 2 == 1);
            left -= pieces[i].Stored;
        }

        var bytes = CodedLayout.Write(region.End + behind.Length, new byte[32], 1, region, before, behind, pieces);
        return bytes[..^CodedLayout.TrailerBytes];
    }
}
