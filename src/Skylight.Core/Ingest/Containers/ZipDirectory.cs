using System.Buffers.Binary;
using Skylight.Archive;

namespace Skylight.Core.Ingest.Containers;

/// <summary>
/// A ZIP file whose directory is in memory. The ZIP reader of .NET reads the directory synchronously, which streams out of a blob or a sealed object do not
/// offer; and its size is known, and bounded, before anything is made of it (APPNOTE 4.3.12 to 4.3.16).
/// </summary>
internal sealed class ZipDirectory : ReadOnlyStream
{
    private const int EndBytes = 22;
    private const int LocatorBytes = 20;
    private const int MaxComment = 65535;
    private const int MinEntryBytes = 46;
    private const int MaxDirectoryBytes = 128 << 20;

    private readonly Stream _zip;
    private readonly byte[] _tail;
    private long _position;

    private ZipDirectory(Stream zip, byte[] tail, long start) => (_zip, _tail, Start) = (zip, tail, start);

    /// <summary>First byte of the directory.</summary>
    public long Start { get; }

    public override bool CanSeek => true;

    public override long Length => _zip.Length;

    public override long Position
    {
        get => _position;
        set => _position = value;
    }

    /// <summary>Reads the directory's bytes, or answers why not.</summary>
    public static async ValueTask<(ZipDirectory? Zip, IngestReason? Refusal)> OpenAsync(Stream zip, int maxEntries, CancellationToken cancellationToken)
    {
        var end = new byte[(int)Math.Min(zip.Length, EndBytes + MaxComment + LocatorBytes)];
        await ReadAtAsync(zip, zip.Length - end.Length, end, cancellationToken);
        if (await StartAsync(zip, end, cancellationToken) is not { } start) return (null, IngestReasons.ArchiveDamaged);
        var length = zip.Length - start;
        if (length > MaxDirectoryBytes || (length - EndBytes) / MinEntryBytes > (long)maxEntries + (MaxComment / MinEntryBytes)) return (null, IngestReasons.ArchiveTooManyEntries);
        var tail = new byte[(int)length];
        await ReadAtAsync(zip, start, tail, cancellationToken);
        return Entries(tail) > maxEntries ? (null, IngestReasons.ArchiveTooManyEntries) : (new ZipDirectory(zip, tail, start), null);
    }

    public override int Read(Span<byte> buffer) =>
        _position >= Start ? FromTail(buffer) : throw new NotSupportedException("Only the directory of an archive is read synchronously.");

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_position >= Start) return FromTail(buffer.Span);
        if (_zip.Position != _position) _zip.Position = _position;
        var count = await _zip.ReadAsync(buffer[..(int)Math.Min(buffer.Length, Start - _position)], cancellationToken);
        _position += count;
        return count;
    }

    private int FromTail(Span<byte> buffer)
    {
        var at = _position - Start;
        if (at >= _tail.Length) return 0;
        var count = (int)Math.Min(buffer.Length, _tail.Length - at);
        _tail.AsSpan((int)at, count).CopyTo(buffer);
        _position += count;
        return count;
    }

    /// <summary>Entry headers that really follow one another in the directory.</summary>
    private static int Entries(ReadOnlySpan<byte> directory)
    {
        var count = 0;
        while (directory.Length >= MinEntryBytes && directory.StartsWith("PK\u0001\u0002"u8))
        {
            count++;
            var length = MinEntryBytes + BinaryPrimitives.ReadUInt16LittleEndian(directory[28..]) + BinaryPrimitives.ReadUInt16LittleEndian(directory[30..]) + BinaryPrimitives.ReadUInt16LittleEndian(directory[32..]);
            if (length > directory.Length) break;
            directory = directory[length..];
        }

        return count;
    }

    /// <summary>Where the directory begins, by the end record or, of a large file, by the Zip64 record that its locator names.</summary>
    private static async ValueTask<long?> StartAsync(Stream zip, byte[] end, CancellationToken cancellationToken)
    {
        var at = end.AsSpan().LastIndexOf("PK\u0005\u0006"u8);
        if (at < 0 || end.Length - at < EndBytes) return null;
        long start = BinaryPrimitives.ReadUInt32LittleEndian(end.AsSpan(at + 16));
        if (start == uint.MaxValue)
        {
            if (at < LocatorBytes || !end.AsSpan(at - LocatorBytes, 4).SequenceEqual("PK\u0006\u0007"u8)) return null;
            var record = BinaryPrimitives.ReadInt64LittleEndian(end.AsSpan(at - LocatorBytes + 8));
            if (record < 0 || record > zip.Length - 56) return null;
            var header = new byte[56];
            await ReadAtAsync(zip, record, header, cancellationToken);
            start = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(48));
        }

        return start < 0 || start > zip.Length - end.Length + at ? null : start;
    }

    private static async ValueTask ReadAtAsync(Stream zip, long position, byte[] buffer, CancellationToken cancellationToken)
    {
        zip.Position = position;
        await zip.ReadExactlyAsync(buffer, cancellationToken);
    }
}
