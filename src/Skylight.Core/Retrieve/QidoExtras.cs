using System.Buffers;
using System.Globalization;
using System.Text.Json;

namespace Skylight.Core.Retrieve;

/// <summary>
/// Attributes of instances that no index holds, when a search asks for them by includefield: taken from the stored metadata, a series at a time.
/// </summary>
public sealed class QidoExtras(StudyReader reader)
{
    /// <summary>Past this many results only what the indexes hold is returned: a search is no way to fetch metadata.</summary>
    public const int MaxResults = 2_000;

    // Never the pixels, never whole bulk values.
    private const uint PixelGroup = 0x7FE0_0000;

    /// <summary>The asked-for attributes of each result, by SOP Instance UID; empty when nothing of the kind was asked for.</summary>
    public async ValueTask<IReadOnlyDictionary<string, JsonElement>> ReadAsync(QidoAnswer answer, QidoQuery query, CancellationToken cancellationToken)
    {
        var tags = query.IncludeFields.Where(t => t < PixelGroup && QidoAttribute.Of(t) is null).Select(t => t.ToString("X8", CultureInfo.InvariantCulture)).ToHashSet();
        var extras = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        if (query.Level != QidoLevel.Instance || tags.Count == 0 || answer.Hits.Count > MaxResults) return extras;
        foreach (var series in answer.Hits.Where(h => h is { Document: not null, Series: not null, Instance: not null }).GroupBy(h => (h.Document!.StudyKey, h.Series!.SeriesKey)))
        {
            var first = series.First();
            var wanted = series.Select(h => h.Instance!.SopInstanceUid).ToHashSet();
            var json = new ArrayBufferWriter<byte>();
            json.Write("["u8);
            await reader.WriteMetadataAsync(first.Document!, first.Series!, wanted.Contains, _ => null, json, first: true, _ => ValueTask.CompletedTask, cancellationToken);
            json.Write("]"u8);
            using var documents = JsonDocument.Parse(json.WrittenMemory, new JsonDocumentOptions { MaxDepth = 256 });
            foreach (var document in documents.RootElement.EnumerateArray())
            {
                if (document.TryGetProperty("00080018", out var uid) && uid.TryGetProperty("Value", out var values) && values[0].GetString() is { } sop)
                    extras[sop] = Pick(document, tags);
            }
        }
        return extras;
    }

    private static JsonElement Pick(JsonElement document, HashSet<string> tags)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { MaxDepth = 256 }))
        {
            writer.WriteStartObject();
            foreach (var attribute in document.EnumerateObject())
            {
                if (tags.Contains(attribute.Name)) attribute.WriteTo(writer);
            }
            writer.WriteEndObject();
        }
        using var picked = JsonDocument.Parse(buffer.WrittenMemory, new JsonDocumentOptions { MaxDepth = 256 });
        return picked.RootElement.Clone();
    }
}
