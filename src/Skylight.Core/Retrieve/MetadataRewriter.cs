using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;

namespace Skylight.Core.Retrieve;

/// <summary>
/// Stored metadata names bulk values by their place in the file (<c>bulk/{offset}-{length}</c>); on its way out each becomes an address of the bulk data
/// resource below its instance. Takes whole documents, joined by commas, in the order in which they were announced.
/// </summary>
internal sealed class MetadataRewriter(IBufferWriter<byte> destination, Func<string, string?> bulkBase) : IBufferWriter<byte>, IDisposable
{
    private readonly Queue<(byte[]? Address, int Length)> _announced = new();
    private int _longest;

    // Rented: a block of metadata is a large object to the collector, which would go through the whole heap for every few of them.
    private byte[] _buffer = [];

    /// <summary>As stored documents have it, and a value never: there the quotes would be escaped.</summary>
    private static ReadOnlySpan<byte> Bulk => "\"BulkDataURI\":\"bulk/"u8;

    /// <summary>The next document is that of this instance.</summary>
    /// <param name="length">Its bytes.</param>
    public void Announce(string sopInstanceUid, int length)
    {
        // Null leaves bulk values out.
        var address = bulkBase(sopInstanceUid) is { } to ? Encoding.UTF8.GetBytes($"\"BulkDataURI\":\"{JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(to)}/bulkdata/") : null;
        _longest = Math.Max(_longest, address?.Length ?? 0);
        _announced.Enqueue((address, length));
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (_buffer.Length >= Math.Max(sizeHint, 256)) return _buffer;
        Dispose();
        return _buffer = ArrayPool<byte>.Shared.Rent(Math.Max(sizeHint, 96 * 1024));
    }

    public void Dispose()
    {
        if (_buffer.Length > 0) ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public void Advance(int count)
    {
        var bytes = _buffer.AsSpan(0, count);

        // All at once: each piece of its own would cost the answer's pipe a lock, some thousand times.
        var room = destination.GetSpan(count + (bytes.Count(Bulk) * _longest) + 1);
        var written = 0;
        while (!bytes.IsEmpty)
        {
            if (bytes[0] == (byte)',')
            {
                room[written++] = (byte)',';
                bytes = bytes[1..];
                continue;
            }

            var (address, length) = _announced.Dequeue();
            written += Document(bytes[..length], address, room[written..]);
            bytes = bytes[length..];
        }

        destination.Advance(written);
    }

    private static int Document(ReadOnlySpan<byte> bytes, byte[]? address, Span<byte> target)
    {
        var room = target.Length;
        for (var at = bytes.IndexOf(Bulk); at >= 0; at = bytes.IndexOf(Bulk))
        {
            var value = at + Bulk.Length;
            var end = value + bytes[value..].IndexOf((byte)'"');
            if (address is null)
            {
                // With the comma before it: the VR always stands first.
                Put(bytes[..bytes[..at].LastIndexOf((byte)',')], ref target);
            }
            else
            {
                Put(bytes[..at], ref target);
                Put(address, ref target);
                Put(bytes[value..(end + 1)], ref target);
            }

            bytes = bytes[(end + 1)..];
        }

        Put(bytes, ref target);
        return room - target.Length;
    }

    private static void Put(ReadOnlySpan<byte> bytes, ref Span<byte> target)
    {
        bytes.CopyTo(target);
        target = target[bytes.Length..];
    }
}
