using System.Buffers.Binary;
using Skylight.Dicom;

namespace Skylight.Imaging.Display;

/// <summary>A Modality or VOI LUT (PS3.3 C.11.1, C.11.2): values below the first mapped one take the first entry, values above the last one the last.</summary>
public sealed class LookupTable
{
    private readonly ushort[] _entries;

    private LookupTable(ushort[] entries, int firstMapped, int bits) => (_entries, FirstMapped, Bits) = (entries, firstMapped, bits);

    public int FirstMapped { get; }

    /// <summary>Bits an entry has; the output range is 0 to 2^Bits - 1.</summary>
    public int Bits { get; }

    public int Count => _entries.Length;

    public int this[int value] => _entries[Math.Clamp(value - FirstMapped, 0, _entries.Length - 1)];

    /// <summary>Reads a LUT from an item with LUT Descriptor (0028,3002) and LUT Data (0028,3006).</summary>
    /// <param name="signedInput">The second descriptor value is signed when what enters the LUT is.</param>
    /// <returns>Null when the item has no usable LUT: rendering goes on without it.</returns>
    public static LookupTable? Read(DicomDataset item, bool signedInput)
    {
        var descriptor = Words(item.GetBytes(DicomTags.LUTDescriptor));
        if (descriptor.Length != 3) return null;
        var count = descriptor[0] == 0 ? 65536 : descriptor[0];
        int first = signedInput ? (short)descriptor[1] : descriptor[1];
        var bits = Math.Clamp((int)descriptor[2], 8, 16);
        var data = item.GetBytes(DicomTags.LUTData);
        return Entries(data, count, bits) is { } entries ? new LookupTable(entries, first, bits) : null;
    }

    /// <summary>Palette entries (PS3.3 C.7.6.3.1.5), scaled to 16 bits.</summary>
    /// <param name="segmentedTag">Where the same entries may lie in segments instead (PS3.3 C.7.9.2).</param>
    public static LookupTable? Palette(DicomDataset dataset, DicomTag descriptorTag, DicomTag dataTag, DicomTag segmentedTag, bool signedInput)
    {
        var descriptor = Words(dataset.GetBytes(descriptorTag));
        if (descriptor.Length != 3) return null;
        var count = descriptor[0] == 0 ? 65536 : descriptor[0];
        var bits = descriptor[2] <= 8 ? 8 : 16;
        var segmented = dataset.GetBytes(segmentedTag);
        if ((segmented.IsEmpty ? Entries(dataset.GetBytes(dataTag), count, bits) : SegmentedPalette.Expand(segmented.Span, count, bits == 16)) is not { } entries) return null;
        // Some writers say 16 bits and fill 8: entries that never pass 255 are taken as 8-bit ones.
        if (bits == 8 || entries.Max() <= 255) for (var i = 0; i < entries.Length; i++) entries[i] = (ushort)(entries[i] * 257);
        return new LookupTable(entries, signedInput ? (short)descriptor[1] : (int)descriptor[1], 16);
    }

    /// <summary>A Presentation LUT (PS3.3 C.11.4): its input is 0 to the number of entries less one, whatever the descriptor's first value says.</summary>
    public static LookupTable? Presentation(DicomDataset item) => Read(item, signedInput: false) is { } table ? new LookupTable(table._entries, 0, table.Bits) : null;

    private static ushort[]? Entries(ReadOnlyMemory<byte> data, int count, int bits)
    {
        var span = data.Span;
        if (span.Length >= count * 2) return Words(data[..(count * 2)]);
        if (bits > 8 || span.Length < count) return null;
        var entries = new ushort[count];
        for (var i = 0; i < count; i++) entries[i] = span[i];
        return entries;
    }

    private static ushort[] Words(ReadOnlyMemory<byte> bytes)
    {
        var words = new ushort[bytes.Length / 2];
        for (var i = 0; i < words.Length; i++) words[i] = BinaryPrimitives.ReadUInt16LittleEndian(bytes.Span[(2 * i)..]);
        return words;
    }
}
