using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Skylight.Dicom;

namespace Skylight.Fuzz.Targets;

/// <summary>Mutations that know where elements begin: lengths, representations, tags, whole elements, nesting, syntaxes and character sets.</summary>
internal static class DicomMutator
{
    private static readonly string[] s_sets = ["", "ISO_IR 100", "ISO_IR 192", "GB18030", "GBK", @"\ISO 2022 IR 87", @"\ISO 2022 IR 149", @"\ISO 2022 IR 58", @"ISO 2022 IR 13\ISO 2022 IR 87", @"ISO_IR 192\ISO 2022 IR 87", "NONSENSE"];

    private static readonly string[] s_syntaxes = ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.102", "1.2.3.4", ""];

    private static readonly uint[] s_tags = [0x00080005, 0x00080018, 0x00020010, 0x00020000, 0x7FE00010, 0x7FE00001, 0x7FE00008, 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD, 0x00290010, 0x00291001, 0x00280008, 0x00280010, 0x00280100, 0x00280103, 0x00041220, 0xFFFCFFFC, 0x00000000, 0x0008FFFF];

    public static IReadOnlyList<byte[]> Tokens { get; } =
    [
        .. Names().Select(n => Encoding.ASCII.GetBytes(n)), [0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF], [0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0], [0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0], [0xFF, 0xFE, 0xE0, 0x00, 0, 0, 0, 8],
        [0xE0, 0x7F, 0x10, 0x00, (byte)'O', (byte)'W', 0, 0], [0x1B, 0x24, 0x42], [0x1B, 0x28, 0x42], [0x1B, 0x24, 0x29, 0x43], [0x1B, 0x2D, 0x41], "DICM"u8.ToArray(), [0x78, 0x9C],
    ];

