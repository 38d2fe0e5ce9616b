using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Skylight.Dicom;

/// <summary>DICOM JSON to datasets. Text becomes UTF-8, and the dataset says so where it has any that needs it.</summary>
internal static class DicomJsonReader
{
    private static readonly JsonReaderOptions s_options = new() { MaxDepth = 256 };

    public static DicomDataset ReadOne(ReadOnlySpan<byte> utf8)
    {
        var json = new Utf8JsonReader(utf8, s_options);
        try
        {
            json.Read();
            var dataset = Root(ref json);
            if (json.Read()) throw Bad(ref json, "Text follows the object");
            return dataset;
        }
        catch (Exception e) when (IsBadText(e))
        {
            throw new DicomFormatException(DicomErrors.BadJson, json.BytesConsumed, "", $"Invalid JSON: {e.Message}");
        }
    }

    public static IReadOnlyList<DicomDataset> ReadMany(ReadOnlySpan<byte> utf8)
    {
        var json = new Utf8JsonReader(utf8, s_options);
        try
        {
            json.Read();
            var datasets = new List<DicomDataset>();
            if (json.TokenType == JsonTokenType.StartObject) datasets.Add(Root(ref json));
            else if (json.TokenType != JsonTokenType.StartArray) throw Bad(ref json, "An array or object is expected");
            else
                while (json.Read() && json.TokenType != JsonTokenType.EndArray) datasets.Add(Root(ref json));
            if (json.Read()) throw Bad(ref json, "Text follows");
            return datasets;
        }
        catch (Exception e) when (IsBadText(e))
        {
            throw new DicomFormatException(DicomErrors.BadJson, json.BytesConsumed, "", $"Invalid JSON: {e.Message}");
        }
    }

    /// <summary>Bad syntax, or strings that are no Unicode text (the reader reports those as an invalid operation).</summary>
    private static bool IsBadText(Exception e) => e is JsonException or InvalidOperationException;

    private static DicomDataset Root(ref Utf8JsonReader json)
    {
        var ascii = true;
        var dataset = Dataset(ref json, 0, ref ascii);
        if (!ascii) dataset.Set(DicomTags.SpecificCharacterSet, "ISO_IR 192");
        return dataset;
    }

    private static DicomDataset Dataset(ref Utf8JsonReader json, int depth, ref bool outerAscii)
    {
        if (json.TokenType != JsonTokenType.StartObject) throw Bad(ref json, "A dataset must be an object");
        if (depth > ReadOptions.Default.MaxDepth) throw new DicomFormatException(DicomErrors.TooDeep, json.BytesConsumed, "", "Sequences are nested too deep");
        var elements = new List<DicomElement>();
        var seen = new HashSet<uint>();
        var ascii = true;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var name = json.GetString()!;
            if (!DicomTag.TryParse(name, out var tag)) throw Bad(ref json, "A property is not a tag");
            if (!seen.Add(tag.Value)) throw Bad(ref json, "An element occurs twice", tag);
            json.Read();
            elements.Add(Element(ref json, tag, depth, ref ascii));
        }

