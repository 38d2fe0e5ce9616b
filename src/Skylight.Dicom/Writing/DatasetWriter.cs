using System.Buffers;
using System.Buffers.Binary;

namespace Skylight.Dicom;

/// <summary>Writes elements in one of the uncompressed forms: implicit or explicit, little or big endian.</summary>
internal readonly struct DatasetWriter(IBufferWriter<byte> output, bool isExplicit, bool isBig, WriteOptions options)
{
    public void Write(DicomDataset dataset)
    {
        foreach (var e in dataset.Elements)
            if (Keeps(in e)) Write(in e);
    }

    /// <summary>Header of an element; a value too long for a short form is written as UN (PS3.5 6.2.2).</summary>
    public void Header(DicomTag tag, Vr vr, uint length)
    {
        if (!isExplicit)
        {
            var h = output.GetSpan(8);
            Put(h, tag);
            Put(h[4..], length);
            output.Advance(8);
            return;
        }

        if (!vr.HasLongLength && length > 0xFFFE) vr = Vr.UN;
        var b = output.GetSpan(12);
        Put(b, tag);
        b[4] = (byte)(vr.Code >> 8);
        b[5] = (byte)vr.Code;
        if (vr.HasLongLength)
        {
            b[6] = b[7] = 0;
            Put(b[8..], length);
            output.Advance(12);
        }
        else
        {
            if (isBig) BinaryPrimitives.WriteUInt16BigEndian(b[6..], (ushort)length);
            else BinaryPrimitives.WriteUInt16LittleEndian(b[6..], (ushort)length);
            output.Advance(8);
        }
    }

    /// <summary>Item or delimiter: eight bytes in every form.</summary>
    public void Mark(DicomTag tag, uint length)
    {
        var b = output.GetSpan(8);
        Put(b, tag);
        Put(b[4..], length);
        output.Advance(8);
    }

    public void Bytes(ReadOnlySpan<byte> bytes) => output.Write(bytes);

    private void Write(in DicomElement e)
    {
        if (e.Sequence is { } sequence)
        {
            Sequence(in e, sequence);
            return;
        }

        if (e.Fragments is { } fragments)
        {
            Header(e.Tag, e.DeclaredVr.Code == VrCode.OW ? Vr.OW : Vr.OB, ElementHeader.Undefined);
            Fragment(fragments.OffsetTable.Span);
            foreach (var f in fragments.Fragments) Fragment(f.Span);
            Mark(DicomTags.SequenceDelimitationItem, 0);
            return;
        }

        if (e.Content is not null) throw new ArgumentException($"The value of {e.Tag} is not in memory.");
        var vr = isExplicit ? e.DeclaredVr : e.Vr;
        var value = e.Value.Span;
        var padded = (value.Length & 1) != 0 && !options.KeepEverything;
        var length = (uint)value.Length + (padded ? 1u : 0);
        Header(e.Tag, vr, length);
        if (isBig && vr.SwapUnit > 1 && vr.Code != VrCode.UN && !(!vr.HasLongLength && length > 0xFFFE)) Swapped(value, vr.SwapUnit);
        else output.Write(value);
        if (padded) output.Write((ReadOnlySpan<byte>)[e.Vr.Padding]);
    }

    private void Sequence(in DicomElement e, DicomSequence sequence)
    {
        // Written as read, a sequence that was UN stays so, and is Implicit VR Little Endian inside (PS3.5 6.2.2).
        var unknown = isExplicit && options.KeepEverything && e.DeclaredVr.Code == VrCode.UN;
        var inner = unknown ? new DatasetWriter(output, false, false, options) : this;
        var undefined = Undefined(sequence.HasUndefinedLength);
        Header(e.Tag, unknown ? Vr.UN : Vr.SQ, undefined ? ElementHeader.Undefined : inner.Length(sequence));
        foreach (var item in sequence.Items)
        {
            var open = Undefined(item.HasUndefinedLength);
            inner.Mark(DicomTags.Item, open ? ElementHeader.Undefined : inner.Length(item));
            inner.Write(item);
            if (open) inner.Mark(DicomTags.ItemDelimitationItem, 0);
        }

        if (undefined) inner.Mark(DicomTags.SequenceDelimitationItem, 0);
    }

    private bool Undefined(bool asRead) => options.Lengths switch
    {
        LengthEncoding.Undefined => true,
        LengthEncoding.Defined => false,
        _ => asRead,
    };

    private bool Keeps(in DicomElement e) => options.KeepEverything || !e.Tag.IsGroupLength || e.Vr.Code == VrCode.SQ;

    private uint Length(DicomSequence sequence)
    {
        long length = 0;
        foreach (var item in sequence.Items) length += 8L + Length(item) + (Undefined(item.HasUndefinedLength) ? 8 : 0);
        return Checked(length);
    }

    private uint Length(DicomDataset dataset)
    {
        long length = 0;
        foreach (var e in dataset.Elements)
        {
            if (!Keeps(in e)) continue;
            if (e.Sequence is { } s)
            {
                var unknown = isExplicit && options.KeepEverything && e.DeclaredVr.Code == VrCode.UN;
                var inner = unknown ? new DatasetWriter(output, false, false, options) : this;
                length += (isExplicit ? 12 : 8) + inner.Length(s) + (Undefined(s.HasUndefinedLength) ? 8 : 0);
            }
            else if (e.Fragments is { } f) length += (isExplicit ? 12 : 8) + 8 + f.OffsetTable.Length + f.Fragments.Sum(x => 8L + x.Length) + 8;
            else
            {
                var size = (long)e.Value.Length;
                if (!options.KeepEverything) size += size & 1;
                length += size + (isExplicit && (e.DeclaredVr.HasLongLength || size > 0xFFFE) ? 12 : 8);
            }
        }

        return Checked(length);
    }

    private static uint Checked(long length) =>
        length < ElementHeader.Undefined ? (uint)length : throw new ArgumentException("A sequence is too long for a length; write it with delimiters.");

    private void Fragment(ReadOnlySpan<byte> bytes)
    {
        var padded = (bytes.Length & 1) != 0 && !options.KeepEverything;
        Mark(DicomTags.Item, (uint)bytes.Length + (padded ? 1u : 0));
        output.Write(bytes);
        if (padded) output.Write((ReadOnlySpan<byte>)[0]);
    }

    private void Swapped(ReadOnlySpan<byte> value, int unit)
    {
        while (!value.IsEmpty)
        {
            var n = Math.Min(value.Length, 4096);
            var span = output.GetSpan(n)[..n];
            value[..n].CopyTo(span);
            ByteOrder.Swap(span, unit);
            output.Advance(n);
            value = value[n..];
        }
    }

    private void Put(Span<byte> b, DicomTag tag)
    {
        if (isBig)
        {
            BinaryPrimitives.WriteUInt16BigEndian(b, tag.Group);
            BinaryPrimitives.WriteUInt16BigEndian(b[2..], tag.Element);
        }
        else
        {
            BinaryPrimitives.WriteUInt16LittleEndian(b, tag.Group);
            BinaryPrimitives.WriteUInt16LittleEndian(b[2..], tag.Element);
        }
    }

    private void Put(Span<byte> b, uint value)
    {
        if (isBig) BinaryPrimitives.WriteUInt32BigEndian(b, value);
        else BinaryPrimitives.WriteUInt32LittleEndian(b, value);
    }
}
