using System.Buffers.Binary;

namespace Skylight.Dicom;

/// <summary>Notes where fragments lie and which of them begin a frame.</summary>
internal sealed class FragmentCollector(int limit)
{
    private readonly List<FileRange> _fragments = [];
    private readonly List<int> _starts = [];
    private readonly byte[] _head = new byte[4];
    private byte[] _table = [];
    private int _tableLength, _headLength;
    private bool _tooMany, _tableTooLong;

    public bool InOffsetTable { get; private set; }

    /// <summary>Pixel data begins (again: of repeated elements the last counts).</summary>
    public void Start()
    {
        _fragments.Clear();
        _starts.Clear();
        _tableLength = 0;
        _tooMany = _tableTooLong = false;
    }

    public void Begin(int index, long position, uint length)
    {
        InOffsetTable = index == 0;
        _headLength = 0;
        if (InOffsetTable) _tableTooLong = length > limit * 4L;
        else if (_fragments.Count < limit) _fragments.Add(new FileRange(position, length));
        else _tooMany = true;
    }

    public void Chunk(ReadOnlySpan<byte> bytes)
    {
        if (InOffsetTable)
        {
            if (_tableTooLong) return;
            if (_table.Length < _tableLength + bytes.Length) Array.Resize(ref _table, Math.Max(_tableLength + bytes.Length, _table.Length * 2));
            bytes.CopyTo(_table.AsSpan(_tableLength));
            _tableLength += bytes.Length;
            return;
        }

        if (_headLength == 4) return;
        var n = Math.Min(4 - _headLength, bytes.Length);
        bytes[..n].CopyTo(_head.AsSpan(_headLength));
        _headLength += n;
        if (_headLength == 4 && !_tooMany && BeginsStream(_head)) _starts.Add(_fragments.Count - 1);
    }

    /// <summary>Assigns fragments to frames: extended offset table, basic offset table, one to one, or by what fragments begin with.</summary>
    public FrameTable Table(int frames, ReadOnlySpan<byte> extendedTable, List<Finding> findings)
    {
        if (_tooMany || _fragments.Count == 0)
        {
            findings.Add(new Finding(FindingCodes.FramesUncertain, "(7FE0,0010)", -1, $"{_fragments.Count} fragments, {frames} frames"));
            return FrameTable.Decode(frames);
        }

        var first = Mapped(extendedTable, 8, frames, findings) ?? Mapped(_table.AsSpan(0, _tableLength), 4, frames, findings);
        if (first is null)
        {
            if (frames == 1) first = [0];
            else if (frames == _fragments.Count) first = [.. Enumerable.Range(0, frames)];
            else if (frames == _starts.Count && _starts[0] == 0) first = [.. _starts];
        }

        if (first is not null) return FrameTable.Encapsulated([.. _fragments], first);
        findings.Add(new Finding(FindingCodes.FramesUncertain, "(7FE0,0010)", -1, $"{_fragments.Count} fragments, {frames} frames"));
        return FrameTable.Decode(frames);
    }

    private int[]? Mapped(ReadOnlySpan<byte> table, int size, int frames, List<Finding> findings)
    {
        if (table.IsEmpty) return null;
        if (table.Length == (long)frames * size)
        {
            var first = new int[frames];
            var fragment = 0;
            var origin = _fragments[0].Offset;
            for (var i = 0; i < frames; i++)
            {
                var offset = size == 8 ? BinaryPrimitives.ReadUInt64LittleEndian(table[(i * 8)..]) : BinaryPrimitives.ReadUInt32LittleEndian(table[(i * 4)..]);
                while (fragment < _fragments.Count && (ulong)(_fragments[fragment].Offset - origin) < offset) fragment++;
                if (fragment == _fragments.Count || (ulong)(_fragments[fragment].Offset - origin) != offset || (i > 0 && fragment <= first[i - 1]) || (i == 0 && fragment != 0)) break;
                first[i] = fragment;
                if (i == frames - 1) return first;
            }
        }

        findings.Add(new Finding(FindingCodes.OffsetTable, size == 8 ? "(7FE0,0001)" : "(7FE0,0010)", -1, $"{table.Length / size} entries, {frames} frames, {_fragments.Count} fragments"));
        return null;
    }

    /// <summary>SOI of JPEG and JPEG-LS, SOC of JPEG 2000, or the signature box of a JP2 file.</summary>
    private static bool BeginsStream(ReadOnlySpan<byte> head) =>
        head is [0xFF, 0xD8, 0xFF, _] or [0xFF, 0x4F, 0xFF, 0x51] or [0, 0, 0, 0x0C];
}
