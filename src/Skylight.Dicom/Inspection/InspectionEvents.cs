using System.Security.Cryptography;

namespace Skylight.Dicom;

/// <summary>The inspector's sink: builds the header, feeds the digests, notes where pixel data lies.</summary>
internal sealed class InspectionEvents(InspectOptions options) : DicomEvents, IDisposable
{
    private readonly DatasetBuilder _builder = new(new ReadOptions { MaxInlineBytes = options.MaxInlineBytes, MaxDatasetBytes = options.MaxDatasetBytes });
    private readonly CanonicalDigest _digest = new();
    private readonly FragmentCollector _fragments = new(options.MaxFragments);
    private IncrementalHash? _pixels;
    private FrameAssembler? _assembler;
    private bool _encapsulated, _inPixels, _digested, _kept;
    private FileRange _native;
    private MemoryStream? _longTable;
    private bool _captures;

    /// <summary>The top level up to the element that showed that the identity is complete.</summary>
    public DicomDataset? Header { get; private set; }

    public override ValueHandling OnElement(in ElementHeader e)
    {
        if (Header is null && e is { Depth: 0, IsMeta: false, Tag.Group: > 0x0020 } && Identity.IsComplete(_builder)) Header = _builder.SoFar();
        if (e.IsPixelData && e.Vr.Code != VrCode.SQ)
        {
            _inPixels = true;
            _pixels ??= IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            if (e.IsUndefinedLength) return ValueHandling.Stream;
            _builder.AddReference(in e);
            _native = new FileRange(e.ValuePosition, e.Length);
            return ValueHandling.Stream;
        }

        _inPixels = false;
        var handling = _builder.OnElement(in e);
        _digested = CanonicalDigest.Includes(in e);
        _kept = handling != ValueHandling.Skip;
        // An extended offset table of many frames is longer than what is kept inline.
        _captures = !_kept && e.Depth == 0 && e.Tag == DicomTags.ExtendedOffsetTable && e.Length <= options.MaxFragments * 8L;
        if (_captures) _longTable = new MemoryStream();
        if (!_digested || e.Vr.Code == VrCode.SQ || e.IsUndefinedLength) return _captures ? ValueHandling.Stream : handling;
        _digest.Element(e.Tag, e.Length);
        return _kept ? handling : ValueHandling.Stream;
    }

    public override void OnValue(in ElementHeader e, ReadOnlySpan<byte> value)
    {
        _builder.OnValue(in e, value);
        if (_digested) _digest.Value(value);
    }

    public override void OnChunk(in ElementHeader e, ReadOnlySpan<byte> bytes)
    {
        if (_inPixels)
        {
            if (options.HasDigests) _pixels!.AppendData(bytes);
            return;
        }

        if (_kept) _builder.OnChunk(in e, bytes);
        if (_digested) _digest.Value(bytes);
        if (_captures) _longTable!.Write(bytes);
    }

    public override void OnValueEnd(in ElementHeader e)
    {
        if (!_inPixels && _kept) _builder.OnValueEnd(in e);
    }

    public override void OnSequenceStart(in ElementHeader e)
    {
        _builder.OnSequenceStart(in e);
        _digest.Element(e.Tag, ElementHeader.Undefined);
    }

    public override void OnItemStart(long position, uint length)
    {
        _builder.OnItemStart(position, length);
        _digest.Mark(DicomTags.Item);
    }

    public override void OnItemEnd()
    {
        _builder.OnItemEnd();
        _digest.Mark(DicomTags.ItemDelimitationItem);
    }

    public override void OnSequenceEnd()
    {
        _builder.OnSequenceEnd();
        _digest.Mark(DicomTags.SequenceDelimitationItem);
    }

    public override void OnFragmentsStart(in ElementHeader e)
    {
        _builder.OnFragmentsStart(in e);
        if (!_inPixels) return;
        // Pixel data twice: the digest is over both, which no decoder can follow.
        var again = _encapsulated;
        _encapsulated = true;
        _fragments.Start();
        _assembler?.Dispose();
        _assembler = again ? null : Assembler();
    }

