namespace Skylight.Dicom;

/// <summary>Frame positions in the file, kept small: a rule for native pixel data, a list of fragments for encapsulated.</summary>
public sealed class FrameTable
{
    private const byte Version = 1;

    private readonly long _start;
    private readonly long _frameBits;
    private readonly long _end;
    private readonly FileRange[] _fragments;
    private readonly int[] _firstFragment;

    private FrameTable(FrameTableKind kind, int count, long start = 0, long end = 0, long frameBits = 0, FileRange[]? fragments = null, int[]? firstFragment = null)
    {
        Kind = kind;
        Count = count;
        _start = start;
        _end = end;
        _frameBits = frameBits;
        _fragments = fragments ?? [];
        _firstFragment = firstFragment ?? [];
    }

    public static FrameTable None { get; } = new(FrameTableKind.None, 0);

    public FrameTableKind Kind { get; }

    /// <summary>Frames that the pixel data should hold; of kind Decode, what the header says.</summary>
    public int Count { get; }

    public static FrameTable Decode(int count) => new(FrameTableKind.Decode, count);

    /// <summary>Native pixel data: frames of the same number of bits, one after the other without padding between them.</summary>
    public static FrameTable Native(long start, long length, int count, long frameBits) =>
        new(frameBits % 8 == 0 ? FrameTableKind.Bytes : FrameTableKind.Bits, count, start, start + length, frameBits);

    /// <summary>Encapsulated pixel data.</summary>
    /// <param name="fragments">Value bytes of every fragment after the basic offset table.</param>
    /// <param name="firstFragment">For each frame, its first fragment.</param>
    public static FrameTable Encapsulated(FileRange[] fragments, int[] firstFragment) =>
        new(FrameTableKind.Bytes, firstFragment.Length, fragments: fragments, firstFragment: firstFragment);

    /// <summary>Frame <paramref name="index"/> from 0; null for kind None and Decode, and for a frame that lies beyond truncated pixel data.</summary>
    public FrameRange? GetFrame(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        if (Kind is FrameTableKind.None or FrameTableKind.Decode) return null;
        if (_firstFragment.Length > 0)
        {
            var end = index + 1 < _firstFragment.Length ? _firstFragment[index + 1] : _fragments.Length;
            return new FrameRange(_fragments[_firstFragment[index]..end]);
        }

        var firstBit = _frameBits * index;
        var offset = _start + firstBit / 8;
        var last = _start + (firstBit + _frameBits + 7) / 8;
        if (last > _end) return null;
        return Kind == FrameTableKind.Bytes
            ? new FrameRange([new FileRange(offset, _frameBits / 8)])
            : new FrameRange([new FileRange(offset, last - offset)], (int)(firstBit % 8), _frameBits);
    }

    /// <summary>A compact form for an index: version, kind, then variable-length integers (offsets as differences).</summary>
    public byte[] ToBytes()
    {
        var w = new VarintWriter();
        w.Byte(Version);
        w.Byte((byte)Kind);
        w.Number(Count);
        w.Number(_start);
        w.Number(_end - _start);
        w.Number(_frameBits);
        w.Number(_fragments.Length);
        long last = 0;
        foreach (var f in _fragments)
        {
            w.Number(f.Offset - last);
            w.Number(f.Length);
            last = f.Offset + f.Length;
        }

        // Mostly one fragment a frame: then the list is left out.
        var plain = _firstFragment.Length == _fragments.Length;
        w.Number(plain ? 0 : _firstFragment.Length);
        if (plain) return w.ToArray();
        var previous = 0;
        foreach (var f in _firstFragment)
        {
            w.Number(f - previous);
            previous = f;
        }

        return w.ToArray();
    }

    /// <summary>Reads <see cref="ToBytes"/>.</summary>
    /// <exception cref="InvalidDataException">The bytes are not a frame table of this version.</exception>
    public static FrameTable Parse(ReadOnlySpan<byte> bytes)
    {
        var r = new VarintReader(bytes);
        if (r.Byte() != Version) throw new InvalidDataException("Unknown frame table version.");
        var kind = (FrameTableKind)r.Byte();
        var count = r.Number();
        var start = r.Number();
        var end = Sum(start, r.Number());
        var frameBits = r.Number();
        if (kind > FrameTableKind.Decode || count > int.MaxValue || (count > 0 && frameBits > long.MaxValue / 2 / count)) throw Damaged();
        var fragments = new FileRange[r.Count()];
        long last = 0;
        for (var i = 0; i < fragments.Length; i++)
        {
            var offset = Sum(last, r.Number());
            fragments[i] = new FileRange(offset, r.Number());
            last = Sum(offset, fragments[i].Length);
        }

        var listed = r.Count();
        int[] first;
        if (listed == 0) first = [.. Enumerable.Range(0, fragments.Length)];
        else
        {
            first = new int[listed];
            var previous = 0L;
            for (var i = 0; i < first.Length; i++)
            {
                previous = Sum(previous, r.Number());
                if (previous >= fragments.Length) throw new InvalidDataException("A frame begins beyond the last fragment.");
                first[i] = (int)previous;
            }
        }

        if (first.Length > 0 && first.Length != count) throw Damaged();
        return new FrameTable(kind, (int)count, start, end, frameBits, fragments, first);
    }

    private static long Sum(long a, long b) => a <= long.MaxValue - b ? a + b : throw Damaged();

    private static InvalidDataException Damaged() => new("Damaged frame table.");

    private sealed class VarintWriter
    {
        private readonly List<byte> _bytes = [];

        public void Byte(byte value) => _bytes.Add(value);

        public void Number(long value)
        {
            var v = (ulong)value;
            for (; v >= 0x80; v >>= 7) _bytes.Add((byte)(v | 0x80));
            _bytes.Add((byte)v);
        }

        public byte[] ToArray() => [.. _bytes];
    }

    private ref struct VarintReader(ReadOnlySpan<byte> bytes)
    {
        private ReadOnlySpan<byte> _bytes = bytes;

        public byte Byte()
        {
            if (_bytes.IsEmpty) throw new InvalidDataException("Frame table cut short.");
            var b = _bytes[0];
            _bytes = _bytes[1..];
            return b;
        }

        public long Number()
        {
            ulong value = 0;
            for (var shift = 0; shift < 64; shift += 7)
            {
                var b = Byte();
                value |= (ulong)(b & 0x7F) << shift;
                if (b < 0x80) return (long)value < 0 ? throw new InvalidDataException("Number out of range.") : (long)value;
            }

            throw new InvalidDataException("Number out of range.");
        }

        /// <summary>A number of entries, each of which takes a byte at least.</summary>
        public int Count()
        {
            var n = Number();
            return n <= _bytes.Length ? (int)n : throw new InvalidDataException("Frame table cut short.");
        }
    }
}
