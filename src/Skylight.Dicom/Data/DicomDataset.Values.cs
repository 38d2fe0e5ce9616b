using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Skylight.Dicom;

/// <summary>Values as .NET types. Absent, empty and unreadable are null or an empty list, never an exception.</summary>
public sealed partial class DicomDataset
{
    /// <summary>The first value as text without padding; null when absent or empty. LT, ST, UT and UR have one value. Numbers are written out.</summary>
    public string? GetString(DicomTag tag)
    {
        if (!TryGet(tag, out var e) || e.Value.IsEmpty) return null;
        if (e.Vr.IsMultiText && e.Value.Span.IndexOf((byte)'\\') >= 0 || !e.Vr.IsText) return GetStrings(tag) is [var first, ..] && first.Length > 0 ? first : null;
        var text = DicomText.Read(e.Vr, e.Value.Span, CharacterSet);
        return text.Length == 0 ? null : text;
    }

    /// <summary>Every value as text without padding; empty values in between stay as "".</summary>
    public IReadOnlyList<string> GetStrings(DicomTag tag)
    {
        if (!TryGet(tag, out var e) || e.Value.IsEmpty) return [];
        if (e.Vr.IsText) return DicomText.ReadAll(e.Vr, e.Value.Span, CharacterSet);
        if (e.Vr.Code == VrCode.UN) return DicomText.ReadAll(Vr.LO, e.Value.Span, CharacterSet);
        if (e.Vr.Code == VrCode.AT)
            return [.. Enumerable.Range(0, e.Value.Length / 4).Select(i => TagAt(e.Value.Span, i).ToHex())];
        if (!e.Vr.IsBinaryNumber) return [];
        var numbers = new string[e.Value.Length / e.Vr.ValueSize];
        for (var i = 0; i < numbers.Length; i++)
            numbers[i] = e.Vr.Code == VrCode.FL ? BinaryPrimitives.ReadSingleLittleEndian(e.Value.Span[(i * 4)..]).ToString("R", CultureInfo.InvariantCulture)
                : e.Vr.Code == VrCode.FD ? BinaryPrimitives.ReadDoubleLittleEndian(e.Value.Span[(i * 8)..]).ToString("R", CultureInfo.InvariantCulture)
                : e.Vr.Code == VrCode.UV ? BinaryPrimitives.ReadUInt64LittleEndian(e.Value.Span[(i * 8)..]).ToString(CultureInfo.InvariantCulture)
                : Integer(e.Vr, e.Value.Span, i).ToString(CultureInfo.InvariantCulture);
        return numbers;
    }

    /// <summary>The first value of IS, DS (when integral) or a binary integer.</summary>
    public int? GetInt32(DicomTag tag) => GetInt64(tag) is { } v and >= int.MinValue and <= int.MaxValue ? (int)v : null;

    /// <summary>The first value of IS, DS (when integral) or a binary integer.</summary>
    public long? GetInt64(DicomTag tag)
    {
        if (!TryGet(tag, out var e) || e.Value.IsEmpty) return null;
        if (e.Vr.IsBinaryNumber && e.Vr.Code is not (VrCode.FL or VrCode.FD))
            return e.Value.Length >= e.Vr.ValueSize ? Integer(e.Vr, e.Value.Span, 0) : null;
        if (GetDouble(tag) is not { } d || d != Math.Floor(d) || Math.Abs(d) > 9e15) return null;
        return (long)d;
    }

    /// <summary>The first value of DS, IS or a binary number.</summary>
    public double? GetDouble(DicomTag tag) => GetDoubles(tag) is [var first, ..] ? first : null;

