using System.Buffers.Binary;
using System.Text;

namespace Skylight.Dicom;

/// <summary>Preamble, File Meta Information, and which syntax the dataset really has.</summary>
public sealed partial class DicomReader
{
    /// <summary>Preamble, "DICM" and the first header.</summary>
    private const int StartBytes = 140;

    private Phase _phase;
    private long _metaEnd = -1;
    private string? _metaSyntax;
    private Inflater? _inflater;
    private long _filePosition;

    private enum Phase : byte
    {
        Meta,
        FirstElement,
        Dataset,
    }

    private void StartFrom(ReadOnlySpan<byte> head, bool final)
    {
        // The head may lie in the pending buffer, which reading it again fills.
        Span<byte> copy = stackalloc byte[StartBytes];
        head.CopyTo(copy);
        ReadOnlySpan<byte> bytes = copy[..head.Length];
        _pendingCount = 0;

        var skip = 0;
        if (bytes.Length >= 132 && bytes.Slice(128, 4).SequenceEqual("DICM"u8))
        {
            HasPreamble = true;
            skip = 132;
            var preamble = bytes[..128];
            if (preamble.IndexOfAnyExcept((byte)0) >= 0 && !IsTiff(preamble)) Report(FindingCodes.PreambleContent, 0);
        }
        else if (bytes.StartsWith("DICM"u8)) skip = 4;
        if (!HasPreamble)
        {
            var first = bytes[Math.Min(skip, bytes.Length)..];
            var meta = first.Length >= 8 && first.StartsWith((ReadOnlySpan<byte>)[2, 0]) && char.IsAsciiLetterUpper((char)first[4]) && first[3] == 0;
            if (!meta && (!_options.AllowMissingMeta || first.Length < 8 || !Guess.IsPlausibleStart(first)))
                throw Fatal(DicomErrors.NotDicom, 0, "The bytes do not begin like a DICOM file");
            Report(FindingCodes.MissingPreamble, 0);
        }

        (_implicit, _big) = (false, false);
        _phase = Phase.Meta;
        _state = State.Header;
        _base = skip;
        if (final && bytes.Length == skip) throw Fatal(DicomErrors.Truncated, skip, "There is nothing after the preamble");
        Append(bytes[skip..]);
    }

    /// <summary>A TIFF or BigTIFF header in either byte order: the one thing besides zeros that a preamble should hold.</summary>
    internal static bool IsTiff(ReadOnlySpan<byte> preamble) =>
        preamble is [0x49, 0x49, 0x2A or 0x2B, 0, ..] or [0x4D, 0x4D, 0, 0x2A or 0x2B, ..];

    private void StartDataset(TransferSyntax syntax)
    {
        Syntax = syntax;
        DatasetPosition = 0;
        _implicit = !syntax.IsExplicit;
        _big = syntax.IsBigEndian;
        _phase = Phase.Dataset;
        _state = State.Header;
        _events.OnSyntax(syntax, 0);
        if (syntax.IsDeflated) StartInflating();
    }

    /// <summary>Handles a header before the dataset proper. False: the header was taken care of.</summary>
    private bool Phases(ReadOnlySpan<byte> h, long position)
    {
        if (_phase == Phase.Meta)
        {
            if (h[0] == 2 && h[1] == 0 && position != _metaEnd) return true;
            if (_metaEnd >= 0 && position != _metaEnd) Report(FindingCodes.MetaGroupLength, position);
            LeaveMeta(h, position);
            if (_state == State.Inflating) return false;
        }

        _phase = Phase.Dataset;
        var declared = (_implicit, _big);
        (_implicit, _big) = Guess.Form(h, _implicit, _big);
        if (declared != (_implicit, _big))
        {
            Report(FindingCodes.SyntaxMismatch, position, null, (_implicit ? "implicit" : "explicit") + (_big ? " big endian" : " little endian"));
            // Frames and pieces of the file must be understood as they are, so the real form is what callers see.
            Syntax = _big ? TransferSyntax.ExplicitBig : _implicit ? TransferSyntax.ImplicitLittle : Syntax!.IsExplicit && !Syntax.IsBigEndian ? Syntax : TransferSyntax.ExplicitLittle;
        }

        if (_inflater is null) _events.OnSyntax(Syntax!, DatasetPosition);
        return true;
    }

    private void MetaValue(DicomTag tag, ReadOnlySpan<byte> value)
    {
        if (tag.Element == 0x0000 && value.Length == 4) _metaEnd = _current.ValuePosition + 4 + BinaryPrimitives.ReadUInt32LittleEndian(value);
        else if (tag.Element == 0x0010 && value.Length <= 64) _metaSyntax = Encoding.Latin1.GetString(value).Trim(' ', '\0');
    }