        elements.Sort(static (a, b) => a.Tag.CompareTo(b.Tag));
        var dataset = new DicomDataset([.. elements]);
        // The bytes are UTF-8 whatever was declared; what needs it is declared here, or else further out.
        if (ascii) return dataset;
        if (dataset.Contains(DicomTags.SpecificCharacterSet)) dataset.Set(DicomTags.SpecificCharacterSet, "ISO_IR 192");
        else outerAscii = false;
        return dataset;
    }

    private static DicomElement Element(ref Utf8JsonReader json, DicomTag tag, int depth, ref bool ascii)
    {
        if (json.TokenType != JsonTokenType.StartObject) throw Bad(ref json, "An element must be an object", tag);
        var vr = DicomDictionary.VrOf(tag);
        List<object?>? values = null;
        List<DicomDataset>? items = null;
        byte[]? inline = null;
        string? uri = null;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var property = json.GetString();
            json.Read();
            switch (property)
            {
                case "vr":
                    if (json.TokenType != JsonTokenType.String || !Vr.TryParse(json.GetString(), out vr)) throw Bad(ref json, "Not a value representation", tag);
                    break;
                case "InlineBinary":
                    if (json.TokenType == JsonTokenType.Null) break;
                    if (json.TokenType != JsonTokenType.String || !json.TryGetBytesFromBase64(out inline)) throw Bad(ref json, "Not base64", tag);
                    break;
                case "BulkDataURI":
                    uri = json.TokenType == JsonTokenType.String ? json.GetString() : throw Bad(ref json, "Not a URI", tag);
                    break;
                case "Value":
                    if (json.TokenType == JsonTokenType.Null) break;
                    if (json.TokenType != JsonTokenType.StartArray) throw Bad(ref json, "A value must be an array", tag);
                    Values(ref json, tag, depth, out values, out items, ref ascii);
                    break;
                default:
                    json.Skip();
                    break;
            }
        }

        if (uri is not null) return DicomElement.Reference(tag, vr, uri);
        if (vr.Code == VrCode.SQ || items is { Count: > 0 })
        {
            if (values is not null && values.Exists(v => v is not null)) throw Bad(ref json, "A sequence holds a plain value", tag);
            return new DicomElement(tag, Vr.SQ, Vr.SQ, default, new DicomSequence(items ?? []));
        }

        if (inline is not null) return new DicomElement(tag, vr, Padded(inline, vr));
        return new DicomElement(tag, vr, values is null ? default : Bytes(ref json, tag, vr, values, ref ascii));
    }

    /// <summary>Plain values, names and items in one pass: objects with groups are names, others are items.</summary>
    private static void Values(ref Utf8JsonReader json, DicomTag tag, int depth, out List<object?> values, out List<DicomDataset> items, ref bool ascii)
    {
        values = [];
        items = [];
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            switch (json.TokenType)
            {
                case JsonTokenType.Null: values.Add(null); break;
                case JsonTokenType.String: values.Add(json.GetString()); break;
                case JsonTokenType.Number: values.Add(Encoding.UTF8.GetString(json.ValueSpan)); break;
                case JsonTokenType.True or JsonTokenType.False: throw Bad(ref json, "A value is a boolean", tag);
                case JsonTokenType.StartObject:
                    if (TryName(ref json, tag, out var name)) values.Add(name);
                    else items.Add(Dataset(ref json, depth + 1, ref ascii));
                    break;
                default: throw Bad(ref json, "An array within a value", tag);
            }
        }
    }

    private static bool TryName(ref Utf8JsonReader json, DicomTag tag, out string name)
    {
        name = "";
        var ahead = json;
        if (!ahead.Read() || ahead.TokenType != JsonTokenType.PropertyName) return false;
        if (!ahead.ValueTextEquals("Alphabetic") && !ahead.ValueTextEquals("Ideographic") && !ahead.ValueTextEquals("Phonetic")) return false;
        string a = "", i = "", p = "";
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var group = json.GetString();
            json.Read();
            if (json.TokenType is not (JsonTokenType.String or JsonTokenType.Null)) throw Bad(ref json, "A name's group must be text", tag);
            var text = json.GetString() ?? "";
            if (group == "Alphabetic") a = text;
            else if (group == "Ideographic") i = text;
            else if (group == "Phonetic") p = text;
        }

        name = new PersonName(a, i, p).ToString();
        return true;
    }

    private static ReadOnlyMemory<byte> Bytes(ref Utf8JsonReader json, DicomTag tag, Vr vr, List<object?> values, ref bool ascii)
    {
        if (vr.IsText)
        {
            var text = string.Join('\\', values.Select(v => (string?)v ?? ""));
            if (Ascii.IsValid(text)) return Padded(Encoding.ASCII.GetBytes(text), vr);
            if (vr.UsesCharacterSet)
            {
                ascii = false;
                return Padded(Encoding.UTF8.GetBytes(text), vr);
            }

            // Codes, dates and UIDs follow no character set; what a file holds beyond ASCII was written byte by byte and is read so.
            return text.AsSpan().IndexOfAnyExceptInRange('\0', '\u00FF') < 0 ? Padded(Encoding.Latin1.GetBytes(text), vr) : throw Bad(ref json, "A character that its representation does not have", tag);
        }

        if (!vr.IsBinaryNumber) throw Bad(ref json, "Bytes must be InlineBinary or BulkDataURI", tag);
        var bytes = new byte[values.Count * vr.ValueSize];
        for (var i = 0; i < values.Count; i++)
            if (values[i] is not string text || !TryPut(bytes.AsSpan(i * vr.ValueSize), vr, text)) throw Bad(ref json, "Not a number of its representation", tag);
        return bytes;
    }

    private static bool TryPut(Span<byte> b, Vr vr, string text)
    {
        var inv = CultureInfo.InvariantCulture;
        switch (vr.Code)
        {
            case VrCode.AT:
                if (!uint.TryParse(text, NumberStyles.AllowHexSpecifier, inv, out var tag)) return false;
                BinaryPrimitives.WriteUInt16LittleEndian(b, (ushort)(tag >> 16));
                BinaryPrimitives.WriteUInt16LittleEndian(b[2..], (ushort)tag);
                return true;
            case VrCode.FL:
                if (!float.TryParse(text, NumberStyles.Float, inv, out var f)) return false;
                BinaryPrimitives.WriteSingleLittleEndian(b, f);
                return true;
            case VrCode.FD:
                if (!double.TryParse(text, NumberStyles.Float, inv, out var d)) return false;
                BinaryPrimitives.WriteDoubleLittleEndian(b, d);
                return true;
            case VrCode.UV:
                if (!ulong.TryParse(text, NumberStyles.AllowExponent | NumberStyles.AllowDecimalPoint, inv, out var u)) return false;
                BinaryPrimitives.WriteUInt64LittleEndian(b, u);
                return true;
        }

        if (!long.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowExponent | NumberStyles.AllowDecimalPoint, inv, out var n)) return false;
        switch (vr.Code)
        {
            case VrCode.US when n is >= 0 and <= ushort.MaxValue: BinaryPrimitives.WriteUInt16LittleEndian(b, (ushort)n); return true;
            case VrCode.SS when n is >= short.MinValue and <= short.MaxValue: BinaryPrimitives.WriteInt16LittleEndian(b, (short)n); return true;
            case VrCode.UL when n is >= 0 and <= uint.MaxValue: BinaryPrimitives.WriteUInt32LittleEndian(b, (uint)n); return true;
            case VrCode.SL when n is >= int.MinValue and <= int.MaxValue: BinaryPrimitives.WriteInt32LittleEndian(b, (int)n); return true;
            case VrCode.SV: BinaryPrimitives.WriteInt64LittleEndian(b, n); return true;
            default: return false;
        }
    }

    private static byte[] Padded(byte[] bytes, Vr vr)
    {
        if ((bytes.Length & 1) == 0) return bytes;
        Array.Resize(ref bytes, bytes.Length + 1);
        bytes[^1] = vr.Padding;
        return bytes;
    }

    private static DicomFormatException Bad(ref Utf8JsonReader json, string message, DicomTag? tag = null) =>
        new(DicomErrors.BadJson, json.BytesConsumed, tag?.ToString() ?? "", message);
}
