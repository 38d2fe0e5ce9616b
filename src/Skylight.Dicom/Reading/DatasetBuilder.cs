using System.Buffers;

namespace Skylight.Dicom;

/// <summary>Builds datasets from a reader's events. Values are copied into a few blocks that the dataset keeps alive.</summary>
public sealed class DatasetBuilder : DicomEvents
{
    private const int BlockBytes = 2048;
    private const int MaxBlockBytes = 64 << 10;

    /// <summary>What an element costs beside its value.</summary>
    private const int ElementBytes = 48;

    private readonly ReadOptions _options;
    private readonly List<Finding> _findings = [];
    private readonly List<Level> _open = [];
    private readonly List<(ElementHeader Header, List<DicomDataset> Items)> _sequences = [];
    private readonly Level _meta = new();
    private int _depth;
    private byte[] _block = [];
    private int _used;
    private long _bytes;
    private byte[]? _large;
    private int _largeCount;
    private List<ReadOnlyMemory<byte>>? _fragments;
    private ElementHeader _encapsulated;
    private long _firstItem, _lastByte;

    public DatasetBuilder(ReadOptions? options = null)
    {
        _options = options ?? ReadOptions.Default;
        _open.Add(new Level());
    }

    /// <summary>Group 0002. Complete once the dataset has begun.</summary>
    public DicomDataset FileMeta => field ??= _meta.Take();

    /// <summary>The dataset; complete after the reader's Complete, or as far as the reader went when it stopped.</summary>
    public DicomDataset Dataset => field ??= _open[0].Take();

    public IReadOnlyList<Finding> Findings => _findings;

    /// <summary>Whether the top level has this element by now.</summary>
    internal bool Has(DicomTag tag) => _open[0].Has(tag);

    /// <summary>The top level as far as it has been read.</summary>
    internal DicomDataset SoFar() => _open[0].Copy();

    public override ValueHandling OnElement(in ElementHeader e)
    {
        if (e.IsMeta) return ValueHandling.Whole;
        if (e.IsPixelData && _options.StopBeforePixelData) return ValueHandling.Stop;
        Charge(in e, ElementBytes);
        if (e.IsUndefinedLength || e.Vr.Code == VrCode.SQ) return ValueHandling.Whole;
        if (e.Length > _options.MaxInlineBytes)
        {
            Add(in e, default, new BulkDataReference(e.ValuePosition, e.Length, false));
            return ValueHandling.Skip;
        }

        Charge(in e, e.Length);
        if (e.Length <= MaxBlockBytes) return ValueHandling.Whole;
        _largeCount = 0;
        return ValueHandling.Stream;
    }

    public override void OnValue(in ElementHeader e, ReadOnlySpan<byte> value) => Add(in e, Keep(value), null);

    public override void OnChunk(in ElementHeader e, ReadOnlySpan<byte> bytes) => Grow(bytes, e.Length);

    public override void OnValueEnd(in ElementHeader e) => Add(in e, TakeLarge(), null);

    public override void OnSequenceStart(in ElementHeader e) => _sequences.Add((e, []));

    public override void OnItemStart(long position, uint length)
    {
        _bytes += 160;
        if (++_depth == _open.Count) _open.Add(new Level());
        _open[_depth].Undefined = length == ElementHeader.Undefined;
        _open[_depth].Position = position;
    }

    public override void OnItemEnd()
    {
        var level = _open[_depth--];
        var item = level.Take();
        item.HasUndefinedLength = level.Undefined;
        item.Position = level.Position;
        _sequences[^1].Items.Add(item);
    }

    public override void OnSequenceEnd()
    {
        var (header, items) = _sequences[^1];
        _sequences.RemoveAt(_sequences.Count - 1);
        Add(in header, default, new DicomSequence(items, header.IsUndefinedLength));
    }

    public override void OnFragmentsStart(in ElementHeader e)
    {
        _encapsulated = e;
        _firstItem = _lastByte = e.ValuePosition;
        _fragments = _options.MaxInlineBytes == long.MaxValue ? [] : null;
    }

    public override void OnFragment(int index, long position, uint length)
    {
        _lastByte = position + length;
        _largeCount = 0;
        if (_fragments is not null) Charge(in _encapsulated, length + ElementBytes);
    }

    public override void OnFragmentChunk(ReadOnlySpan<byte> bytes)
    {
        if (_fragments is not null) Grow(bytes, uint.MaxValue);
    }

    public override void OnFragmentEnd() => _fragments?.Add(TakeLarge());

    public override void OnFragmentsEnd()
    {
        object content = _fragments is null
            ? new BulkDataReference(_firstItem, _lastByte - _firstItem, true)
            : new DicomFragments(_fragments.Count > 0 ? _fragments[0] : default, _fragments.Count > 1 ? _fragments.GetRange(1, _fragments.Count - 1) : []);
        Add(in _encapsulated, default, content);
        _fragments = null;
    }

    public override void OnFinding(Finding finding) => _findings.Add(finding);

    /// <summary>Adds an element that another sink has taken care of, as a reference to its bytes.</summary>
    internal void AddReference(in ElementHeader e) => Add(in e, default, new BulkDataReference(e.ValuePosition, e.Length, false));

