using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Skylight.Benchmarks.Archive.Rival;

/// <summary>What one archive is filled with. All of it is invented; the same numbers give the same bytes.</summary>
internal enum StudyKind
{
    /// <summary>12 KB an instance, ten in two series: what makes an archive count its costs per object.</summary>
    Tiny,

    /// <summary>CT slices of 512 × 512 × 16 bits, 526 KB.</summary>
    Ct,

    /// <summary>One object of 100 such frames, 52 MB.</summary>
    Enhanced,
}

/// <summary>One instance by number: its UIDs, what a search finds it by, and its file.</summary>
internal sealed record SyntheticInstance(StudyKind Kind, int Set, int Study, int Series, int Number)
{
    public string StudyUid => string.Create(CultureInfo.InvariantCulture, $"2.25.7{(int)Kind}{Set:D4}{Study:D8}");

    public string SeriesUid => string.Create(CultureInfo.InvariantCulture, $"{StudyUid}.1{Series:D2}");

    public string SopUid => string.Create(CultureInfo.InvariantCulture, $"{SeriesUid}.1{Number:D5}");

    public string PatientId => string.Create(CultureInfo.InvariantCulture, $"P{(int)Kind}{Set:D4}{Study:D8}");

    public string PatientName => string.Create(CultureInfo.InvariantCulture, $"N{(int)Kind}{Set:D4}{Study:D8}");

    public string Accession => string.Create(CultureInfo.InvariantCulture, $"A{(int)Kind}{Set:D4}{Study:D8}");

    /// <summary>Spread over two years.</summary>
    public string Date => SyntheticStudies.FirstDay.AddDays(Study % 730).ToString("yyyyMMdd", CultureInfo.InvariantCulture);
}

/// <summary>Writes Part 10 files in Explicit VR Little Endian with some forty elements and noise for pixels.</summary>
internal sealed class SyntheticStudies
{
    public static readonly DateOnly FirstDay = new(2024, 1, 1);

    private readonly Dictionary<StudyKind, byte[]> _noise = new()
    {
        [StudyKind.Tiny] = Noise(76 * 76 * 2),
        [StudyKind.Ct] = Noise(512 * 512 * 2),
        [StudyKind.Enhanced] = Noise(512 * 512 * 2 * 100),
    };

    public static int FrameBytes(StudyKind kind) => kind == StudyKind.Tiny ? 76 * 76 * 2 : 512 * 512 * 2;