    public static byte[]? Mutate(byte[] input, Random random)
    {
        var index = Index(input);
        if (index.Count == 0) return null;
        if (index[^1].Inflated) return Inside(input, random);
        var bytes = input.ToArray();
        var (at, value, length, _) = index[random.Next(index.Count)];
        var end = (int)Math.Min(bytes.Length, value + Math.Min(length, int.MaxValue / 2));
        switch (random.Next(12))
        {
            case 0:
            case 1:
                Length(bytes, at, value, length, random);
                return bytes;
            case 2:
                if (at + 6 <= bytes.Length) Encoding.ASCII.GetBytes(Names().ElementAt(random.Next(34)), bytes.AsSpan(at + 4));
                return bytes;
            case 3:
                BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at), Swap(s_tags[random.Next(s_tags.Length)]));
                return bytes;
            case 4:
                return end > at ? [.. bytes[..at], .. bytes[end..]] : bytes;
            case 5:
                return end > at ? [.. bytes[..end], .. bytes[at..]] : bytes;
            case 6:
                var (other, otherValue, otherLength, _) = index[random.Next(index.Count)];
                var otherEnd = (int)Math.Min(bytes.Length, otherValue + Math.Min(otherLength, int.MaxValue / 2));
                return otherEnd > other ? [.. bytes[..at], .. bytes[other..otherEnd], .. bytes[at..]] : bytes;
            case 7:
                return Nested(bytes, at, random);
            case 8:
                return Text(bytes, index, 0x00080005, s_sets[random.Next(s_sets.Length)], random) ?? bytes;
            case 9:
                return Text(bytes, index, 0x00020010, s_syntaxes[random.Next(s_syntaxes.Length)], random) ?? bytes;
            case 10:
                if (end > value) random.NextBytes(bytes.AsSpan(value, Math.Min(end - value, 64)));
                return bytes;
            default:
                return bytes[..random.Next(at, Math.Min(bytes.Length, value + 4) + 1)];
        }
    }

    private static uint Swap(uint tag) => tag >> 16 | tag << 16;

    private static void Length(byte[] bytes, int at, int value, uint length, Random random)
    {
        var rest = (uint)(bytes.Length - value);
        uint[] choices = [0, 1, 2, 3, 8, length + 1, length + 2, length - 1, rest, rest + 1, rest - 1, 0xFFFF, 0xFFFE, 0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF, 0x40000000];
        var chosen = choices[random.Next(choices.Length)];
        // The length lies in the two or four bytes before the value; which, the form of the header tells.
        if (value - at == 8 && at + 6 <= bytes.Length && char.IsAsciiLetterUpper((char)bytes[at + 4])) BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(value - 2), (ushort)chosen);
        else if (value - 4 >= 0 && value <= bytes.Length) BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(value - 4), chosen);
    }

    /// <summary>Opens many sequences within each other, closed or not.</summary>
    private static byte[] Nested(byte[] bytes, int at, Random random)
    {
        var depth = 1 << random.Next(9);
        var inner = new List<byte>();
        var isExplicit = random.Next(2) == 0;
        for (var i = 0; i < depth; i++)
        {
            inner.AddRange((byte[])[0x40, 0, 0x30, 0xA7]);
            if (isExplicit) inner.AddRange((byte[])[(byte)'S', (byte)'Q', 0, 0]);
            inner.AddRange((byte[])[0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF]);
        }

        if (random.Next(2) == 0)
            for (var i = 0; i < depth; i++) inner.AddRange((byte[])[0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0, 0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
        return [.. bytes[..at], .. inner, .. bytes[at..]];
    }

    /// <summary>Another value for a text element, with the length that it then has, mostly.</summary>
    private static byte[]? Text(byte[] bytes, List<(int At, int Value, uint Length, bool Inflated)> index, uint tag, string text, Random random)
    {
        foreach (var (at, value, length, _) in index)
        {
            if (BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at)) != Swap(tag) || value + length > bytes.Length) continue;
            if ((text.Length & 1) != 0) text += random.Next(2) == 0 ? " " : "\0";
            byte[] changed = [.. bytes[..value], .. Encoding.ASCII.GetBytes(text), .. bytes[(value + (int)length)..]];
            if (random.Next(8) > 0) changed[value - (char.IsAsciiLetterUpper((char)bytes[at + 4]) ? 2 : 4)] = (byte)text.Length;
            return changed;
        }

        return null;
    }

    /// <summary>Changes what is deflated, not the deflated bytes.</summary>
    private static byte[]? Inside(byte[] input, Random random)
    {
        try
        {
            var start = (int)DicomFile.Read(input, new ReadOptions { AllowTruncated = true, MaxDatasetBytes = 1 << 20 }).DatasetOffset;
            using var inflate = new DeflateStream(new MemoryStream(input, start, input.Length - start), CompressionMode.Decompress);
            var plain = new byte[1 << 16];
            var n = inflate.ReadAtLeast(plain, plain.Length, throwOnEndOfStream: false);
            var changed = Mutator.Mutate(plain[..n], random, Tokens, [plain[..n]]);
            using var packed = new MemoryStream();
            using (var deflate = new DeflateStream(packed, CompressionLevel.Fastest, leaveOpen: true)) deflate.Write(changed);
            return [.. input[..start], .. packed.ToArray()];
        }
        catch (Exception e) when (e is DicomFormatException or InvalidDataException)
        {
            return null;
        }
    }

    private static List<(int At, int Value, uint Length, bool Inflated)> Index(byte[] input)
    {
        var places = new Places();
        using var reader = new DicomReader(places, new ReadOptions { AllowTruncated = true, MaxDepth = 16, MaxWholeValueBytes = 1 << 20 });
        try
        {
            reader.Append(input);
            reader.Complete();
        }
        catch (DicomFormatException)
        {
            // What was found until then is enough.
        }

        places.List.RemoveAll(p => p.Value > input.Length || p.At + 8 > input.Length);
        if (reader.Syntax is { IsDeflated: true } && places.List.Count > 0) places.List[^1] = places.List[^1] with { Inflated = true };
        return places.List;
    }

    private static IEnumerable<string> Names() =>
    [
        "AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "OB", "OD", "OF", "OL", "OV", "OW", "PN", "SH", "SL", "SQ", "SS", "ST", "SV", "TM", "UC", "UI", "UL", "UN", "UR", "US", "UT", "UV",
    ];

    private sealed class Places : DicomEvents
    {
        public List<(int At, int Value, uint Length, bool Inflated)> List { get; } = [];

        public override ValueHandling OnElement(in ElementHeader e)
        {
            if (e.ValuePosition < int.MaxValue) List.Add(((int)e.Position, (int)e.ValuePosition, e.Length, false));
            return ValueHandling.Skip;
        }
    }
}
