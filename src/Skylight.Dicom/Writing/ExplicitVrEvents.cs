using System.Buffers;

namespace Skylight.Dicom;

/// <summary>Writes what a reader sees as Explicit VR Little Endian, with delimiters because lengths are not known in advance.</summary>
internal sealed class ExplicitVrEvents(IBufferWriter<byte> output) : DicomEvents
{
    private readonly DatasetWriter _writer = new(output, true, false, WriteOptions.Default);
    private bool _signed;

    public override ValueHandling OnElement(in ElementHeader e)
    {
        // Group lengths would be wrong now (retired, PS3.5 7.2).
        if (e.Tag.IsGroupLength && e.Vr.Code != VrCode.SQ) return ValueHandling.Skip;
        if (e.Vr.Code == VrCode.SQ || e.IsUndefinedLength) return ValueHandling.Stream;
        _writer.Header(e.Tag, Representation(in e), e.Length + (e.Length & 1));
        return e.Tag == DicomTags.PixelRepresentation && e.Length == 2 ? ValueHandling.Whole : ValueHandling.Stream;
    }

    public override void OnValue(in ElementHeader e, ReadOnlySpan<byte> value)
    {
        if (e.Depth == 0) _signed = value[0] == 1;
        _writer.Bytes(value);
    }

    public override void OnChunk(in ElementHeader e, ReadOnlySpan<byte> bytes) => _writer.Bytes(bytes);

    public override void OnValueEnd(in ElementHeader e)
    {
        if ((e.Length & 1) != 0) _writer.Bytes([e.Vr.Padding]);
    }

    public override void OnSequenceStart(in ElementHeader e) => _writer.Header(e.Tag, Vr.SQ, ElementHeader.Undefined);

    public override void OnItemStart(long position, uint length) => _writer.Mark(DicomTags.Item, ElementHeader.Undefined);

    public override void OnItemEnd() => _writer.Mark(DicomTags.ItemDelimitationItem, 0);

    public override void OnSequenceEnd() => _writer.Mark(DicomTags.SequenceDelimitationItem, 0);

    public override void OnFragmentsStart(in ElementHeader e) => _writer.Header(e.Tag, Vr.OB, ElementHeader.Undefined);

    public override void OnFragment(int index, long position, uint length) => _writer.Mark(DicomTags.Item, length);

    public override void OnFragmentChunk(ReadOnlySpan<byte> bytes) => _writer.Bytes(bytes);

    public override void OnFragmentsEnd() => _writer.Mark(DicomTags.SequenceDelimitationItem, 0);

    /// <summary>Implicit VR leaves "US or SS" open: the pixel representation decides.</summary>
    private Vr Representation(in ElementHeader e)
    {
        if (e.DeclaredVr.Code != 0) return e.DeclaredVr;
        if (e.Vr.Code != VrCode.US || !_signed) return e.Vr;
        return DicomDictionary.VrsOf(e.Tag).Contains(Vr.SS) ? Vr.SS : Vr.US;
    }
}
