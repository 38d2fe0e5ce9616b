namespace Skylight.Dicom;

/// <summary>What a sink wants done with a value.</summary>
public enum ValueHandling : byte
{
    /// <summary>One <see cref="DicomEvents.OnValue"/> with the whole value.</summary>
    Whole,

    /// <summary>Any number of <see cref="DicomEvents.OnChunk"/>, then <see cref="DicomEvents.OnValueEnd"/>.</summary>
    Stream,

    /// <summary>No event; the bytes are passed over. A sequence cannot be skipped.</summary>
    Skip,

    /// <summary>The reader stops before this element.</summary>
    Stop,
}

/// <summary>An element, sequence or run of fragments as its header tells.</summary>
/// <param name="Tag">The tag.</param>
/// <param name="Vr">The representation it is read as: declared, else from the dictionary.</param>
/// <param name="DeclaredVr">What an explicit header says; default in Implicit VR.</param>
/// <param name="Length">Bytes of the value; <see cref="Undefined"/> for delimited sequences and fragments.</param>
/// <param name="Position">Of the first byte of the tag, in the file (in the inflated dataset when deflated).</param>
/// <param name="ValuePosition">Of the first byte of the value.</param>
/// <param name="Depth">0 at the top level, one more in each item.</param>
/// <param name="IsMeta">Belongs to the File Meta Information.</param>
public readonly record struct ElementHeader(DicomTag Tag, Vr Vr, Vr DeclaredVr, uint Length, long Position, long ValuePosition, int Depth, bool IsMeta)
{
    public const uint Undefined = 0xFFFFFFFF;

    public bool IsUndefinedLength => Length == Undefined;

    /// <summary>(7FE0,0008), (7FE0,0009) or (7FE0,0010) of the top level.</summary>
    public bool IsPixelData => Depth == 0 && Tag.Group == 0x7FE0 && Tag.Element is (0x0008 or 0x0009 or 0x0010);
}

/// <summary>Receives what a <see cref="DicomReader"/> finds. Values come in little endian whatever the file's order; spans are valid during the call only.</summary>
public abstract class DicomEvents
{
    /// <summary>The File Meta Information is over; the dataset starts at this byte of the file.</summary>
    public virtual void OnSyntax(TransferSyntax syntax, long datasetPosition)
    {
    }

    /// <summary>Every element, sequences and fragments included, before its content.</summary>
    public virtual ValueHandling OnElement(in ElementHeader e) => ValueHandling.Whole;

    public virtual void OnValue(in ElementHeader e, ReadOnlySpan<byte> value)
    {
    }

    public virtual void OnChunk(in ElementHeader e, ReadOnlySpan<byte> bytes)
    {
    }

    public virtual void OnValueEnd(in ElementHeader e)
    {
    }

    public virtual void OnSequenceStart(in ElementHeader e)
    {
    }

    /// <param name="position">Of the item's tag.</param>
    /// <param name="length">Declared, or <see cref="ElementHeader.Undefined"/>.</param>
    public virtual void OnItemStart(long position, uint length)
    {
    }

    public virtual void OnItemEnd()
    {
    }

    public virtual void OnSequenceEnd()
    {
    }

    /// <summary>Encapsulated pixel data begins; the first fragment is the basic offset table (PS3.5 A.4).</summary>
    public virtual void OnFragmentsStart(in ElementHeader e)
    {
    }

    /// <param name="index">0 for the basic offset table, then 1, 2 …</param>
    /// <param name="position">Of the fragment's first value byte.</param>
    public virtual void OnFragment(int index, long position, uint length)
    {
    }

    public virtual void OnFragmentChunk(ReadOnlySpan<byte> bytes)
    {
    }

    public virtual void OnFragmentEnd()
    {
    }

    public virtual void OnFragmentsEnd()
    {
    }

    /// <summary>Something odd that did not stop the reader.</summary>
    public virtual void OnFinding(Finding finding)
    {
    }

    /// <summary>The bytes ended where a dataset may end (or the truncation was allowed).</summary>
    public virtual void OnComplete()
    {
    }
}