    public override void OnFragment(int index, long position, uint length)
    {
        _builder.OnFragment(index, position, length);
        if (!_inPixels) return;
        _fragments.Begin(index, position, length);
        _assembler?.Begin(index, position);
    }

    public override void OnFragmentChunk(ReadOnlySpan<byte> bytes)
    {
        if (!_inPixels) return;
        _fragments.Chunk(bytes);
        _assembler?.Chunk(bytes);
        if (!_fragments.InOffsetTable && options.HasDigests) _pixels!.AppendData(bytes);
    }

    public override void OnFragmentsEnd() => _builder.OnFragmentsEnd();

    public override void OnFinding(Finding finding) => _builder.OnFinding(finding);

    public InspectedInstance Result(DicomReader reader, long length, byte[] fileDigest)
    {
        var dataset = _builder.Dataset;
        Header ??= dataset;
        if (dataset.Count == 0 || reader.Syntax is null) throw new DicomFormatException(DicomErrors.NotDicom, length, "", "There is no dataset");
        var findings = new List<Finding>(_builder.Findings);
        Identity.Examine(_builder.FileMeta, dataset, findings);
        var encoded = _pixels?.GetHashAndReset();
        var decoded = _assembler?.End();
        var repaired = CharacterSetRepair.Examine(dataset, findings);
        return new InspectedInstance(
            _builder.FileMeta,
            dataset,
            reader.Syntax,
            length,
            fileDigest,
            _digest.Finish(),
            decoded ?? encoded,
            decoded is not null ? "decoded" : _pixels is null ? "none" : _encapsulated ? "encoded" : "native",
            Frames(reader.Syntax, dataset, length, findings),
            reader.DatasetPosition,
            reader.HasPreamble,
            findings,
            repaired) { EncodedPixelDigest = decoded is null ? null : encoded };
    }

    private FrameAssembler? Assembler()
    {
        if (options.DecodeFrames is not { } decoders || !options.HasDigests || _builder.FileMeta.GetString(DicomTags.TransferSyntaxUID) is not { } syntax) return null;
        var header = _builder.SoFar();
        return decoders(header, TransferSyntax.Of(syntax)) is { } decoder ? new FrameAssembler(decoder, PixelLayout.Frames(header), options.MaxFrameBytes) : null;
    }

    private FrameTable Frames(TransferSyntax syntax, DicomDataset dataset, long fileLength, List<Finding> findings)
    {
        if (_pixels is null) return FrameTable.None;
        var count = PixelLayout.Frames(dataset);
        if (_encapsulated)
        {
            ReadOnlySpan<byte> table = _longTable is { } t ? t.GetBuffer().AsSpan(0, (int)t.Length) : dataset.GetBytes(DicomTags.ExtendedOffsetTable).Span;
            return syntax.IsDeflated || syntax.IsVideo && count > 1 ? FrameTable.Decode(count) : _fragments.Table(count, table, findings);
        }

        // Of a file that ends too early, only what is there.
        if (!syntax.IsDeflated) _native = _native with { Length = Math.Min(_native.Length, Math.Max(0, fileLength - _native.Offset)) };
        var bits = PixelLayout.FrameBits(dataset);
        var expected = bits is { } b ? (b * count + 7) / 8 : -1;
        if (expected < 0 || (_native.Length != expected && _native.Length != expected + (expected & 1)))
            findings.Add(new Finding(FindingCodes.PixelLength, "(7FE0,0010)", _native.Offset, $"{_native.Length} bytes, {expected} expected"));
        return syntax.IsDeflated || syntax.IsBigEndian || bits is null or 0 ? FrameTable.Decode(count) : FrameTable.Native(_native.Offset, _native.Length, count, bits.Value);
    }

    public void Dispose()
    {
        _digest.Dispose();
        _pixels?.Dispose();
        _assembler?.Dispose();
        _longTable?.Dispose();
    }
}
