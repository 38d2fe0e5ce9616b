using System.Globalization;
using System.Text.Json;

namespace Skylight.Core.Retrieve;

/// <summary>
/// A flat set of attributes on its way into DICOM JSON (PS3.18 §F.2): what search results and store responses are made of. Written in the order of tags;
/// an attribute without value is written with its VR alone.
/// </summary>
public sealed class DicomAttributes
{
    private readonly SortedDictionary<uint, (string Vr, object? Value)> _attributes = [];

    /// <summary>Attributes that are to be left out of the answer are removed by tag.</summary>
    public ICollection<uint> Tags => _attributes.Keys;

    /// <summary>A text value; null or empty makes an attribute without value. Names (PN) are split at <c>=</c> into their groups.</summary>
    public DicomAttributes Add(uint tag, string vr, string? value)
    {
        _attributes[tag] = (vr, string.IsNullOrEmpty(value) ? null : value);
        return this;
    }

    /// <summary>Several text values.</summary>
    public DicomAttributes Add(uint tag, string vr, IReadOnlyList<string> values)
    {
        _attributes[tag] = (vr, values.Count == 0 ? null : values);
        return this;
    }

    /// <summary>A number.</summary>
    public DicomAttributes Add(uint tag, string vr, long value)
    {
        _attributes[tag] = (vr, value);
        return this;
    }

    /// <summary>A number stored as text (IS); what is not a number becomes an attribute without value.</summary>
    public DicomAttributes AddInteger(uint tag, string? value)
    {
        _attributes[tag] = ("IS", long.TryParse(value, NumberStyles.Integer, CultureInfo.InvariantCulture, out var number) ? number : null);
        return this;
    }

    /// <summary>A sequence.</summary>
    public DicomAttributes Add(uint tag, IReadOnlyList<DicomAttributes> items)
    {
        _attributes[tag] = ("SQ", items.Count == 0 ? null : items);
        return this;
    }

    /// <summary>Takes over the attributes of a DICOM JSON object; those that are here already stay.</summary>
    public void Merge(JsonElement attributes)
    {
        foreach (var attribute in attributes.EnumerateObject())
        {
            if (uint.TryParse(attribute.Name, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var tag))
                _attributes.TryAdd(tag, ("", attribute.Value.Clone()));
        }
    }

    public bool Remove(uint tag) => _attributes.Remove(tag);

    public bool Contains(uint tag) => _attributes.ContainsKey(tag);

    public void WriteTo(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        foreach (var (tag, (vr, value)) in _attributes)
        {
            var name = tag.ToString("X8", CultureInfo.InvariantCulture);
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
