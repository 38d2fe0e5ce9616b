using System.Buffers.Binary;
using System.Text;

namespace Skylight.Local.Journal;

/// <summary>What a record does. The number is part of the format.</summary>
internal enum RecordKind : byte
{
    /// <summary>Objects and a change.</summary>
    Commit = 1,

    /// <summary>Names of objects that are deleted, wherever they lie by now.</summary>
    Delete = 2,
}

/// <summary>The first 64 bytes of a journal file.</summary>
internal sealed record FileHeader(byte[] FileId, long FirstSequence)
{
    public const int Size = 64;
    public const ushort Version = 1;

    private static ReadOnlySpan<byte> Magic => "SKYLJRNL"u8;

    /// <summary>Begins the checksum of every record of this file, so that a record of another file is never taken for one of this.</summary>
    public uint Seed { get; } = Crc32C.Append(0, FileId);

    public byte[] ToBytes()
    {
        var bytes = new byte[Size];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8), Version);
        FileId.CopyTo(bytes, 16);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(32), FirstSequence);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(60), Crc32C.Append(0, bytes.AsSpan(0, 60)));
        return bytes;
    }

    /// <summary>Null when it is not a whole header.</summary>
    public static FileHeader? Parse(ReadOnlySpan<byte> bytes) =>
        bytes.Length == Size && bytes[..8].SequenceEqual(Magic) && BinaryPrimitives.ReadUInt16LittleEndian(bytes[8..]) == Version
        && BinaryPrimitives.ReadUInt32LittleEndian(bytes[60..]) == Crc32C.Append(0, bytes[..60])
            ? new FileHeader(bytes.Slice(16, 16).ToArray(), BinaryPrimitives.ReadInt64LittleEndian(bytes[32..]))
            : null;
}

/// <summary>The 40 bytes before a record's body.</summary>
/// <param name="Durable">The last sequence known to be on disk when this record was written: a damaged record at or below it was promised to somebody.</param>
internal readonly record struct RecordHeader(RecordKind Kind, long Sequence, long Durable, int BodyLength, uint BodyChecksum)
{
    public const int Size = 40;
    public const int MaxBodyBytes = 1 << 30;

    private static ReadOnlySpan<byte> Magic => "SKYR"u8;

    public void Write(Span<byte> bytes, uint seed)
    {
        bytes[..Size].Clear();
        Magic.CopyTo(bytes);
        bytes[4] = (byte)Kind;
        BinaryPrimitives.WriteInt64LittleEndian(bytes[8..], Sequence);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[16..], Durable);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[24..], BodyLength);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[28..], BodyChecksum);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[36..], Crc32C.Append(seed, bytes[..36]));
    }

    /// <summary>Null when these bytes are not a record header of the file with that seed.</summary>
    public static RecordHeader? Parse(ReadOnlySpan<byte> bytes, uint seed)
    {
        if (bytes.Length < Size || !bytes[..4].SequenceEqual(Magic) || BinaryPrimitives.ReadUInt32LittleEndian(bytes[36..]) != Crc32C.Append(seed, bytes[..36])) return null;
        var header = new RecordHeader(
            (RecordKind)bytes[4],
            BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[24..]),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[28..]));
        return header.BodyLength is >= 0 and <= MaxBodyBytes && Enum.IsDefined(header.Kind) ? header : null;
    }
}

/// <summary>The beginning of a record's body: names and lengths of the objects, then the change. The objects' bytes follow in the same order.</summary>
internal static class RecordBody
{
    /// <summary>Everything of the body but the objects' bytes.</summary>
    public static byte[] Head(IReadOnlyList<(string Name, ReadOnlyMemory<byte> Bytes)> objects, ReadOnlySpan<byte> change)
    {
        var size = 8 + change.Length;
        foreach (var (name, _) in objects) size += 6 + name.Length;
        var bytes = new byte[size];
        var at = 0;
        BinaryPrimitives.WriteInt32LittleEndian(bytes, objects.Count);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), change.Length);
        at += 8;
        foreach (var (name, content) in objects)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(at), (ushort)name.Length);
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at + 2), content.Length);
            Encoding.ASCII.GetBytes(name, bytes.AsSpan(at + 6));
            at += 6 + name.Length;
        }

        change.CopyTo(bytes.AsSpan(at));
        return bytes;
    }

    /// <summary>Names with the places of their bytes within the body, and the place of the change. False when the body, though its checksum agrees, makes no sense.</summary>
    public static bool TryParse(ReadOnlySpan<byte> body, out List<(string Name, int Offset, int Length)> objects, out Range change)
    {
        objects = [];
        change = default;
        if (body.Length < 8) return false;
        var count = BinaryPrimitives.ReadInt32LittleEndian(body);
        var changeLength = BinaryPrimitives.ReadInt32LittleEndian(body[4..]);
        var at = 8;
        for (var i = 0; i < count; i++)
        {
            if (body.Length - at < 6) return false;
            var nameLength = BinaryPrimitives.ReadUInt16LittleEndian(body[at..]);
            var length = BinaryPrimitives.ReadInt32LittleEndian(body[(at + 2)..]);
            if (length < 0 || body.Length - at - 6 < nameLength) return false;
            objects.Add((Encoding.ASCII.GetString(body.Slice(at + 6, nameLength)), 0, length));
            at += 6 + nameLength;
        }

        if (changeLength < 0 || body.Length - at < changeLength) return false;
        change = at..(at + changeLength);
        var offset = (long)at + changeLength;
        for (var i = 0; i < objects.Count; i++)
        {
            objects[i] = objects[i] with { Offset = (int)offset };
            offset += objects[i].Length;
            if (offset > body.Length) return false;
        }

        return offset == body.Length;
    }
}
