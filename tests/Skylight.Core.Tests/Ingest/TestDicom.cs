using System.Buffers.Binary;
using System.Text;

namespace Skylight.Core.Tests.Ingest;

/// <summary>Writes small Part 10 files byte by byte, so that these tests do not lean on the library's own writer.</summary>
internal sealed class TestDicom
{
    private const string ExplicitLittle = "1.2.840.10008.1.2.1";
    private readonly SortedDictionary<uint, (string Vr, byte[] Value)> _elements = [];

    public string Syntax { get; set; } = ExplicitLittle;

    public bool Preamble { get; set; } = true;

    public byte[]? Pixels { get; set; } = [1, 2, 3, 4];

    public static TestDicom Ct(string study = "1.2.3", string series = "1.2.3.1", string sop = "1.2.3.1.1", string patient = "P1", string name = "Zhang^San") => new TestDicom()
        .Set(0x00080005, "CS", "ISO_IR 192").Set(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2").Set(0x00080018, "UI", sop)
        .Set(0x00080020, "DA", "20260301").Set(0x00080030, "TM", "093000").Set(0x00080050, "SH", "ACC1").Set(0x00080060, "CS", "CT").Set(0x00081030, "LO", "Chest")
        .Set(0x00100010, "PN", name).Set(0x00100020, "LO", patient).Set(0x00100030, "DA", "19700101").Set(0x00100040, "CS", "M")
        .Set(0x0020000D, "UI", study).Set(0x0020000E, "UI", series).Set(0x00200010, "SH", "S1").Set(0x00200013, "IS", "7")
        .Us(0x00280002, 1).Set(0x00280004, "CS", "MONOCHROME2").Us(0x00280010, 2).Us(0x00280011, 2).Us(0x00280100, 8).Us(0x00280101, 8).Us(0x00280102, 7).Us(0x00280103, 0);

    public TestDicom Set(uint tag, string vr, string value)
    {
        var bytes = Encoding.UTF8.GetBytes(value);
        if (bytes.Length % 2 != 0) bytes = [.. bytes, vr == "UI" ? (byte)0 : (byte)' '];
        _elements[tag] = (vr, bytes);
        return this;
    }

    public TestDicom Us(uint tag, ushort value)
    {
        _elements[tag] = ("US", BitConverter.GetBytes(value));
        return this;
    }

    public TestDicom Remove(uint tag)
    {
        _elements.Remove(tag);
        return this;
    }

    public TestDicom With(Action<TestDicom> change)
    {
        change(this);
        return this;
    }

    public byte[] ToBytes()
    {
        using var file = new MemoryStream();
        if (Preamble)
        {
            file.Write(new byte[128]);
            file.Write("DICM"u8);
            using var meta = new MemoryStream();
            Write(meta, 0x00020001, "OB", [0, 1]);
            Write(meta, 0x00020002, "UI", Uid(_elements.TryGetValue(0x00080016, out var c) ? c.Value : []));
            Write(meta, 0x00020003, "UI", Uid(_elements.TryGetValue(0x00080018, out var i) ? i.Value : []));
            Write(meta, 0x00020010, "UI", Uid(Encoding.ASCII.GetBytes(Syntax)));
            Write(meta, 0x00020012, "UI", Uid("1.2.3.99"u8.ToArray()));
            Write(file, 0x00020000, "UL", BitConverter.GetBytes((uint)meta.Length));
            meta.WriteTo(file);
        }

        foreach (var (tag, (vr, value)) in _elements) Write(file, tag, vr, value);
        if (Pixels is { } pixels) Write(file, 0x7FE00010, "OW", pixels.Length % 2 == 0 ? pixels : [.. pixels, 0]);
        return file.ToArray();
    }

    public MemoryStream ToStream() => new(ToBytes());

    private static byte[] Uid(byte[] value) => value.Length % 2 == 0 ? value : [.. value, 0];

    private static void Write(MemoryStream file, uint tag, string vr, byte[] value)
    {
        Span<byte> head = stackalloc byte[12];
        BinaryPrimitives.WriteUInt16LittleEndian(head, (ushort)(tag >> 16));
        BinaryPrimitives.WriteUInt16LittleEndian(head[2..], (ushort)tag);
        Encoding.ASCII.GetBytes(vr, head[4..]);
        if (vr is "OB" or "OW" or "SQ" or "UN" or "UT")
        {
            BinaryPrimitives.WriteUInt16LittleEndian(head[6..], 0);
            BinaryPrimitives.WriteUInt32LittleEndian(head[8..], (uint)value.Length);
            file.Write(head);
        }
        else
        {
            BinaryPrimitives.WriteUInt16LittleEndian(head[6..], (ushort)value.Length);
            file.Write(head[..8]);
        }

        file.Write(value);
    }
}
