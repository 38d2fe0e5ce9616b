using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Skylight.Dicom;

/// <summary>Arrays of DICOM JSON of any length, one dataset at a time: memory holds one object, not the array.</summary>
public static class DicomJsonStream
{
    /// <summary>Most bytes of one object. Default of <see cref="ReadAsync"/>: 64 MiB.</summary>
    public const int DefaultMaxObjectBytes = 64 << 20;

    /// <summary>Reads the objects of an array, or a single object, as they arrive. The pipe is read to its end, and not completed.</summary>
    /// <exception cref="DicomFormatException">It is not DICOM JSON, or an object is larger than allowed.</exception>
    public static async IAsyncEnumerable<DicomDataset> ReadAsync(PipeReader json, int maxObjectBytes = DefaultMaxObjectBytes, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var scan = new Scan(maxObjectBytes);
        while (true)
        {
            var result = await json.ReadAsync(cancellationToken);
            var buffer = result.Buffer;
            while (scan.Next(ref buffer, result.IsCompleted) is { } dataset) yield return dataset;
            json.AdvanceTo(buffer.Start, buffer.End);
            if (!result.IsCompleted) continue;
            scan.End(buffer);
            yield break;
        }
    }

    /// <summary>Writes datasets as one array, flushing as the pipe fills.</summary>
    public static async Task WriteAsync(PipeWriter json, IAsyncEnumerable<DicomDataset> datasets, JsonOptions? options, CancellationToken cancellationToken)
    {
        json.Write("["u8);
        var first = true;
        await foreach (var dataset in datasets.WithCancellation(cancellationToken))
        {
            if (!first) json.Write(","u8);
            first = false;
            await using (var writer = new Utf8JsonWriter(json, DicomJson.WriterOptions)) DicomJson.Write(writer, dataset, options);
            if (json.UnflushedBytes >= 64 << 10 && (await json.FlushAsync(cancellationToken)).IsCompleted) return;
        }

        json.Write("]"u8);
        await json.FlushAsync(cancellationToken);
    }

    /// <summary>Where in the array the bytes stand. Finds the end of an object without reading it twice: the tokenizer's state is kept from piece to piece.</summary>
    private sealed class Scan(int maxObjectBytes)
    {
        private JsonReaderState _state = new(new JsonReaderOptions { MaxDepth = 256 });
        private long _scanned, _position;
        private bool _array, _begun, _ended;

        /// <summary>The next whole object, which leaves the buffer; null when more bytes are needed.</summary>
        public DicomDataset? Next(ref ReadOnlySequence<byte> buffer, bool isFinal)
        {
            var rest = buffer.Slice(_scanned);
            var reader = new Utf8JsonReader(rest, isFinal && !rest.IsEmpty, _state);
            try
            {
                while (!(isFinal && rest.IsEmpty) && reader.Read())
                {
                    var depth = _array ? 1 : 0;
                    switch (reader.TokenType)
                    {
                        case JsonTokenType.StartArray when !_begun:
                            _array = _begun = true;
                            break;
                        case JsonTokenType.EndArray when _array && reader.CurrentDepth == 0:
                            _ended = true;
                            break;
                        case JsonTokenType.StartObject when reader.CurrentDepth == depth:
                            _begun = true;
                            break;
                        case JsonTokenType.EndObject when reader.CurrentDepth == depth:
                            _ended |= !_array;
                            var end = _scanned + reader.BytesConsumed;
                            if (end > maxObjectBytes) throw TooLarge();
                            var dataset = Take(buffer.Slice(0, end));
                            _state = reader.CurrentState;
                            buffer = buffer.Slice(end);
                            _position += end;
                            _scanned = 0;
                            return dataset;
                        default:
                            if (reader.CurrentDepth <= depth && reader.TokenType is not JsonTokenType.PropertyName) throw Bad("An array or object is expected");
                            break;
                    }
                }
            }
            catch (Exception e) when (e is JsonException or IndexOutOfRangeException)
            {
                // The tokenizer fails with the latter over a wrong literal that is spread over many small pieces.
                throw Bad($"Invalid JSON: {e.Message}");
            }

            _state = reader.CurrentState;
            _scanned += reader.BytesConsumed;
            if (buffer.Length > maxObjectBytes) throw TooLarge();
            return null;
        }

        public void End(ReadOnlySequence<byte> buffer)
        {
            if (!_ended) throw Bad("The JSON ends too early");
            if (!buffer.Slice(_scanned).IsEmpty) throw Bad("Text follows the JSON");
        }

        /// <summary>The object, without the comma, bracket or space before it.</summary>
        private static DicomDataset Take(ReadOnlySequence<byte> bytes)
        {
            var start = bytes.PositionOf((byte)'{') ?? bytes.Start;
            bytes = bytes.Slice(start);
            if (bytes.IsSingleSegment) return DicomJson.Read(bytes.FirstSpan);
            var whole = ArrayPool<byte>.Shared.Rent((int)bytes.Length);
            try
            {
                bytes.CopyTo(whole);
                return DicomJson.Read(whole.AsSpan(0, (int)bytes.Length));
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(whole, clearArray: true);
            }
        }

        private DicomFormatException TooLarge() => new(DicomErrors.TooLarge, _position, "", "A JSON object is larger than may be held");

        private DicomFormatException Bad(string message) => new(DicomErrors.BadJson, _position + _scanned, "", message);
    }
}
