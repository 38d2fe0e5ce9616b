using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Skylight.Core.Documents;

namespace Skylight.Core.Retrieve;

/// <summary>
/// A flat set of attributes on its way into DICOM JSON (PS3.18 §F.2): what search results and store responses are made of. Written in the order of tags;
/// an attribute without value is written with its VR alone.
/// </summary>
public sealed class DicomAttributes
{
    // In order of tags, in which they are mostly added too.
    private readonly List<(uint Tag, string Vr, object? Value)> _attributes;
    private readonly byte[]? _json;

    public DicomAttributes() => _attributes = new(24);

    private DicomAttributes(byte[] json) => (_attributes, _json) = ([], json);

    /// <summary>A text value; null or empty makes an attribute without value. Names (PN) are split at <c>=</c> into their groups.</summary>
    public DicomAttributes Add(uint tag, string vr, string? value)
    {
        return Set(tag, vr, string.IsNullOrEmpty(value) ? null : value);
    }

    /// <summary>Several text values.</summary>
    public DicomAttributes Add(uint tag, string vr, IReadOnlyList<string> values)
    {
        return Set(tag, vr, values.Count == 0 ? null : values);
    }

    /// <summary>A number.</summary>
    public DicomAttributes Add(uint tag, string vr, long value)
    {
        return Set(tag, vr, value);
    }

    /// <summary>A number stored as text (IS); what is not a number becomes an attribute without value.</summary>
    public DicomAttributes AddInteger(uint tag, string? value)
    {
        return Set(tag, "IS", long.TryParse(value, NumberStyles.Integer, CultureInfo.InvariantCulture, out var number) ? number : null);
    }

    /// <summary>A sequence.</summary>
    public DicomAttributes Add(uint tag, IReadOnlyList<DicomAttributes> items)
    {
        return Set(tag, "SQ", items.Count == 0 ? null : items);
    }

    /// <summary>Takes over the attributes of a DICOM JSON object; those that are here already stay.</summary>
    public void Merge(JsonElement attributes)
    {
        if (_json is not null) throw new InvalidOperationException("Attributes that are written take no more.");
        foreach (var attribute in attributes.EnumerateObject())
        {
            if (uint.TryParse(attribute.Name, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var tag) && Find(tag) is var at and < 0)
                _attributes.Insert(~at, (tag, "", attribute.Value.Clone()));
        }
    }

    public bool Remove(uint tag)
    {
        var at = Find(tag);
        if (at >= 0) _attributes.RemoveAt(at);
        return at >= 0;
    }

    public bool Contains(uint tag) => Find(tag) >= 0;

    /// <summary>Keeps the written form alone, for a set that is answered again and again: it can be written, and nothing else any more.</summary>
    public DicomAttributes Written()
    {
        var json = new ArrayBufferWriter<byte>(2048);
        using (var writer = new Utf8JsonWriter(json, new JsonWriterOptions { Encoder = DocumentJson.Options.Encoder, SkipValidation = true })) WriteTo(writer);
        return new DicomAttributes(json.WrittenSpan.ToArray());
    }

    public void WriteTo(Utf8JsonWriter writer)
    {
        if (_json is not null)
        {
            writer.WriteRawValue(_json, skipInputValidation: true);
            return;
        }

        writer.WriteStartObject();
        Span<byte> name = stackalloc byte[8];
        foreach (var (tag, vr, value) in _attributes)
        {
            tag.TryFormat(name, out _, "X8", CultureInfo.InvariantCulture);
            if (value is JsonElement ready)
            {
                writer.WritePropertyName(name);
                ready.WriteTo(writer);
                continue;
            }
            writer.WriteStartObject(name);
            writer.WriteString("vr"u8, vr);
            if (value is not null)
            {
                writer.WriteStartArray("Value"u8);
                WriteValue(writer, vr, value);
                writer.WriteEndArray();
            }
            writer.WriteEndObject();
        }
        writer.WriteEndObject();
    }

    private DicomAttributes Set(uint tag, string vr, object? value)
    {
        if (_json is not null) throw new InvalidOperationException("Attributes that are written take no more.");
        if (_attributes.Count == 0 || tag > _attributes[^1].Tag)
        {
            _attributes.Add((tag, vr, value));
            return this;
        }

        var at = Find(tag);
        if (at >= 0) _attributes[at] = (tag, vr, value);
        else _attributes.Insert(~at, (tag, vr, value));
        return this;
    }

    /// <summary>Where a tag is; the complement of where it belongs when it is not there.</summary>
    private int Find(uint tag)
    {
        var (low, high) = (0, _attributes.Count - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            if (_attributes[middle].Tag == tag) return middle;
            if (_attributes[middle].Tag < tag) low = middle + 1;
            else high = middle - 1;
        }

        return ~low;
    }

    private static void WriteValue(Utf8JsonWriter writer, string vr, object value)
    {
        switch (value)
        {
            case string text when vr == "PN":
                WriteName(writer, text);
                break;
            case string text:
                writer.WriteStringValue(text);
                break;
            case long number:
                writer.WriteNumberValue(number);
                break;
            case IReadOnlyList<string> texts:
                foreach (var text in texts) writer.WriteStringValue(text);
                break;
            case IReadOnlyList<DicomAttributes> items:
                foreach (var item in items) item.WriteTo(writer);
                break;
        }
    }

    private static void WriteName(Utf8JsonWriter writer, string name)
    {
        writer.WriteStartObject();
        var groups = name.Split('=', 3);
        if (groups[0].Length > 0) writer.WriteString("Alphabetic"u8, groups[0]);
        if (groups.Length > 1 && groups[1].Length > 0) writer.WriteString("Ideographic"u8, groups[1]);
        if (groups.Length > 2 && groups[2].Length > 0) writer.WriteString("Phonetic"u8, groups[2]);
        writer.WriteEndObject();
    }
}
