using System.Buffers;
using System.Buffers.Binary;

namespace Skylight.Dicom;

/// <summary>
/// Push-style reader: takes the bytes of a file (or of a dataset) in any pieces and tells a <see cref="DicomEvents"/> sink what they are.
/// The events do not depend on how the bytes were cut. Memory: the value that is being gathered, and the stack of open sequences.
/// </summary>
/// <remarks>Reads PS3.10 files and bare datasets in every transfer syntax of PS3.5. What is fatal is listed in <see cref="DicomErrors"/>.</remarks>
public sealed partial class DicomReader : IDisposable
{
    private readonly DicomEvents _events;
    private readonly ReadOptions _options;

    private State _state;
    private long _base;
    private byte[] _pending = [];
    private int _pendingCount;

    private ElementHeader _current;
    private long _remaining;
    private ushort _longVr;
    private DicomTag _longTag;
    private byte[]? _swap;
    private bool _completed;

    /// <summary>A reader of a PS3.10 file.</summary>
    public DicomReader(DicomEvents events, ReadOptions? options = null)
    {
        _events = events;
        _options = options ?? ReadOptions.Default;
        _levels = new Level[4];
        _state = State.Start;
    }

    private enum State : byte
    {
        Start,
        Header,
        LongLength,
        Whole,
        Stream,
        Skip,
        FragmentHeader,
        Fragment,
        Trailing,
        Inflating,
    }

    /// <summary>The sink asked to stop; further bytes are not taken.</summary>
    public bool IsStopped { get; private set; }

    /// <summary>Where the element begins that the reader stopped before; -1 when it has not stopped.</summary>
    public long StoppedAt { get; private set; } = -1;

    /// <summary>Null until the dataset begins.</summary>
    public TransferSyntax? Syntax { get; private set; }

    /// <summary>Byte of the file at which the dataset begins; -1 until then.</summary>
    public long DatasetPosition { get; private set; } = -1;

    /// <summary>128 bytes and "DICM" came first.</summary>
    public bool HasPreamble { get; private set; }

    /// <summary>A reader of a dataset without File Meta Information, as DIMSE messages carry it.</summary>
    public static DicomReader ForDataset(DicomEvents events, TransferSyntax syntax, ReadOptions? options = null)
    {
        var reader = new DicomReader(events, options);
        reader.StartDataset(syntax);
        return reader;
    }

    /// <summary>Takes the next bytes. Returns how many were taken: all, unless the reader stopped.</summary>
    /// <exception cref="DicomFormatException">The bytes cannot be read.</exception>
    public int Append(ReadOnlySpan<byte> bytes)
    {
        if (IsStopped) return 0;
        return _state == State.Inflating ? Inflate(bytes) : Consume(bytes);
    }

    /// <summary>Takes the next bytes, in the segments that they came in. Returns how many were taken.</summary>
    /// <exception cref="DicomFormatException">The bytes cannot be read.</exception>
    public long Append(in ReadOnlySequence<byte> bytes)
    {
        if (bytes.IsSingleSegment) return Append(bytes.FirstSpan);
        long taken = 0;
        foreach (var segment in bytes)
        {
            if (IsStopped) break;
            taken += Append(segment.Span);
        }

        return taken;
    }

    /// <summary>No more bytes come. Checks that the dataset is whole.</summary>
    /// <exception cref="DicomFormatException">It is not, or there was nothing to read.</exception>
    public void Complete()
    {
        if (_completed || IsStopped) return;
        _completed = true;
        if (_state == State.Start) StartFrom(_pending.AsSpan(0, _pendingCount), final: true);
        if (_state == State.Inflating) EndInflating();
        if (IsStopped) return;
        Finish();
        _events.OnComplete();
    }

    public void Dispose() => _inflater?.Dispose();

