namespace Skylight.Dicom;

/// <summary>A value that was left where it is: a range of the file (of the inflated dataset when deflated).</summary>
/// <param name="Position">First byte of the value; of encapsulated pixel data, of the first item.</param>
/// <param name="Length">Bytes; of encapsulated pixel data up to the sequence delimiter.</param>
public sealed record BulkDataReference(long Position, long Length, bool IsEncapsulated);

/// <summary>The items of an SQ element.</summary>
/// <param name="Items">May be empty.</param>
/// <param name="HasUndefinedLength">How the sequence was written, and will be written again.</param>
public sealed record DicomSequence(IReadOnlyList<DicomDataset> Items, bool HasUndefinedLength = false);

/// <summary>Encapsulated pixel data held in memory.</summary>
/// <param name="OffsetTable">The basic offset table's bytes; empty when the file has none.</param>
/// <param name="Fragments">In order; frames are built from one or more of them.</param>
public sealed record DicomFragments(ReadOnlyMemory<byte> OffsetTable, IReadOnlyList<ReadOnlyMemory<byte>> Fragments);

/// <summary>One element of a dataset. Exactly one of value, sequence, fragments and bulk reference is there.</summary>
public readonly struct DicomElement
{
    private readonly object? _content;

    public DicomElement(DicomTag tag, Vr vr, ReadOnlyMemory<byte> value)
        : this(tag, vr, vr, value, null)
    {
    }

    internal DicomElement(DicomTag tag, Vr vr, Vr declared, ReadOnlyMemory<byte> value, object? content)
    {
        Tag = tag;
        Vr = vr;
        DeclaredVr = declared;
        Value = value;
        _content = content;
    }

    public DicomTag Tag { get; }

    /// <summary>The representation that the value is read as.</summary>
    public Vr Vr { get; }

    /// <summary>What the file said, where it said something: UN of an element that the dictionary knows stays UN here.</summary>
    public Vr DeclaredVr { get; }

    /// <summary>The stored bytes with their padding, numbers in little endian; empty for what is not a plain value.</summary>
    public ReadOnlyMemory<byte> Value { get; }

    public DicomSequence? Sequence => _content as DicomSequence;

    public DicomFragments? Fragments => _content as DicomFragments;

    public BulkDataReference? Bulk => _content as BulkDataReference;

    /// <summary>Where DICOM JSON says that the value can be fetched.</summary>
    public string? BulkUri => _content as string;

    /// <summary>An element whose value lies elsewhere.</summary>
    public static DicomElement Reference(DicomTag tag, Vr vr, string uri) => new(tag, vr, vr, default, uri);

    /// <summary>No bytes and no items.</summary>
    public bool IsEmpty => _content is null ? Value.IsEmpty : Sequence is { Items.Count: 0 };

    internal object? Content => _content;

    public override string ToString() => $"{Tag} {Vr} {(Sequence is { } s ? $"{s.Items.Count} items" : $"{Value.Length} bytes")}";
}
