using System.Security.Cryptography;

namespace Skylight.Dicom;

/// <summary>How much an inspection holds and forgives.</summary>
public sealed record InspectOptions
{
    public static InspectOptions Default { get; } = new();

    /// <summary>Values longer than this are left in the file and referred to. Default 64 KiB.</summary>
    public long MaxInlineBytes { get; init; } = 64 << 10;

    /// <summary>What the header may take in memory. Default 128 MiB; beyond is <see cref="DicomErrors.TooLarge"/>.</summary>
    public long MaxDatasetBytes { get; init; } = 128L << 20;

    /// <summary>
    /// Gives the decoder of an instance's encapsulated frames, so that the pixel digest is over stored values and compares with that of native pixels: header so
    /// far, transfer syntax. Null, or null from it (the default): the digest is over the fragments.
    /// </summary>
    public Func<DicomDataset, TransferSyntax, FrameDigester?>? DecodeFrames { get; init; }

    /// <summary>Longest encoded frame that is decoded for the digest; one longer leaves the digest over the fragments. Default 64 MiB.</summary>
    public int MaxFrameBytes { get; init; } = 64 << 20;

    /// <summary>Compute the digests of file and pixels. Default true; without them, reading is the only cost.</summary>
    public bool HasDigests { get; init; } = true;

    /// <summary>A file that ends too early is inspected as far as it goes, with an error finding. Default false: it is refused.</summary>
    public bool AllowTruncated { get; init; }

    /// <summary>Bytes that a deflated dataset may inflate to, pixel data included. Default 4 GiB; beyond is <see cref="DicomErrors.TooLarge"/>.</summary>
    public long MaxInflatedBytes { get; init; } = 4L << 30;

    /// <summary>Tells the representation of private elements in Implicit VR and UN, private sequences among them, so that their digest is that of the explicit form. Default none.</summary>
    public PrivateDictionary? PrivateDictionary { get; init; }

    /// <summary>Fragments whose places are kept; files with more have frames of kind Decode. Default 1,000,000.</summary>
    public int MaxFragments { get; init; } = 1_000_000;
}

/// <summary>What one pass over the bytes of a file tells.</summary>
/// <param name="FileMeta">Group 0002; empty when the file has none.</param>
/// <param name="Dataset">Without long values and pixel data: those are <see cref="BulkDataReference"/>s.</param>
/// <param name="Syntax">How the dataset is really written.</param>
/// <param name="Length">Bytes of the file.</param>
/// <param name="FileSha256">SHA-256 of the file as it is.</param>
/// <param name="DatasetDigest">SHA-256 over the canonical dataset without pixel data: the same for every transfer syntax and length encoding (<see cref="CanonicalDigest"/>).</param>
/// <param name="PixelDigest">SHA-256 of the pixel data as <paramref name="PixelDigestKind"/> says; null without pixel data.</param>
/// <param name="PixelDigestKind">
/// "none", "native" (stored values, little endian), "decoded" (the same of decoded frames, colour by pixel: comparable with "native") or "encoded" (fragments one
/// after the other, without offset table).
/// </param>
/// <param name="DatasetOffset">Where the dataset begins in the file.</param>
/// <param name="RepairedCharacterSet">Set when the declared character set is wrong and another one reads the text: for search and lists, flagged; what is stored stays.</param>
public sealed record InspectedInstance(
    DicomDataset FileMeta,
    DicomDataset Dataset,
    TransferSyntax Syntax,
    long Length,
    byte[] FileSha256,
    byte[] DatasetDigest,
    byte[]? PixelDigest,
    string PixelDigestKind,
    FrameTable Frames,
    long DatasetOffset,
    bool HasPreamble,
    IReadOnlyList<Finding> Findings,
    CharacterSet? RepairedCharacterSet)
{
    /// <summary>SHA-256 of the fragments, where the pixel digest is over decoded frames; else null.</summary>
    public byte[]? EncodedPixelDigest { get; init; }

    /// <summary>The dataset in its repaired reading where there is one, else as declared.</summary>
    public DicomDataset Readable => RepairedCharacterSet is { } set ? Dataset.ReadAs(set) : Dataset;
}

/// <summary>
/// One pass over a file of any size: digests, header, frame table, findings. Memory is bounded by the options, whatever the bytes say;
/// pixel data is hashed as it passes and never held.
/// </summary>
public sealed class InstanceInspector : IDisposable
{
    private readonly IncrementalHash _file = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly InspectionEvents _events;
    private readonly DicomReader _reader;
    private readonly InspectOptions _options;
    private long _length;

    public InstanceInspector(InspectOptions? options = null)
    {
        _options = options ?? InspectOptions.Default;
        _events = new InspectionEvents(_options);
        _reader = new DicomReader(_events, new ReadOptions
        {
            AllowTruncated = _options.AllowTruncated,
            MaxDatasetBytes = _options.MaxDatasetBytes,
            MaxInlineBytes = _options.MaxInlineBytes,
            MaxInflatedBytes = _options.MaxInflatedBytes,
            PrivateDictionary = _options.PrivateDictionary,
            MaxWholeValueBytes = (int)Math.Min(int.MaxValue, Math.Max(_options.MaxInlineBytes, 1 << 20)),
        });
    }

    /// <summary>
    /// The elements up to group 0020 at least, as soon as they have gone by with the UIDs of instance, series and study among them: whoever stores the file
    /// learns where it belongs before its pixels come. Of a file without these UIDs, the whole dataset, after <see cref="Complete"/>. Null until then.
    /// </summary>
    public DicomDataset? Header => _events.Header;

    /// <summary>Takes the next bytes of the file, in pieces of any size.</summary>
    /// <exception cref="DicomFormatException">The bytes cannot be read as DICOM; the inspector is of no further use.</exception>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        if (_options.HasDigests) _file.AppendData(bytes);
        _length += bytes.Length;
        _reader.Append(bytes);
    }

    /// <summary>No more bytes come.</summary>
    /// <exception cref="DicomFormatException">The file is cut short or is not DICOM.</exception>
    public InspectedInstance Complete()
    {
        _reader.Complete();
        return _events.Result(_reader, _length, _file.GetHashAndReset());
    }

    public void Dispose()
    {
        _file.Dispose();
        _events.Dispose();
        _reader.Dispose();
    }
}
