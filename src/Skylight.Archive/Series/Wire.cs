using System.Buffers;
using System.IO.Compression;
using System.Text;
using Skylight.Archive.Sealing;

namespace Skylight.Archive.Series;

/// <summary>Little building blocks of the index and metadata formats: variable-length integers, tagged fields, compressed blocks.</summary>
internal sealed class WireWriter
{
    /// <summary>Blocks up to this size are stored as they are: what one instance's commit has, which the next merge of the series packs with its neighbours.</summary>
    private const int StoredBytes = 4096;

    private readonly ArrayBufferWriter<byte> _buffer = new(1024);

    public ReadOnlySpan<byte> Written => _buffer.WrittenSpan;

    public int Count => _buffer.WrittenCount;

    public void Clear() => _buffer.ResetWrittenCount();

    public void Byte(byte value) => _buffer.Write([value]);

    /// <summary>LEB128: seven bits a byte, low bits first.</summary>
    public void Number(ulong value)
    {
        var span = _buffer.GetSpan(10);
        var at = 0;
        for (; value >= 0x80; value >>= 7) span[at++] = (byte)(value | 0x80);
        span[at++] = (byte)value;
        _buffer.Advance(at);
    }

    /// <summary>Length, then the bytes.</summary>
    public void Bytes(ReadOnlySpan<byte> value)
    {
        Number((ulong)value.Length);
        _buffer.Write(value);
    }

    public void Raw(ReadOnlySpan<byte> value) => _buffer.Write(value);

    public void Text(string value)
    {
        var length = Encoding.UTF8.GetByteCount(value);
        Number((ulong)length);
        Encoding.UTF8.GetBytes(value, _buffer.GetSpan(length));
        _buffer.Advance(length);
    }

    /// <summary>A field (number × 2) with a number; left out when it is 0.</summary>
    public void Field(int field, ulong value)
    {
        if (value == 0) return;
        Number((ulong)field << 1);
        Number(value);
    }

    /// <summary>A field (number × 2 + 1) with bytes; left out when they are none.</summary>
    public void Field(int field, ReadOnlySpan<byte> value)
    {
        if (value.IsEmpty) return;
        Number(((ulong)field << 1) | 1);
        Bytes(value);
    }

    public void Field(int field, string value)
    {
        if (value.Length == 0) return;
        Number(((ulong)field << 1) | 1);
        Text(value);
    }

    /// <summary>A block: method (0 stored, 1 Brotli), plain length, packed length, bytes.</summary>
    public void Block(ReadOnlySpan<byte> plain)
    {
        var packed = ArrayPool<byte>.Shared.Rent(Math.Max(1, plain.Length));
        try
        {
            // Level 4 comes close to the size of the slow levels on DICOM JSON at a tenth of their time. What one instance's commit has is less than a whole
            // block: level 1, which spares the large tables, since the next merge of the series packs it anew with its neighbours.
            var length = 0;
            var smaller = plain.Length > StoredBytes
                && BrotliEncoder.TryCompress(plain, packed.AsSpan(0, plain.Length - 1), out length, quality: plain.Length < SeriesMetadata.BlockBytes ? 1 : 4, window: 18);
            Byte(smaller ? (byte)1 : (byte)0);
            Number((ulong)plain.Length);
            Bytes(smaller ? packed.AsSpan(0, length) : plain);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(packed);
        }
    }
}

/// <summary>Reads what <see cref="WireWriter"/> wrote; anything out of place is <see cref="SealedFault.BadContent"/> of the named object.</summary>
internal ref struct WireReader(string name, ReadOnlySpan<byte> bytes)
{
    private const int MaxBlockBytes = 256 << 20;

    private ReadOnlySpan<byte> _rest = bytes;

    public readonly bool AtEnd => _rest.IsEmpty;

    /// <summary>What has not been read yet.</summary>
    public readonly ReadOnlySpan<byte> Remaining => _rest;

    public readonly SealedObjectException Bad() => new(name, 0, SealedFault.BadContent);

    public byte Byte() => Take(1)[0];

    public ulong Number()
    {
        var value = 0UL;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var next = Byte();
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80) return value;
        }

        throw Bad();
    }

    /// <summary>A number that must fit an Int32 and not be negative.</summary>
    public int Count()
    {
        var value = Number();
        return value <= int.MaxValue ? (int)value : throw Bad();
    }

    public ReadOnlySpan<byte> Bytes() => Take(Count());

    public string Text() => Encoding.UTF8.GetString(Bytes());

    /// <summary>The next field; its number and, for a byte field, its bytes.</summary>
    public int Field(out ulong value, out ReadOnlySpan<byte> content)
    {
        var tag = Number();
        value = 0;
        content = default;
        if ((tag & 1) == 0) value = Number();
        else content = Bytes();
        return (int)Math.Min(tag >> 1, int.MaxValue);
    }

    /// <summary>Method, plain length and packed bytes of a block, not yet unpacked.</summary>
    public (byte Method, int PlainLength) BlockHead(out ReadOnlySpan<byte> packed)
    {
        var method = Byte();
        var length = Count();
        packed = Bytes();
        if (method > 1 || length > MaxBlockBytes || (method == 0 && packed.Length != length)) throw Bad();
        return (method, length);
    }

    public byte[] Block()
    {
        var (method, length) = BlockHead(out var packed);
        return method == 0 ? packed.ToArray() : Grow(packed, length);
    }

    /// <summary>Memory follows what really unpacks, not the length that is promised.</summary>
    private readonly byte[] Grow(ReadOnlySpan<byte> packed, int length)
    {
        var plain = new byte[Math.Min(length, Math.Max(64 << 10, packed.Length * 16L))];
        using var decoder = new BrotliDecoder();
        var done = 0;
        while (true)
        {
            var status = decoder.Decompress(packed, plain.AsSpan(done), out var consumed, out var written);
            packed = packed[consumed..];
            done += written;
            if (status == OperationStatus.Done && done == length && packed.IsEmpty) break;
            if (status != OperationStatus.DestinationTooSmall || done != plain.Length || done == length) throw Bad();
            Array.Resize(ref plain, (int)Math.Min(length, plain.Length * 2L));
        }

        if (done < plain.Length) Array.Resize(ref plain, done);
        return plain;
    }

    public readonly void Unpack(byte method, ReadOnlySpan<byte> packed, Span<byte> plain)
    {
        if (method == 0) packed.CopyTo(plain);
        else if (!BrotliDecoder.TryDecompress(packed, plain, out var count) || count != plain.Length) throw Bad();
    }

    public ReadOnlySpan<byte> Take(int count)
    {
        if (count > _rest.Length) throw Bad();
        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
