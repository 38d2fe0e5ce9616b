using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Skylight.Dicom;

/// <summary>Sequences, items, fragments and what may be wrong with them.</summary>
public sealed partial class DicomReader
{
    private const int SwapBytes = 4096;
    private const int MaxFindings = 100;
    private const int MaxMetaBytes = 1 << 20;

    private Level[] _levels;
    private int _depth;
    private int _items;
    private int _fragment;
    private int _findings;
    private bool _implicit, _big;

    private struct Level
    {
        public DicomTag Tag;
        public long End;
        public int Item;
        public bool IsSequence;

        // What holds again when the level is closed.
        public bool Implicit, Big;

        // The first header inside tells which form the items of a UN element really have.
        public bool Unsure;
    }

    private void OpenSequence(uint length, long valuePosition, bool unknown)
    {
        _events.OnSequenceStart(in _current);
        if (_items >= _options.MaxDepth) throw Fatal(DicomErrors.TooDeep, valuePosition, "Sequences are nested too deep");
        Push(new Level
        {
            Tag = _current.Tag,
            End = length == ElementHeader.Undefined ? -1 : valuePosition + length,
            IsSequence = true,
            Implicit = _implicit,
            Big = _big,
            Unsure = unknown,
        }, valuePosition);
        // PS3.5 6.2.2: the content of a sequence written as UN is Implicit VR Little Endian.
        if (unknown) (_implicit, _big) = (true, false);
        _state = State.Header;
    }

    /// <summary>The first header inside a sequence written as UN: some writers kept Explicit VR there.</summary>
    private void Settle(ReadOnlySpan<byte> h, DicomTag tag)
    {
        _levels[_depth - 1].Unsure = false;
        _levels[_depth - 2].Unsure = false;
        var vr = new Vr((ushort)(h[4] << 8 | h[5]));
        if (vr.IsKnown && (DicomDictionary.VrsOf(tag).Contains(vr) || (tag.IsPrivate && (h[6] | h[7]) != 0))) _implicit = false;
    }

    /// <summary>Where the positions of the dataset's elements begin.</summary>
    private long DatasetStart => _inflater is null ? DatasetPosition : 0;

    private void Push(Level level, long position)
    {
        if (_depth > 0 && _levels[_depth - 1].End is >= 0 and var end && level.End > end) Report(FindingCodes.LengthBeyondParent, position);
        if (_depth == _levels.Length) Array.Resize(ref _levels, _depth * 2);
        _levels[_depth++] = level;
        if (!level.IsSequence) _items++;
    }

    private void Pop()
    {
        ref var level = ref _levels[--_depth];
        if (level.IsSequence)
        {
            (_implicit, _big) = (level.Implicit, level.Big);
            _events.OnSequenceEnd();
        }
        else
        {
            _items--;
            _events.OnItemEnd();
        }
    }

    /// <summary>Closes one level whose length is used up; passes over a rest that is too short for a header. False: read on.</summary>
    private bool CloseEnded(long position, int available)
    {
        position -= _pendingCount;
        var end = _levels[_depth - 1].End;
        if (end < 0) return false;
        if (position >= end)
        {
            if (_pendingCount == 0) Pop();
            return _pendingCount == 0;
        }

        if (end - position >= 8 || _pendingCount > 0) return false;
        Report(FindingCodes.DamagedSequence, position);
        _remaining = end - position;
        _state = State.Skip;
        return available > 0 || _remaining == 0;
    }

    private void Delimiter(ushort element, uint length, long position)
    {
        var inSequence = _depth > 0 && _levels[_depth - 1].IsSequence;
        var undefined = _depth > 0 && _levels[_depth - 1].End < 0;
        switch (element)
        {
            case 0xE000 when inSequence:
                OpenItem(position, length);
                return;

            case 0xE000 when undefined:
                // The item before was not closed.
                Report(FindingCodes.MissingDelimiter, position);
                Pop();
                OpenItem(position, length);
                return;

            case 0xE00D when _depth > 0 && !inSequence && undefined:
                Pop();
                return;

            case 0xE0DD when inSequence && undefined:
                Pop();
                return;

            case 0xE0DD when _depth > 1 && !inSequence && undefined && _levels[_depth - 2].End < 0:
                Report(FindingCodes.MissingDelimiter, position);
                Pop();
                Pop();
                return;

            case 0xE000:
                throw Fatal(DicomErrors.BadSequence, position, "An item stands outside a sequence");

            default:
                if (length != 0) throw Fatal(DicomErrors.BadSequence, position, "A delimiter with a length stands where none belongs");
                Report(FindingCodes.StrayDelimiter, position);
                return;
        }
    }

    private void OpenItem(long position, uint length)
    {
        _levels[_depth - 1].Item++;
        Push(new Level { End = length == ElementHeader.Undefined ? -1 : position + 8 + length, Implicit = _implicit, Big = _big, Unsure = _levels[_depth - 1].Unsure }, position);
        ForgetCreators();
        _events.OnItemStart(position, length);
    }

    private void NotAnItem(long position)
    {
        var end = _levels[_depth - 1].End;
        if (end < position + 8) throw Fatal(DicomErrors.BadSequence, position, "Something other than an item stands in a sequence");
        Report(FindingCodes.DamagedSequence, position);
        _remaining = end - position - 8;
        _state = State.Skip;
    }