    public byte[] File(SyntheticInstance instance)
    {
        var noise = _noise[instance.Kind];
        var side = instance.Kind == StudyKind.Tiny ? (ushort)76 : (ushort)512;
        var sopClass = instance.Kind == StudyKind.Enhanced ? "1.2.840.10008.5.1.4.1.1.2.1" : "1.2.840.10008.5.1.4.1.1.2";
        var meta = new Writer();
        meta.Bytes(0x0002_0001, "OB", [0, 1]);
        meta.Text(0x0002_0002, "UI", sopClass);
        meta.Text(0x0002_0003, "UI", instance.SopUid);
        meta.Text(0x0002_0010, "UI", "1.2.840.10008.1.2.1");
        meta.Text(0x0002_0012, "UI", "2.25.314159265358979");
        var file = new Writer(1024 + noise.Length);
        file.Raw(new byte[128]);
        file.Raw("DICM"u8);
        var length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, meta.Length);
        file.Bytes(0x0002_0000, "UL", length);
        file.Raw(meta.Span);
        Dataset(file, instance, sopClass, side);
        var at = file.Bytes(0x7FE0_0010, "OW", noise);
        // Every instance has pixels of its own, so that nothing passes for a duplicate.
        Mark(file.Buffer.AsSpan(at), instance);
        return file.ToArray();
    }

    /// <summary>Whether an answer has the pixels of an instance, whole. Compared in place: to make the file anew for each answer took more time than the server that is measured.</summary>
    public bool Holds(ReadOnlySpan<byte> answer, SyntheticInstance instance)
    {
        ReadOnlySpan<byte> pixels = _noise[instance.Kind];
        Span<byte> start = stackalloc byte[64];
        pixels[..start.Length].CopyTo(start);
        Mark(start, instance);
        var at = answer.IndexOf(start);
        return at >= 0 && answer.Length - at >= pixels.Length && answer.Slice(at, pixels.Length)[start.Length..].SequenceEqual(pixels[start.Length..]);
    }

    private static void Mark(Span<byte> pixels, SyntheticInstance instance) =>
        BinaryPrimitives.WriteInt64LittleEndian(pixels, ((long)instance.Set << 48) | ((long)instance.Study << 20) | (uint)(instance.Series << 16) | (uint)instance.Number);

    private static void Dataset(Writer file, SyntheticInstance instance, string sopClass, ushort side)
    {
        file.Text(0x0008_0005, "CS", "ISO_IR 192");
        file.Text(0x0008_0008, "CS", @"ORIGINAL\PRIMARY\AXIAL");
        file.Text(0x0008_0016, "UI", sopClass);
        file.Text(0x0008_0018, "UI", instance.SopUid);
        file.Text(0x0008_0020, "DA", instance.Date);
        file.Text(0x0008_0021, "DA", instance.Date);
        file.Text(0x0008_0030, "TM", "093000");
        file.Text(0x0008_0050, "SH", instance.Accession);
        file.Text(0x0008_0060, "CS", "CT");
        file.Text(0x0008_0070, "LO", "Example Imaging");
        file.Text(0x0008_0080, "LO", "Example Hospital");
        file.Text(0x0008_0090, "PN", "Referring^Example");
        file.Text(0x0008_1030, "LO", "Chest routine");
        file.Text(0x0008_103E, "LO", "Axial 1 mm");
        file.Text(0x0010_0010, "PN", instance.PatientName);
        file.Text(0x0010_0020, "LO", instance.PatientId);
        file.Text(0x0010_0030, "DA", "19700101");
        file.Text(0x0010_0040, "CS", "F");
        file.Text(0x0018_0015, "CS", "CHEST");
        file.Text(0x0018_0050, "DS", "1.0");
        file.Text(0x0018_0060, "DS", "120");
        file.Text(0x0018_1151, "IS", "250");
        file.Text(0x0018_5100, "CS", "HFS");
        file.Text(0x0020_000D, "UI", instance.StudyUid);
        file.Text(0x0020_000E, "UI", instance.SeriesUid);
        file.Text(0x0020_0010, "SH", "1");
        file.Text(0x0020_0011, "IS", instance.Series.ToString(CultureInfo.InvariantCulture));
        file.Text(0x0020_0013, "IS", instance.Number.ToString(CultureInfo.InvariantCulture));
        file.Text(0x0020_0032, "DS", string.Create(CultureInfo.InvariantCulture, $@"-150\-150\{instance.Number}"));
        file.Text(0x0020_0037, "DS", @"1\0\0\0\1\0");
        file.Text(0x0020_0052, "UI", instance.StudyUid + ".9");
        file.Short(0x0028_0002, 1);
        file.Text(0x0028_0004, "CS", "MONOCHROME2");
        if (instance.Kind == StudyKind.Enhanced) file.Text(0x0028_0008, "IS", "100");
        file.Short(0x0028_0010, side);
        file.Short(0x0028_0011, side);
        file.Text(0x0028_0030, "DS", @"0.7\0.7");
        file.Short(0x0028_0100, 16);
        file.Short(0x0028_0101, 16);
        file.Short(0x0028_0102, 15);
        file.Short(0x0028_0103, 0);
        file.Text(0x0028_1050, "DS", "40");
        file.Text(0x0028_1051, "DS", "400");
        file.Text(0x0028_1052, "DS", "0");
        file.Text(0x0028_1053, "DS", "1");
    }

    private static byte[] Noise(int count)
    {
        var bytes = new byte[count];
        var state = 0x9E3779B97F4A7C15UL;
        for (var at = 0; at + 8 <= count; at += 8)
        {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(at), state & 0x0FFF_0FFF_0FFF_0FFFUL);
        }

        return bytes;
    }

    private sealed class Writer(int capacity = 256)
    {
        private byte[] _buffer = new byte[capacity + 4096];

        public int Length { get; private set; }

        public byte[] Buffer => _buffer;

        public ReadOnlySpan<byte> Span => _buffer.AsSpan(0, Length);

        public byte[] ToArray() => Span.ToArray();

        public void Raw(ReadOnlySpan<byte> bytes)
        {
            if (Length + bytes.Length > _buffer.Length) Array.Resize(ref _buffer, (Length + bytes.Length) * 2);
            bytes.CopyTo(_buffer.AsSpan(Length));
            Length += bytes.Length;
        }

        public void Text(uint tag, string vr, string value)
        {
            var bytes = Encoding.ASCII.GetBytes(value);
            Bytes(tag, vr, bytes.Length % 2 == 0 ? bytes : [.. bytes, vr == "UI" ? (byte)0 : (byte)' ']);
        }

        public void Short(uint tag, ushort value)
        {
            var bytes = new byte[2];
            BinaryPrimitives.WriteUInt16LittleEndian(bytes, value);
            Bytes(tag, "US", bytes);
        }

        /// <summary>Answers where the value begins.</summary>
        public int Bytes(uint tag, string vr, ReadOnlySpan<byte> value)
        {
            Span<byte> head = stackalloc byte[12];
            BinaryPrimitives.WriteUInt16LittleEndian(head, (ushort)(tag >> 16));
            BinaryPrimitives.WriteUInt16LittleEndian(head[2..], (ushort)tag);
            head[4] = (byte)vr[0];
            head[5] = (byte)vr[1];
            var isLong = vr is "OB" or "OW";
            if (isLong)
            {
                head[6..8].Clear();
                BinaryPrimitives.WriteInt32LittleEndian(head[8..], value.Length);
            }
            else
            {
                BinaryPrimitives.WriteUInt16LittleEndian(head[6..], (ushort)value.Length);
            }

            Raw(head[..(isLong ? 12 : 8)]);
            var at = Length;
            Raw(value);
            return at;
        }
    }
}