    private void LeaveMeta(ReadOnlySpan<byte> h, long position)
    {
        DatasetPosition = position;
        if (string.IsNullOrEmpty(_metaSyntax))
        {
            Report(FindingCodes.MissingMeta, position);
            (_implicit, _big) = Guess.Form(h);
            Syntax = _implicit ? TransferSyntax.ImplicitLittle : _big ? TransferSyntax.ExplicitBig : TransferSyntax.ExplicitLittle;
            return;
        }

        if (_metaEnd < 0) Report(FindingCodes.MetaGroupLength, position);
        Syntax = TransferSyntax.Of(_metaSyntax);
        if (!Syntax.IsKnown) Report(FindingCodes.UnknownSyntax, position);
        _implicit = !Syntax.IsExplicit;
        _big = Syntax.IsBigEndian;
        if (!Syntax.IsDeflated || Guess.IsPlausibleStart(h)) return;
        _phase = Phase.FirstElement;
        _events.OnSyntax(Syntax, position);
        StartInflating();
    }

    private void StartInflating()
    {
        _inflater = new Inflater();
        _state = State.Inflating;
    }

    private int Inflate(ReadOnlySpan<byte> compressed)
    {
        if (_filePosition == 0) (_filePosition, _base) = (_base, 0);
        _filePosition += compressed.Length;
        for (var rest = compressed; !rest.IsEmpty && !IsStopped;)
        {
            rest = rest[_inflater!.Feed(rest)..];
            Drain();
        }

        return compressed.Length;
    }

    private void Drain()
    {
        Span<byte> plain = stackalloc byte[4096];
        while (!IsStopped)
        {
            int n;
            try
            {
                n = _inflater!.Read(plain);
            }
            catch (InvalidDataException e)
            {
                throw Fatal(DicomErrors.BadDeflate, _base, $"The deflated dataset is damaged: {e.Message}");
            }

            if (n == 0) break;
            _inflated += n;
            if (_inflated > _options.MaxInflatedBytes) throw Fatal(DicomErrors.TooLarge, _base, "The deflated dataset is larger than may be inflated");
            // Consume works on the inner state; outside, the reader stays in Inflating.
            _state = _inner;
            Consume(plain[..n]);
            _inner = _state;
            _state = State.Inflating;
        }
    }

    private long _inflated;

    private State _inner = State.Header;

    private void EndInflating()
    {
        _inflater!.End();
        Drain();
        _state = _inner;
        if (_inflater.HadZlibHeader) Report(FindingCodes.ZlibHeader, 0);
        if (_phase == Phase.FirstElement && _pendingCount == 0 && _base == 0) throw Fatal(DicomErrors.Truncated, 0, "The deflated dataset is empty or cut");
        // The bytes may end between two elements: only the compressed stream itself knows that more was to come.
        if (!IsStopped && _inflater.WantsMore()) Cut(_base);
    }

    /// <summary>An explicit header whose representation is not two known letters. True: dealt with.</summary>
    private bool InvalidVr(DicomTag tag, ReadOnlySpan<byte> h, long position)
    {
        if (tag == default && h.IndexOfAnyExcept((byte)0) < 0 && AtEnd(position)) return true;
        var letters = char.IsAsciiLetterUpper((char)h[4]) && char.IsAsciiLetterUpper((char)h[5]);
        var implicitLength = UInt32(h[4..]);
        var dictionary = DicomDictionary.VrOf(tag);
        Report(FindingCodes.VrInvalid, position, tag);
        if (!letters && !_big && h[6] == 0 && h[7] == 0 && (h[4] | h[5]) != 0 && h[4] != ' ' && h[4] != '?')
        {
            // The element was written in Implicit VR.
            Begin(tag, dictionary, dictionary, implicitLength, position, position + 8);
            return true;
        }

        if (letters) return false;
        // Blank, "??" or noise in place of the letters: the dictionary tells the form of the length.
        if (dictionary.Code != VrCode.UN && !dictionary.HasLongLength)
        {
            uint length = _big ? BinaryPrimitives.ReadUInt16BigEndian(h[6..]) : BinaryPrimitives.ReadUInt16LittleEndian(h[6..]);
            Begin(tag, dictionary, dictionary, length, position, position + 8);
        }
        else
        {
            _longTag = tag;
            _longVr = dictionary.Code;
            _state = State.LongLength;
        }

        return true;
    }
}