    /// <summary>Every value of DS, IS or a binary number; empty when one of them cannot be read.</summary>
    public IReadOnlyList<double> GetDoubles(DicomTag tag)
    {
        if (!TryGet(tag, out var e) || e.Value.IsEmpty) return [];
        var bytes = e.Value.Span;
        if (!e.Vr.IsBinaryNumber)
        {
            var texts = GetStrings(tag);
            var parsed = new double[texts.Count];
            for (var i = 0; i < parsed.Length; i++)
                if (!double.TryParse(texts[i], NumberStyles.Float, CultureInfo.InvariantCulture, out parsed[i]) || !double.IsFinite(parsed[i])) return [];
            return parsed;
        }

        var values = new double[bytes.Length / e.Vr.ValueSize];
        for (var i = 0; i < values.Length; i++)
            values[i] = e.Vr.Code switch
            {
                VrCode.FL => BinaryPrimitives.ReadSingleLittleEndian(bytes[(i * 4)..]),
                VrCode.FD => BinaryPrimitives.ReadDoubleLittleEndian(bytes[(i * 8)..]),
                VrCode.UV => BinaryPrimitives.ReadUInt64LittleEndian(bytes[(i * 8)..]),
                _ => Integer(e.Vr, bytes, i),
            };
        return values;
    }

    /// <summary>The tags of an AT element.</summary>
    public IReadOnlyList<DicomTag> GetTags(DicomTag tag) =>
        TryGet(tag, out var e) && e.Vr.Code == VrCode.AT ? [.. Enumerable.Range(0, e.Value.Length / 4).Select(i => TagAt(e.Value.Span, i))] : [];

    /// <summary>The stored bytes, padding included; empty when absent or not a plain value.</summary>
    public ReadOnlyMemory<byte> GetBytes(DicomTag tag) => TryGet(tag, out var e) ? e.Value : default;

    /// <summary>The items of a sequence; empty when absent.</summary>
    public IReadOnlyList<DicomDataset> GetItems(DicomTag tag) => TryGet(tag, out var e) && e.Sequence is { } s ? s.Items : [];

    /// <summary>The first value of a PN element in its three groups; null when absent or empty.</summary>
    public PersonName? GetPersonName(DicomTag tag) => GetPersonNames(tag) is [var first, ..] && !first.IsEmpty ? first : null;

    /// <summary>Every value of a PN element.</summary>
    public IReadOnlyList<PersonName> GetPersonNames(DicomTag tag) => [.. GetStrings(tag).Select(PersonName.Parse)];

    /// <summary>Sets text values; the representation comes from the dictionary. Latin letters only, unless the dataset declares a character set that holds the text.</summary>
    public DicomDataset Set(DicomTag tag, params string[] values) => Set(tag, DicomDictionary.VrOf(tag), values);

    /// <summary>Sets text values with a representation of the caller's choice (private elements). Numbers are parsed for binary representations.</summary>
    public DicomDataset Set(DicomTag tag, Vr vr, params string[] values)
    {
        if (vr.IsBinaryNumber) return Set(tag, vr, [.. values.Select(v => double.Parse(v, CultureInfo.InvariantCulture))]);
        if (!vr.IsText) throw new ArgumentException($"{tag} is {vr}, not text.", nameof(vr));
        var set = vr.UsesCharacterSet ? CharacterSet : CharacterSet.Default;
        var bytes = new List<byte>();
        for (var i = 0; i < values.Length; i++)
        {
            if (i > 0) bytes.Add((byte)'\\');
            bytes.AddRange(set.Encode(values[i], vr));
        }

        if ((bytes.Count & 1) != 0) bytes.Add(vr.Padding);
        return Set(new DicomElement(tag, vr, bytes.ToArray()));
    }

    /// <summary>Sets numbers of a binary, DS or IS element; the representation comes from the dictionary.</summary>
    public DicomDataset Set(DicomTag tag, params double[] values) => Set(tag, DicomDictionary.VrOf(tag), values);

    /// <summary>Sets numbers of a binary, DS or IS element.</summary>
    public DicomDataset Set(DicomTag tag, Vr vr, params double[] values)
    {
        if (vr.IsText) return Set(tag, vr, [.. values.Select(v => Decimal(vr, v))]);
        if (!vr.IsBinaryNumber) throw new ArgumentException($"{tag} is {vr}, not a number.", nameof(vr));
        var bytes = new byte[values.Length * vr.ValueSize];
        for (var i = 0; i < values.Length; i++) Put(bytes.AsSpan(i * vr.ValueSize), vr, values[i]);
        return Set(new DicomElement(tag, vr, bytes));
    }

