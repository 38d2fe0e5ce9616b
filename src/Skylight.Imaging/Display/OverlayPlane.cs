using Skylight.Dicom;

namespace Skylight.Imaging.Display;

/// <summary>
/// One overlay (group 60xx, PS3.3 C.9) as it lies on one frame: bits of its own, or one unused bit of the stored values (retired, still in archives).
/// </summary>
public sealed record OverlayPlane
{
    private const ushort FirstGroup = 0x6000, LastGroup = 0x601E;

    public required ushort Group { get; init; }

    public required int Rows { get; init; }

    public required int Columns { get; init; }

    /// <summary>First row and column on the image, from 0; negative where the overlay begins outside.</summary>
    public int Top { get; init; }

    public int Left { get; init; }

    /// <summary>Bit of the stored values that holds this overlay; null when it has bits of its own.</summary>
    public int? EmbeddedBit { get; init; }

    /// <summary>Overlay Data, least significant bit first; this frame begins at <see cref="FirstBit"/>.</summary>
    public ReadOnlyMemory<byte> Bits { get; init; }

    public long FirstBit { get; init; }

    /// <summary>Is the overlay lit at a pixel of its own?</summary>
    public bool IsSet(int row, int column)
    {
        var bit = FirstBit + ((long)row * Columns) + column;
        return (Bits.Span[(int)(bit >> 3)] >> (int)(bit & 7) & 1) != 0;
    }

    /// <summary>The overlays that lie on a frame. One that is damaged or lies nowhere on the image is left out: the picture is worth more than its marks.</summary>
    /// <param name="frame">From 0.</param>
    public static IReadOnlyList<OverlayPlane> Read(DicomDataset dataset, PixelLayout layout, int frame)
    {
        List<OverlayPlane>? planes = null;
        foreach (var element in dataset.Elements)
        {
            if (element.Tag.Group > LastGroup) break;
            if (element.Tag.Group < FirstGroup || element.Tag.Group % 2 != 0 || element.Tag.Element != 0x0010) continue;
            if (ReadGroup(dataset, element.Tag.Group, layout, frame) is { } plane) (planes ??= []).Add(plane);
        }

        return planes ?? (IReadOnlyList<OverlayPlane>)[];
    }

    private static OverlayPlane? ReadGroup(DicomDataset dataset, ushort group, PixelLayout layout, int frame)
    {
        var rows = dataset.GetInt32(new DicomTag(group, 0x0010)) ?? 0;
        var columns = dataset.GetInt32(new DicomTag(group, 0x0011)) ?? 0;
        if (rows is < 1 or > 65535 || columns is < 1 or > 65535) return null;
        // Overlay Origin is signed; (1,1) is the first pixel.
        var origin = dataset.GetDoubles(new DicomTag(group, 0x0050));
        var (top, left) = origin.Count == 2 ? ((int)origin[0] - 1, (int)origin[1] - 1) : (0, 0);
        if (top >= layout.Rows || left >= layout.Columns || top + rows <= 0 || left + columns <= 0) return null;

        // A multi-frame overlay covers frames from Image Frame Origin on; one without frames lies on every frame (C.9.2.1.4, C.9.3.1).
        var frames = dataset.GetInt32(new DicomTag(group, 0x0015));
        var own = 0;
        if (frames is { } count)
        {
            own = frame - ((dataset.GetInt32(new DicomTag(group, 0x0051)) ?? 1) - 1);
            if (own < 0 || own >= count) return null;
        }

        var plane = new OverlayPlane { Group = group, Rows = rows, Columns = columns, Top = top, Left = left };
        if (dataset.TryGet(new DicomTag(group, 0x3000), out var data) && !data.Value.IsEmpty)
        {
            var first = (long)own * rows * columns;
            return (first + ((long)rows * columns) + 7) / 8 <= data.Value.Length ? plane with { Bits = data.Value, FirstBit = first } : null;
        }

        var bit = dataset.GetInt32(new DicomTag(group, 0x0102)) ?? 0;
        var allocated = dataset.GetInt32(new DicomTag(group, 0x0100)) ?? 1;
        var isUnused = bit > layout.HighBit || bit <= layout.HighBit - layout.BitsStored;
        return allocated == layout.BitsAllocated && layout.BitsAllocated is 8 or 16 && layout.SamplesPerPixel == 1 && bit >= 0 && bit < allocated && isUnused
            ? plane with { EmbeddedBit = bit }
            : null;
    }
}
