using Skylight.Dicom;

namespace Skylight.Fuzz.Targets;

/// <summary>The compact frame table out of a series index: refused or readable, and every frame of it a range of positive numbers.</summary>
public sealed class FrameTableTarget : FuzzTarget
{
    public override string Name => "frames";

    public override IReadOnlyList<byte[]> Seeds { get; } =
    [
        FrameTable.None.ToBytes(), FrameTable.Decode(7).ToBytes(), FrameTable.Native(1000, 4096, 8, 4096).ToBytes(), FrameTable.Native(999, 100, 8, 99).ToBytes(),
        FrameTable.Encapsulated([new FileRange(100, 10), new FileRange(118, 20), new FileRange(146, 5)], [0, 2]).ToBytes(),
        FrameTable.Encapsulated([new FileRange(100, 10), new FileRange(118, 20)], [0, 1]).ToBytes(),
    ];

    public override bool Expects(Exception error) => error is InvalidDataException;

    public override long Run(byte[] input, Random random)
    {
        var table = FrameTable.Parse(input);
        var bytes = table.ToBytes();
        FuzzFailure.Unless(FrameTable.Parse(bytes).ToBytes().AsSpan().SequenceEqual(bytes), "the table does not survive its own form");
        for (var i = 0; i < Math.Min(table.Count, 8); i++) Frame(table, i == 0 ? table.Count - 1 : random.Next(table.Count));
        return Behaviour.Magnitude(Behaviour.Add(Behaviour.Start, (long)table.Kind), table.Count);
    }

    private static void Frame(FrameTable table, int index)
    {
        if (table.GetFrame(index) is not { } frame) return;
        foreach (var range in frame.Ranges) FuzzFailure.Unless(range.Offset >= 0 && range.Length >= 0 && range.Offset + range.Length >= 0, $"frame {index} is no range");
    }
}
