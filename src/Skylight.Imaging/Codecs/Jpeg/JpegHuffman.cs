using System.Buffers.Binary;

namespace Skylight.Imaging.Codecs.Jpeg;

/// <summary>A Huffman table (T.81 annex C) with a direct look-up of the first <see cref="FastBits"/> bits.</summary>
internal sealed class JpegHuffman
{
    public const int FastBits = 10;

    /// <summary>(length &lt;&lt; 8) | symbol for codes of at most <see cref="FastBits"/> bits; 0 where the code is longer or unassigned.</summary>
    private readonly ushort[] _fast = new ushort[1 << FastBits];
    private readonly int[] _maxCode = new int[18];
    private readonly int[] _offset = new int[17];
    private readonly byte[] _symbols;

    public JpegHuffman(ReadOnlySpan<byte> counts, ReadOnlySpan<byte> symbols)
    {
        _symbols = symbols.ToArray();
        int code = 0, index = 0;
        for (var length = 1; length <= 16; length++)
        {
            _offset[length] = index - code;
            for (var i = 0; i < counts[length - 1]; i++, code++, index++)
            {
                if (code >= 1 << length) throw new PixelDataException(PixelDataError.BadStream, "A Huffman table assigns more codes than its lengths have.");
                if (length > FastBits) continue;
                var first = code << (FastBits - length);
                _fast.AsSpan(first, 1 << (FastBits - length)).Fill((ushort)((length << 8) | _symbols[index]));
            }

            _maxCode[length] = counts[length - 1] > 0 ? code - 1 : -1;
            code <<= 1;
        }

        _maxCode[17] = int.MaxValue;
    }

    public int Decode(ref JpegBits bits)
    {
        bits.Fill();
        var entry = _fast[bits.Peek(FastBits)];
        if (entry != 0)
        {
            bits.Skip(entry >> 8);
            return entry & 0xFF;
        }

        var code16 = bits.Peek(16);
        for (var length = FastBits + 1; length <= 16; length++)
        {
            var code = code16 >> (16 - length);
            if (code > _maxCode[length]) continue;
            bits.Skip(length);
            return _symbols[_offset[length] + code];
        }

        throw new PixelDataException(PixelDataError.BadStream, "The JPEG data hold a code that no Huffman table assigns.");
    }
}

/// <summary>Bits of one entropy-coded segment, most significant first, with byte stuffing removed.</summary>
internal ref struct JpegBits(ReadOnlySpan<byte> data, int at)
{
    private readonly ReadOnlySpan<byte> _data = data;
    private ulong _bits;
    private int _count;
    private int _padding;

    /// <summary>Offset of the next byte, or of the marker that ended the segment.</summary>
    public int At { get; private set; } = at;

    /// <summary>Makes at least 32 bits available; past the end of the segment they are zero, and taking one of them is an error.</summary>
    public void Fill()
    {
        if (_count > 32) return;
        if (At + 4 <= _data.Length)
        {
            // Four bytes at once where none of them is FF, which begins stuffing or a marker.
            var four = BinaryPrimitives.ReadUInt32BigEndian(_data[At..]);
            if (((~four - 0x0101_0101) & four & 0x8080_8080) == 0)
            {
                _bits |= (ulong)four << (32 - _count);
                _count += 32;
                At += 4;
                return;
            }
        }

        while (_count <= 32)
        {
            ulong next = 0;
            if (At < _data.Length && (_data[At] != 0xFF || (At + 1 < _data.Length && _data[At + 1] == 0)))
            {
                next = _data[At];
                At += next == 0xFF ? 2 : 1;
            }
            else
            {
                _padding += 8;
            }

            _bits |= next << (56 - _count);
            _count += 8;
        }
    }

    public readonly int Peek(int n) => (int)(_bits >> (64 - n));

    public void Skip(int n)
    {
        _bits <<= n;
        _count -= n;
        if (_count < _padding) throw new PixelDataException(PixelDataError.Truncated, $"The JPEG data end at byte {At}, before the last sample.");
    }

    /// <summary>The next <paramref name="n"/> (1 to 16) bits as a signed difference (T.81 F.2.2.1, EXTEND).</summary>
    /// <remarks>Straight after a code of at most 16 bits was decoded: the bits are there.</remarks>
    public int Extend(int n)
    {
        var value = Peek(n);
        Skip(n);
        return value < 1 << (n - 1) ? value - (1 << n) + 1 : value;
    }

    /// <summary>The next <paramref name="n"/> (0 to 16) bits as they are.</summary>
    public int Take(int n)
    {
        if (n == 0) return 0;
        Fill();
        var value = Peek(n);
        Skip(n);
        return value;
    }

    /// <summary>Passes the restart marker that must come next.</summary>
    public void Restart()
    {
        _bits = 0;
        _count = 0;
        _padding = 0;
        // Between the last code and the marker only padding bits and fill bytes may lie.
        while (At + 1 < _data.Length && !(_data[At] == 0xFF && _data[At + 1] is >= 0xD0 and <= 0xD7))
        {
            if (_data[At] == 0xFF && _data[At + 1] is not (0 or 0xFF)) break;
            At++;
        }

        if (At + 1 >= _data.Length || _data[At] != 0xFF || _data[At + 1] is < 0xD0 or > 0xD7)
            throw new PixelDataException(PixelDataError.BadStream, $"A JPEG restart marker is missing at byte {At}.");
        At += 2;
    }
}
