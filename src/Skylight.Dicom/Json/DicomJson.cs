using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Skylight.Dicom;

/// <summary>The DICOM JSON Model (PS3.18 annex F). Text is UTF-8, so a declared character set is written as ISO_IR 192.</summary>
public static class DicomJson
{
    internal static readonly JsonWriterOptions WriterOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <summary>One dataset as a JSON object in UTF-8.</summary>
    public static byte[] ToUtf8(DicomDataset dataset, JsonOptions? options = null)
    {
        // About what an element takes.
        var output = new ArrayBufferWriter<byte>(256 + (dataset.Count * 72));
        using (var writer = new Utf8JsonWriter(output, WriterOptions)) Write(writer, dataset, options);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>Writes one dataset as a JSON object. Group lengths and group 0002 are left out (PS3.18 F.2.2).</summary>
    public static void Write(Utf8JsonWriter writer, DicomDataset dataset, JsonOptions? options = null) =>
        Write(writer, dataset, options ?? JsonOptions.Default, "");

    /// <summary>Reads one JSON object.</summary>
    /// <exception cref="DicomFormatException">It is not DICOM JSON.</exception>
    public static DicomDataset Read(ReadOnlySpan<byte> utf8) => DicomJsonReader.ReadOne(utf8);

    /// <summary>Reads an array of JSON objects, or a single one.</summary>
    /// <exception cref="DicomFormatException">It is not DICOM JSON.</exception>
    public static IReadOnlyList<DicomDataset> ReadMany(ReadOnlySpan<byte> utf8) => DicomJsonReader.ReadMany(utf8);

    private static void Write(Utf8JsonWriter writer, DicomDataset dataset, JsonOptions options, string path)
    {
        writer.WriteStartObject();
        Span<byte> name = stackalloc byte[8];
        foreach (var e in dataset.Elements)
        {
            if (e.Tag.Element == 0 || e.Tag.Group == 2) continue;
            string? uri = null;
            if (IsBulk(in e) && !Place(in e, options, path, out uri)) continue;
            e.Tag.Value.TryFormat(name, out _, "X8", CultureInfo.InvariantCulture);
            writer.WriteStartObject(name);
            var vr = e.Vr.IsKnown ? e.Vr.Code : VrCode.UN;
            writer.WriteString("vr"u8, [(byte)(vr >> 8), (byte)vr]);
            if (uri is not null) writer.WriteString("BulkDataURI"u8, uri);
            else Value(writer, dataset, in e, options, path);
            writer.WriteEndObject();
        }

        writer.WriteEndObject();
    }

    private static bool IsBulk(in DicomElement e) => e.Vr.IsBytes || e.Content is BulkDataReference or string or DicomFragments;

    /// <summary>The URI of a bulk value, when it has one. False: the element is left out.</summary>
    internal static bool Place(in DicomElement e, JsonOptions options, string path, out string? uri)
    {
        uri = e.BulkUri;
        if (uri is not null) return true;
        var inMemory = e.Content is null;
        if (!inMemory || e.Value.Length > options.MaxInlineBytes) uri = options.BulkDataUri?.Invoke(path + e.Tag.ToHex(), e);
        return inMemory || uri is not null || options.KeepMissingValues;
    }

    private static void Value(Utf8JsonWriter writer, DicomDataset dataset, in DicomElement e, JsonOptions options, string path)
    {
        if (e.Sequence is { } sequence)
        {
            if (sequence.Items.Count == 0) return;
            writer.WriteStartArray("Value"u8);
            for (var i = 0; i < sequence.Items.Count; i++)
                Write(writer, sequence.Items[i], options, options.BulkDataUri is null ? "" : string.Create(CultureInfo.InvariantCulture, $"{path}{e.Tag.ToHex()}/{i}/"));
            writer.WriteEndArray();
            return;
        }

        if (e.Tag == DicomTags.SpecificCharacterSet && IsConverted(dataset))
        {
            writer.WriteStartArray("Value"u8);
            writer.WriteStringValue("ISO_IR 192"u8);
            writer.WriteEndArray();
            return;
        }

        if (e.Value.IsEmpty) return;
        if (e.Vr.IsText) Text(writer, dataset, in e);
        else if (e.Vr.IsBinaryNumber) Numbers(writer, e.Vr, e.Value.Span);
        else writer.WriteBase64String("InlineBinary"u8, e.Value.Span);
    }

    private static void Text(Utf8JsonWriter writer, DicomDataset dataset, in DicomElement e)
    {
        if (DicomText.IsPlain(e.Value.Span, out var plain))
        {
            Plain(writer, e.Vr, plain);
            return;
        }

        var values = DicomText.ReadAll(e.Vr, e.Value.Span, dataset.CharacterSet);
        if (values.Length == 1 && (values[0].Length == 0 || (e.Vr.Code == VrCode.PN && values[0].AsSpan().IndexOfAnyExcept("^= ") < 0))) return;
        writer.WriteStartArray("Value"u8);
        foreach (var value in values)
        {
            if (e.Vr.Code == VrCode.PN) Name(writer, value);
            else if (value.Length == 0) writer.WriteNullValue();
            else if (e.Vr.Code is VrCode.DS or VrCode.IS) Decimal(writer, value);
            else writer.WriteStringValue(value);
        }

        writer.WriteEndArray();
    }

    /// <summary>Values of plain letters go from bytes to bytes.</summary>
    private static void Plain(Utf8JsonWriter writer, Vr vr, ReadOnlySpan<byte> rest)
    {
        var isName = vr.Code == VrCode.PN;
        if ((!vr.IsMultiText || rest.IndexOf((byte)'\\') < 0) && (rest.IsEmpty || (isName && rest.IndexOfAnyExcept("^= "u8) < 0) || DicomText.Strip(vr, rest).IsEmpty)) return;
        writer.WriteStartArray("Value"u8);
        for (var more = true; more;)
        {
            var end = vr.IsMultiText ? rest.IndexOf((byte)'\\') : -1;
            more = end >= 0;
            var value = DicomText.Strip(vr, more ? rest[..end] : rest);
            if (more) rest = rest[(end + 1)..];
            if (value.IsEmpty || (isName && value.IndexOfAnyExcept("^= "u8) < 0)) writer.WriteNullValue();
            else if (isName) Name(writer, value);
            else if (vr.Code is VrCode.DS or VrCode.IS) Decimal(writer, value);
            else writer.WriteStringValue(value);
        }

        writer.WriteEndArray();
    }

    private static void Name(Utf8JsonWriter writer, ReadOnlySpan<byte> value)
    {
        writer.WriteStartObject();
        for (var group = 0; group < 3; group++)
        {
            var end = value.IndexOf((byte)'=');
            var text = (end < 0 ? value : value[..end]).Trim((byte)' ');
            if (!text.IsEmpty) writer.WriteString(group == 0 ? "Alphabetic"u8 : group == 1 ? "Ideographic"u8 : "Phonetic"u8, text);
            if (end < 0) break;
            value = value[(end + 1)..];
        }

        writer.WriteEndObject();
    }

    private static void Decimal(Utf8JsonWriter writer, ReadOnlySpan<byte> value)
    {
        if (value.Length <= 64 && IsPlainNumber(value)) writer.WriteRawValue(value, skipInputValidation: true);
        else Decimal(writer, Encoding.ASCII.GetString(value));
    }

    /// <summary>Digits with a sign and a point where JSON has them; the other forms take the longer way.</summary>
    private static bool IsPlainNumber(ReadOnlySpan<byte> s)
    {
        if (s[0] == '-') s = s[1..];
        var point = s.IndexOf((byte)'.');
        var whole = point < 0 ? s : s[..point];
        if (whole.IsEmpty || (whole[0] == '0' && whole.Length > 1) || whole.IndexOfAnyExceptInRange((byte)'0', (byte)'9') >= 0) return false;
        return point < 0 || (point + 1 < s.Length && s[(point + 1)..].IndexOfAnyExceptInRange((byte)'0', (byte)'9') < 0);
    }

    /// <summary>A declaration is replaced at the top level, and in an item whose text it is needed for.</summary>
    private static bool IsConverted(DicomDataset dataset)
    {
        if (dataset.Parent is null) return true;
        foreach (var e in dataset.Elements)
        {
            if (e.Vr.UsesCharacterSet && (e.Value.Span.IndexOfAnyInRange((byte)0x80, (byte)0xFF) >= 0 || e.Value.Span.Contains((byte)0x1B))) return true;
            if (e.Sequence is { } s)
                foreach (var item in s.Items)
                    if (!item.Contains(DicomTags.SpecificCharacterSet) && IsConverted(item)) return true;
        }

        return false;
    }

    private static void Name(Utf8JsonWriter writer, string value)
    {
        var name = PersonName.Parse(value);
        // Delimiters alone name nobody.
        if (value.AsSpan().IndexOfAnyExcept("^= ") < 0)
        {
            writer.WriteNullValue();
            return;
        }

        writer.WriteStartObject();
        if (name.Alphabetic.Length > 0) writer.WriteString("Alphabetic"u8, name.Alphabetic);
        if (name.Ideographic.Length > 0) writer.WriteString("Ideographic"u8, name.Ideographic);
        if (name.Phonetic.Length > 0) writer.WriteString("Phonetic"u8, name.Phonetic);
        writer.WriteEndObject();
    }

    /// <summary>DS and IS are numbers in JSON; digits stay as they are where JSON allows them, and text that is no number stays text.</summary>
    private static void Decimal(Utf8JsonWriter writer, string text)
    {
        if (IsJsonNumber(text)) writer.WriteRawValue(text, skipInputValidation: true);
        else if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var d) && double.IsFinite(d))
        {
            if (d == Math.Floor(d) && Math.Abs(d) < 9e15) writer.WriteNumberValue((long)d);
            else writer.WriteNumberValue(d);
        }
        else writer.WriteStringValue(text);
    }

    private static bool IsJsonNumber(string s)
    {
        var i = s[0] == '-' ? 1 : 0;
        var start = i;
        while (i < s.Length && char.IsAsciiDigit(s[i])) i++;
        if (i == start || (s[start] == '0' && i - start > 1)) return false;
        if (i < s.Length && s[i] == '.')
        {
            var fraction = ++i;
            while (i < s.Length && char.IsAsciiDigit(s[i])) i++;
            if (i == fraction) return false;
        }

        var large = s.Length > 300;
        if (i < s.Length && s[i] is ('e' or 'E'))
        {
            large = true;
            if (++i < s.Length && s[i] is ('+' or '-')) i++;
            var exponent = i;
            while (i < s.Length && char.IsAsciiDigit(s[i])) i++;
            if (i == exponent) return false;
        }

        // What overflows a double could not be read back by others.
        return i == s.Length && (!large || (double.TryParse(s, NumberStyles.Float, CultureInfo.InvariantCulture, out var d) && double.IsFinite(d)));
    }

    private static void Numbers(Utf8JsonWriter writer, Vr vr, ReadOnlySpan<byte> b)
    {
        var size = vr.ValueSize;
        if (b.Length < size) return;
        writer.WriteStartArray("Value"u8);
        Span<byte> tag = stackalloc byte[8];
        for (; b.Length >= size; b = b[size..])
        {
            switch (vr.Code)
            {
                case VrCode.AT:
                    var value = (uint)BinaryPrimitives.ReadUInt16LittleEndian(b) << 16 | BinaryPrimitives.ReadUInt16LittleEndian(b[2..]);
                    value.TryFormat(tag, out _, "X8", CultureInfo.InvariantCulture);
                    writer.WriteStringValue(tag);
                    break;
                case VrCode.US: writer.WriteNumberValue(BinaryPrimitives.ReadUInt16LittleEndian(b)); break;
                case VrCode.SS: writer.WriteNumberValue(BinaryPrimitives.ReadInt16LittleEndian(b)); break;
                case VrCode.UL: writer.WriteNumberValue(BinaryPrimitives.ReadUInt32LittleEndian(b)); break;
                case VrCode.SL: writer.WriteNumberValue(BinaryPrimitives.ReadInt32LittleEndian(b)); break;
                case VrCode.SV: Long(writer, BinaryPrimitives.ReadInt64LittleEndian(b)); break;
                case VrCode.UV: Unsigned(writer, BinaryPrimitives.ReadUInt64LittleEndian(b)); break;
                case VrCode.FL:
                    var f = BinaryPrimitives.ReadSingleLittleEndian(b);
                    if (float.IsFinite(f)) writer.WriteNumberValue(f);
                    else writer.WriteStringValue(f.ToString(CultureInfo.InvariantCulture));
                    break;
                default:
                    var d = BinaryPrimitives.ReadDoubleLittleEndian(b);
                    if (double.IsFinite(d)) writer.WriteNumberValue(d);
                    else writer.WriteStringValue(d.ToString(CultureInfo.InvariantCulture));
                    break;
            }
        }

        writer.WriteEndArray();
    }

    /// <summary>Numbers that a double cannot hold are written as text (PS3.18 F.2.3).</summary>
    private static void Long(Utf8JsonWriter writer, long value)
    {
        if (Math.Abs((double)value) <= 9007199254740991) writer.WriteNumberValue(value);
        else writer.WriteStringValue(value.ToString(CultureInfo.InvariantCulture));
    }

    private static void Unsigned(Utf8JsonWriter writer, ulong value)
    {
        if (value <= 9007199254740991) writer.WriteNumberValue(value);
        else writer.WriteStringValue(value.ToString(CultureInfo.InvariantCulture));
    }
}