    private int Consume(ReadOnlySpan<byte> input)
    {
        var at = 0;
        ReadOnlySpan<byte> bytes;
        while (!IsStopped)
        {
            switch (_state)
            {
                case State.Header:
                    if (_depth > 0 && CloseEnded(_base + at, input.Length - at)) continue;
                    if (_pendingCount == 0 && input.Length - at >= 8)
                    {
                        bytes = input.Slice(at, 8);
                        at += 8;
                    }
                    else if (!Gather(input, ref at, 8, out bytes)) goto done;
                    Header(bytes, _base + at - 8);
                    if (_state == State.Inflating)
                    {
                        // The eight bytes just taken belong to the compressed stream.
                        _base += at;
                        Span<byte> head = stackalloc byte[8];
                        bytes.CopyTo(head);
                        Inflate(head);
                        return IsStopped ? at : at + Inflate(input[at..]);
                    }

                    continue;

                case State.LongLength:
                    if (!Gather(input, ref at, 4, out bytes)) goto done;
                    _state = State.Header;
                    Begin(_longTag, new Vr(_longVr), new Vr(_longVr), UInt32(bytes), _base + at - 12, _base + at);
                    continue;

                case State.Whole:
                    if (!Gather(input, ref at, (int)_remaining, out bytes)) goto done;
                    _state = State.Header;
                    Value(bytes);
                    continue;

                case State.Stream:
                    if (_remaining == 0)
                    {
                        _state = State.Header;
                        _events.OnValueEnd(in _current);
                        continue;
                    }

                    if (at == input.Length) goto done;
                    Chunk(input, ref at);
                    continue;

                case State.Skip:
                    {
                        var n = (int)Math.Min(_remaining, input.Length - at);
                        at += n;
                        _remaining -= n;
                        if (_remaining > 0) goto done;
                        _state = State.Header;
                        continue;
                    }

                case State.FragmentHeader:
                    if (!Gather(input, ref at, 8, out bytes)) goto done;
                    FragmentHeader(bytes, _base + at);
                    continue;

                case State.Fragment:
                    if (_remaining == 0)
                    {
                        _state = State.FragmentHeader;
                        _events.OnFragmentEnd();
                        continue;
                    }

                    if (at == input.Length) goto done;
                    bytes = input.Slice(at, (int)Math.Min(_remaining, input.Length - at));
                    at += bytes.Length;
                    _remaining -= bytes.Length;
                    _events.OnFragmentChunk(bytes);
                    continue;

                case State.Trailing:
                    at = input.Length;
                    goto done;

                case State.Start:
                    if (!Gather(input, ref at, StartBytes, out bytes)) goto done;
                    _base += at;
                    StartFrom(bytes, final: false);
                    return IsStopped ? at : at + Append(input[at..]);

                default:
                    throw new InvalidOperationException($"Reader state {_state}.");
            }
        }

    done:
        _base += at;
        return at;
    }

    /// <summary>Exactly <paramref name="count"/> bytes, from the input itself where they lie together, else gathered. The buffer grows with what arrives, not with what is promised.</summary>
    private bool Gather(ReadOnlySpan<byte> input, scoped ref int at, int count, out ReadOnlySpan<byte> bytes)
    {
        var available = input.Length - at;
        if (_pendingCount == 0 && available >= count)
        {
            bytes = input.Slice(at, count);
            at += count;
            return true;
        }

        var take = Math.Min(count - _pendingCount, available);
        if (_pending.Length < _pendingCount + take)
            Array.Resize(ref _pending, Math.Max(160, Math.Min(count, Math.Max(_pendingCount + take, _pending.Length * 2))));
        input.Slice(at, take).CopyTo(_pending.AsSpan(_pendingCount));
        at += take;
        _pendingCount += take;
        if (_pendingCount < count)
        {
            bytes = default;
            return false;
        }

        bytes = _pending.AsSpan(0, count);
        _pendingCount = 0;
        return true;
    }

    private void Header(ReadOnlySpan<byte> h, long position)
    {
        if (_phase != Phase.Dataset && !Phases(h, position)) return;

        uint raw = BinaryPrimitives.ReadUInt32LittleEndian(h);
        ushort group, element;
        if (_big) (group, element) = (BinaryPrimitives.ReverseEndianness((ushort)raw), BinaryPrimitives.ReverseEndianness((ushort)(raw >> 16)));
        else (group, element) = ((ushort)raw, (ushort)(raw >> 16));
        var tag = new DicomTag(group, element);

        if (group == 0xFFFE && element is (0xE000 or 0xE00D or 0xE0DD))
        {
            Delimiter(element, UInt32(h[4..]), position);
            return;
        }

        if (_depth > 0 && _levels[_depth - 1].IsSequence)
        {
            NotAnItem(position);
            return;
        }

        if (_depth > 0 && _levels[_depth - 1].Unsure) Settle(h, tag);
        if (_implicit)
        {
            if (group == 0 && h.IndexOfAnyExcept((byte)0) < 0 && AtEnd(position)) return;
            Begin(tag, default, default, UInt32(h[4..]), position, position + 8);
            return;
        }

        var vr = new Vr((ushort)(h[4] << 8 | h[5]));
        if (!vr.IsKnown && InvalidVr(tag, h, position)) return;
        if (vr.HasLongLength)
        {
            _longTag = tag;
            _longVr = vr.Code;
            _state = State.LongLength;
            return;
        }

        uint length = _big ? BinaryPrimitives.ReadUInt16BigEndian(h[6..]) : BinaryPrimitives.ReadUInt16LittleEndian(h[6..]);
        Begin(tag, vr, vr, length, position, position + 8);
    }
}