    private void Add(in ElementHeader e, ReadOnlyMemory<byte> value, object? content)
    {
        var level = e.IsMeta ? _meta : _open[_depth];
        var element = new DicomElement(e.Tag, e.Vr, e.DeclaredVr.Code == 0 ? e.Vr : e.DeclaredVr, value, content);
        if (level.Count > 0 && (level.IsDisordered || e.Tag.Value <= level.Last) && !Ordered(level, element, e.Position)) return;
        level.Add(element);
    }

    /// <summary>An element out of order; of a repeated one, the last counts. False: it has taken the place of the other.</summary>
    private bool Ordered(Level level, DicomElement element, long position)
    {
        var same = level.IndexOf(element.Tag);
        if (_findings.Count < 100 && (same >= 0 || element.Tag.Value < level.Last)) _findings.Add(new Finding(same >= 0 ? FindingCodes.DuplicateTag : FindingCodes.TagOrder, element.Tag.ToString(), position));
        if (same < 0) return true;
        level.Replace(same, element);
        return false;
    }

    private ReadOnlyMemory<byte> Keep(ReadOnlySpan<byte> value)
    {
        if (value.IsEmpty) return default;
        if (value.Length > _block.Length - _used)
        {
            if (value.Length > BlockBytes) return value.ToArray();
            _block = new byte[_block.Length == 0 ? BlockBytes : Math.Min(_block.Length * 2, MaxBlockBytes)];
            _used = 0;
        }

        value.CopyTo(_block.AsSpan(_used));
        var kept = _block.AsMemory(_used, value.Length);
        _used += value.Length;
        return kept;
    }

    private void Grow(ReadOnlySpan<byte> bytes, uint declared)
    {
        // Bounded by what has arrived, or is known to be there: a declared length alone allocates nothing.
        var need = _largeCount + bytes.Length;
        if (_large is null || _large.Length < need)
        {
            var promised = declared <= _options.InputBytes ? declared : 0;
            var room = Math.Min(Math.Max(need, Math.Max(promised, Math.Max(4096L, (_large?.Length ?? 0) * 2L))), Math.Max(declared, (uint)need));
            var larger = GC.AllocateUninitializedArray<byte>((int)room);
            _large.AsSpan(0, _largeCount).CopyTo(larger);
            _large = larger;
        }

        bytes.CopyTo(_large.AsSpan(_largeCount));
        _largeCount = need;
    }

    /// <summary>Where the rest of the value that is being streamed will lie, if its memory is there already: whoever reads may read to it and say so.</summary>
    internal Span<byte> Room(long rest) => _large is { } large && large.Length - _largeCount >= rest ? large.AsSpan(_largeCount, (int)rest) : default;

    internal void Took(int count) => _largeCount += count;

    private ReadOnlyMemory<byte> TakeLarge()
    {
        if (_largeCount == 0) return default;
        if (_large!.Length != _largeCount) return _large.AsSpan(0, _largeCount).ToArray();
        var whole = _large;
        _large = null;
        return whole;
    }

    private void Charge(in ElementHeader e, long bytes)
    {
        _bytes += bytes;
        if (_bytes > _options.MaxDatasetBytes) throw new DicomFormatException(DicomErrors.TooLarge, e.Position, e.Tag.ToString(), "The dataset is larger than may be held");
    }

    /// <summary>The elements of the dataset or item that is being read; the array is lent from the pool and used again by the next item.</summary>
    private sealed class Level
    {
        private DicomElement[] _elements = [];
        private Dictionary<uint, int>? _places;

        public int Count { get; private set; }

        public bool IsDisordered => _places is not null;

        public uint Last => _elements[Count - 1].Tag.Value;

        public bool Undefined { get; set; }

        public long Position { get; set; }

        public void Add(DicomElement element)
        {
            if (Count == _elements.Length)
            {
                var larger = ArrayPool<DicomElement>.Shared.Rent(Math.Max(64, Count * 2));
                _elements.AsSpan(0, Count).CopyTo(larger);
                Return();
                _elements = larger;
            }

            _places?.Add(element.Tag.Value, Count);
            _elements[Count++] = element;
        }

        /// <summary>Asked from the first disorder on, so that order costs nothing and disorder no more than a look-up each.</summary>
        public int IndexOf(DicomTag tag)
        {
            if (_places is null)
            {
                _places = [];
                for (var i = 0; i < Count; i++) _places[_elements[i].Tag.Value] = i;
            }

            return _places.GetValueOrDefault(tag.Value, -1);
        }

        public void Replace(int index, DicomElement element) => _elements[index] = element;

        public bool Has(DicomTag tag)
        {
            foreach (ref readonly var element in _elements.AsSpan(0, Count))
                if (element.Tag == tag) return true;
            return false;
        }

        public DicomDataset Copy() => new(_elements.AsSpan(0, Count).ToArray());

        public DicomDataset Take()
        {
            var dataset = new DicomDataset(_elements.AsSpan(0, Count).ToArray());
            Return();
            Count = 0;
            _elements = [];
            _places = null;
            return dataset;
        }

        private void Return()
        {
            if (_elements.Length > 0) ArrayPool<DicomElement>.Shared.Return(_elements, clearArray: true);
        }
    }
}
