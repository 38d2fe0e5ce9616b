using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;

namespace Skylight.Core.Retrieve;

/// <summary>
/// Stored metadata names bulk values by their place in the file (<c>bulk/{offset}-{length}</c>); on its way out each becomes an address of the bulk data
/// resource below its instance. Takes whole documents, joined by commas, in the order in which they were announced.
/// </summary>
internal sealed class MetadataRewriter(IBufferWriter<byte> destination, Func<string, string?> bulkBase) : IBufferWriter<byte>
{
    private readonly Queue<(string SopInstanceUid, int Length)> _announced = new();
    private byte[] _buffer = [];

    /// <summary>As stored documents have it, and a value never: there the quotes would be escaped.</summary>
    private static ReadOnlySpan<byte> Bulk => "\"BulkDataURI\":\"bulk/"u8;

    /// <summary>The next document is that of this instance.</summary>
    /// <param name="length">Its bytes.</param>
    public void Announce(string sopInstanceUid, int length) => _announced.Enqueue((sopInstanceUid, length));

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (_buffer.Length < Math.Max(sizeHint, 256)) _buffer = new byte[Math.Max(sizeHint, 96 * 1024)];
        return _buffer;
    }

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public void Advance(int count)
    {
        var bytes = _buffer.AsSpan(0, count);
        while (!bytes.IsEmpty)
        {
            if (bytes[0] == (byte)',')
            {
                destination.Write(","u8);
                bytes = bytes[1..];
                continue;
            }

            var (uid, length) = _announced.Dequeue();
            Document(bytes[..length], bulkBase(uid));
            bytes = bytes[length..];
        }
    }

    /// <param name="to">Base of the addresses of its bulk values; null leaves bulk values out.</param>
    private void Document(ReadOnlySpan<byte> bytes, string? to)
    {
        byte[]? address = null;
        for (var at = bytes.IndexOf(Bulk); at >= 0; at = bytes.IndexOf(Bulk))
        {
            var value = at + Bulk.Length;
            var end = value + bytes[value..].IndexOf((byte)'"');
            if (to is null)
            {
                // With the comma before it: the VR always stands first.
                destination.Write(bytes[..bytes[..at].LastIndexOf((byte)',')]);
            }
            else
            {
                address ??= Encoding.UTF8.GetBytes($"\"BulkDataURI\":\"{JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(to)}/bulkdata/");
                destination.Write(bytes[..at]);
                destination.Write(address);
                destination.Write(bytes[value..(end + 1)]);
            }

            bytes = bytes[(end + 1)..];
        }

        destination.Write(bytes);
    }
}