    /// <summary>Sets bytes as they are (little endian for words), padded to an even length.</summary>
    public DicomDataset Set(DicomTag tag, Vr vr, ReadOnlyMemory<byte> bytes)
    {
        if ((bytes.Length & 1) == 0) return Set(new DicomElement(tag, vr, bytes));
        var padded = new byte[bytes.Length + 1];
        bytes.CopyTo(padded);
        padded[^1] = vr.Padding;
        return Set(new DicomElement(tag, vr, padded));
    }

    /// <summary>Sets a sequence. The items become part of this dataset.</summary>
    public DicomDataset Set(DicomTag tag, params DicomDataset[] items) => Set(new DicomElement(tag, Vr.SQ, Vr.SQ, default, new DicomSequence(items)));

    /// <summary>Sets encapsulated pixel data; a fragment of odd length must already be padded by its codec's rule.</summary>
    public DicomDataset Set(DicomTag tag, DicomFragments fragments) => Set(new DicomElement(tag, Vr.OB, Vr.OB, default, fragments));

    private static long Integer(Vr vr, ReadOnlySpan<byte> b, int index) => vr.Code switch
    {
        VrCode.US => BinaryPrimitives.ReadUInt16LittleEndian(b[(index * 2)..]),
        VrCode.SS => BinaryPrimitives.ReadInt16LittleEndian(b[(index * 2)..]),
        VrCode.UL => BinaryPrimitives.ReadUInt32LittleEndian(b[(index * 4)..]),
        VrCode.SL => BinaryPrimitives.ReadInt32LittleEndian(b[(index * 4)..]),
        VrCode.AT => TagAt(b, index).Value,
        _ => BinaryPrimitives.ReadInt64LittleEndian(b[(index * 8)..]),
    };

    private static DicomTag TagAt(ReadOnlySpan<byte> b, int index) =>
        new(BinaryPrimitives.ReadUInt16LittleEndian(b[(index * 4)..]), BinaryPrimitives.ReadUInt16LittleEndian(b[(index * 4 + 2)..]));

    private static void Put(Span<byte> b, Vr vr, double value)
    {
        switch (vr.Code)
        {
            case VrCode.US: BinaryPrimitives.WriteUInt16LittleEndian(b, checked((ushort)value)); break;
            case VrCode.SS: BinaryPrimitives.WriteInt16LittleEndian(b, checked((short)value)); break;
            case VrCode.UL: BinaryPrimitives.WriteUInt32LittleEndian(b, checked((uint)value)); break;
            case VrCode.SL: BinaryPrimitives.WriteInt32LittleEndian(b, checked((int)value)); break;
            case VrCode.UV: BinaryPrimitives.WriteUInt64LittleEndian(b, checked((ulong)value)); break;
            case VrCode.SV: BinaryPrimitives.WriteInt64LittleEndian(b, checked((long)value)); break;
            case VrCode.FL: BinaryPrimitives.WriteSingleLittleEndian(b, (float)value); break;
            case VrCode.FD: BinaryPrimitives.WriteDoubleLittleEndian(b, value); break;
            default:
                BinaryPrimitives.WriteUInt16LittleEndian(b, (ushort)((uint)value >> 16));
                BinaryPrimitives.WriteUInt16LittleEndian(b[2..], (ushort)(uint)value);
                break;
        }
    }

    /// <summary>DS holds 16 characters: as many digits as fit.</summary>
    private static string Decimal(Vr vr, double value)
    {
        if (vr.Code == VrCode.IS) return checked((int)value).ToString(CultureInfo.InvariantCulture);
        var text = value.ToString("R", CultureInfo.InvariantCulture);
        for (var digits = 15; text.Length > 16 && digits > 0; digits--)
            text = value.ToString("G" + digits.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        return text;
    }
}
