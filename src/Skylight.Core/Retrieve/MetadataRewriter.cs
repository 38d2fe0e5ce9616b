using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Skylight.Core.Retrieve;

/// <summary>
/// Stored metadata names bulk values by their place in the file (<c>bulk/{offset}-{length}</c>); on its way out each becomes an address of the bulk data
/// resource below its instance. Takes whole documents, joined by commas, in the order in which they were announced.
/// </summary>
internal sealed class MetadataRewriter(IBufferWriter<byte> destination, Func<string, string?> bulkBase) : IBufferWriter<byte>
{
    private readonly Queue<string> _announced = new();
    private byte[] _buffer = [];

    /// <summary>The next document is that of this instance.</summary>
    public void Announce(string sopInstanceUid) => _announced.Enqueue(sopInstanceUid);

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
            bytes = bytes[Document(bytes, bulkBase(_announced.Dequeue()))..];
        }
    }

    /// <summary>Writes one document and answers its length.</summary>
    /// <param name="to">Base of the addresses of its bulk values; null leaves bulk values out.</param>
    private int Document(ReadOnlySpan<byte> bytes, string? to)
    {
        var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = 256 });
        var written = 0;
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.EndObject && reader.CurrentDepth == 0) break;
            if (reader.TokenType != JsonTokenType.PropertyName || !reader.ValueTextEquals("BulkDataURI"u8)) continue;
            var name = (int)reader.TokenStartIndex;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String || !reader.ValueSpan.StartsWith("bulk/"u8)) continue;
            var end = (int)reader.BytesConsumed;
            if (to is null)
            {
                // With the comma before it: the VR always stands first.
                destination.Write(bytes[written..bytes[..name].LastIndexOf((byte)',')]);
            }
            else
            {
                destination.Write(bytes[written..name]);
                destination.Write("\"BulkDataURI\":\""u8);
                destination.Write(Encoding.UTF8.GetBytes(JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(to)));
                destination.Write("/bulkdata/"u8);
                destination.Write(reader.ValueSpan["bulk/".Length..]);
                destination.Write("\""u8);
            }
            written = end;
        }
        var length = (int)reader.BytesConsumed;
        destination.Write(bytes[written..length]);
        return length;
    }
}