    /// <summary>Which elements of undefined length are sequences, and which are fragments.</summary>
    private Vr UndefinedLength(DicomTag tag, Vr vr, Vr declared, long position)
    {
        if (vr.Code == VrCode.SQ) return vr;
        if (tag.Group == 0x7FE0 && tag.Element is (0x0008 or 0x0009 or 0x0010)) return vr.IsBytes && vr.Code != VrCode.UN ? vr : Vr.OB;
        if (vr.Code == VrCode.UN || declared.Code is VrCode.UN or 0) return Vr.SQ;
        if (vr.IsBytes) return vr;
        throw Fatal(DicomErrors.BadLength, position, "Only sequences and pixel data may have an undefined length", tag);
    }

    private void FragmentHeader(ReadOnlySpan<byte> h, long valuePosition)
    {
        var group = _big ? BinaryPrimitives.ReadUInt16BigEndian(h) : BinaryPrimitives.ReadUInt16LittleEndian(h);
        var element = _big ? BinaryPrimitives.ReadUInt16BigEndian(h[2..]) : BinaryPrimitives.ReadUInt16LittleEndian(h[2..]);
        var length = UInt32(h[4..]);
        if (group == 0xFFFE && element == 0xE000)
        {
            if (length == ElementHeader.Undefined) throw Fatal(DicomErrors.BadLength, valuePosition - 8, "A fragment has no length", _current.Tag);
            _remaining = length;
            _state = State.Fragment;
            if ((length & 1) != 0) Report(FindingCodes.OddLength, valuePosition - 8, _current.Tag);
            _events.OnFragment(_fragment++, valuePosition, length);
            return;
        }

        _state = State.Header;
        _events.OnFragmentsEnd();
        if (group == 0xFFFE && element == 0xE0DD) return;
        if (group == 0xFFFE || new DicomTag(group, element) <= _current.Tag)
            throw Fatal(DicomErrors.BadSequence, valuePosition - 8, "Something other than a fragment stands in encapsulated pixel data", _current.Tag);
        // Another element follows: the delimiter was left out.
        Report(FindingCodes.MissingDelimiter, valuePosition - 8, _current.Tag);
        Span<byte> copy = stackalloc byte[8];
        h.CopyTo(copy);
        Header(copy, valuePosition - 8);
    }

    /// <summary>The bytes are over: closes what may be closed, throws for what is cut.</summary>
    private void Finish()
    {
        var position = _base;
        switch (_state)
        {
            case State.Trailing:
                break;
            case State.Header or State.LongLength when _pendingCount > 0 || _state == State.LongLength:
                if (_depth == 0 && _state == State.Header && DatasetPosition >= 0 && position > DatasetStart + _pendingCount) Report(FindingCodes.TrailingBytes, position - _pendingCount);
                else Cut(position);
                break;
            case State.Whole when _remaining > 0:
                Cut(position);
                if (_pendingCount > 0) Value(_pending.AsSpan(0, _pendingCount));
                break;
            case State.Stream when _remaining == 0:
                _events.OnValueEnd(in _current);
                break;
            case State.Whole:
                Value(default);
                break;
            case State.Stream:
                Cut(position);
                if (_pendingCount > 0) _events.OnChunk(in _current, _pending.AsSpan(0, _pendingCount));
                _events.OnValueEnd(in _current);
                break;
            case State.Skip when _remaining > 0:
                Cut(position);
                break;
            case State.Fragment:
                if (_remaining > 0) Cut(position);
                else Report(FindingCodes.MissingDelimiter, position, _current.Tag);
                _events.OnFragmentEnd();
                _events.OnFragmentsEnd();
                break;
            case State.FragmentHeader:
                if (_fragment == 0) Cut(position);
                else Report(FindingCodes.MissingDelimiter, position, _current.Tag);
                _events.OnFragmentsEnd();
                break;
        }

        _pendingCount = 0;
        while (_depth > 0)
        {
            // A delimiter may be missing at the very end; a promised length may not.
            var end = _levels[_depth - 1].End;
            if (end < 0) Report(FindingCodes.MissingDelimiter, position);
            else if (end > position) Cut(position);
            Pop();
        }
    }

    private bool _cut;

    private void Cut(long position)
    {
        if (!_options.AllowTruncated) throw Fatal(DicomErrors.Truncated, position, "The bytes end too early");
        if (!_cut) Report(FindingCodes.Truncated, position);
        _cut = true;
    }

    private bool AtEnd(long position)
    {
        // Zeros after the last element pad some media files.
        if (_depth > 0 || position == DatasetStart) return false;
        Report(FindingCodes.TrailingBytes, position);
        _state = State.Trailing;
        return true;
    }

    private ReadOnlySpan<byte> Swapped(ReadOnlySpan<byte> value, int unit)
    {
        if (_swap is null || _swap.Length < value.Length) _swap = new byte[Math.Max(SwapBytes, value.Length)];
        var target = _swap.AsSpan(0, value.Length);
        value.CopyTo(target);
        ByteOrder.Swap(target, unit);
        return target;
    }

    private void Report(string code, long position, DicomTag? tag = null, string? detail = null)
    {
        if (++_findings > MaxFindings) return;
        _events.OnFinding(_findings == MaxFindings ? new Finding(FindingCodes.TooManyFindings) : new Finding(code, Path(tag), position, detail));
    }

    private DicomFormatException Fatal(string code, long position, string message, DicomTag? tag = null) => new(code, position, Path(tag), message);

    private string Path(DicomTag? tag)
    {
        var path = new StringBuilder();
        for (var i = 0; i < _depth; i++)
        {
            if (!_levels[i].IsSequence) continue;
            if (path.Length > 0) path.Append('.');
            path.Append(_levels[i].Tag.ToString());
            if (i + 1 < _depth) path.Append(CultureInfo.InvariantCulture, $"[{_levels[i].Item}]");
        }

        if (tag is { } t)
        {
            if (path.Length > 0) path.Append('.');
            path.Append(t.ToString());
        }

        return path.ToString();
    }
}
