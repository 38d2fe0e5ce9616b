using System.Buffers.Binary;

namespace Skylight.Dicom;

/// <summary>From an element's header to its value.</summary>
public sealed partial class DicomReader
{
    private void Begin(DicomTag tag, Vr vr, Vr declared, uint length, long position, long valuePosition)
    {
        if (vr.Code == 0) vr = DicomDictionary.VrOf(tag);
        var unknown = declared.Code == VrCode.UN;
        if (unknown && _options.ResolveUnknown && !tag.IsPrivate) vr = DicomDictionary.VrOf(tag);
        if (_phase == Phase.Meta && (length > MaxMetaBytes || vr.Code == VrCode.SQ)) throw Fatal(DicomErrors.BadLength, position, "The File Meta Information holds an element of impossible length", tag);
        if (_creators is not null && vr.Code == VrCode.UN && tag.IsPrivate) vr = PrivateVr(tag);
        if (length == ElementHeader.Undefined) vr = UndefinedLength(tag, vr, declared, position);

        _current = new ElementHeader(tag, vr, declared, length, position, valuePosition, _items, _phase == Phase.Meta);
        var handling = _events.OnElement(in _current);
        if (_phase == Phase.Meta) handling = ValueHandling.Whole;
        else if (handling == ValueHandling.Stop || (_options.StopBeforePixelData && _current.IsPixelData))
        {
            IsStopped = true;
            StoppedAt = position;
            return;
        }

        if ((length & 1) != 0 && length != ElementHeader.Undefined) Report(FindingCodes.OddLength, position, tag);
        if (vr.Code == VrCode.SQ)
        {
            OpenSequence(length, valuePosition, unknown || (length == ElementHeader.Undefined && declared.Code == VrCode.UN));
            return;
        }

        if (length == ElementHeader.Undefined)
        {
            _fragment = 0;
            _state = State.FragmentHeader;
            _events.OnFragmentsStart(in _current);
            return;
        }

        _remaining = length;
        switch (handling)
        {
            case ValueHandling.Whole:
                if (length > (uint)_options.MaxWholeValueBytes) throw Fatal(DicomErrors.TooLarge, position, "A value is larger than may be held whole", tag);
                _state = State.Whole;
                break;
            case ValueHandling.Stream:
                _state = State.Stream;
                break;
            default:
                _state = State.Skip;
                break;
        }
    }

    /// <summary>What was written as UN was never swapped by its writer (PS3.5 6.2.2).</summary>
    private int SwapUnit => _current.DeclaredVr.Code == VrCode.UN ? 1 : _current.Vr.SwapUnit;

    private void Value(ReadOnlySpan<byte> value)
    {
        if (_phase == Phase.Meta) MetaValue(_current.Tag, value);
        else if (_options.PrivateDictionary is not null && _current.Tag.IsPrivateCreator) Creator(value);
        if (_big && SwapUnit is > 1 and var unit) value = Swapped(value, unit);
        _events.OnValue(in _current, value);
    }

    /// <summary>Bytes still to come of a value that is streamed unchanged; 0 in every other state.</summary>
    internal long Passing => _state == State.Stream && _pendingCount == 0 && !IsStopped && !(_big && SwapUnit > 1) ? _remaining : 0;

    /// <summary>The sink has taken so many of the bytes that are <see cref="Passing"/> by itself.</summary>
    internal void Passed(int count)
    {
        _remaining -= count;
        _base += count;
    }

    private void Chunk(ReadOnlySpan<byte> input, scoped ref int at)
    {
        var unit = _big ? SwapUnit : 1;
        if (unit > 1 && (_pendingCount > 0 || input.Length - at < unit))
        {
            // A number cut in two by the chunk's end is put together first; an odd tail passes as it is.
            var want = (int)Math.Min(unit, _remaining);
            if (!Gather(input, ref at, want, out var whole)) return;
            _remaining -= want;
            _events.OnChunk(in _current, want == unit ? Swapped(whole, unit) : whole);
            return;
        }

        var n = (int)Math.Min(_remaining, input.Length - at);
        if (unit == 1)
        {
            var chunk = input.Slice(at, n);
            at += n;
            _remaining -= n;
            _events.OnChunk(in _current, chunk);
            return;
        }

        n = Math.Min(n - n % unit, SwapBytes);
        if (n == 0)
        {
            // Fewer bytes than a unit are left of the value.
            n = (int)_remaining;
            _events.OnChunk(in _current, input.Slice(at, n));
        }
        else _events.OnChunk(in _current, Swapped(input.Slice(at, n), unit));
        at += n;
        _remaining -= n;
    }

    private uint UInt32(ReadOnlySpan<byte> b) => _big ? BinaryPrimitives.ReadUInt32BigEndian(b) : BinaryPrimitives.ReadUInt32LittleEndian(b);
}
