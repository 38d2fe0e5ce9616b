using System.Collections;

namespace Skylight.Dicom;

/// <summary>
/// The elements of a dataset or item, in the order of the file (ascending, unless the file departs from the standard).
/// Values are slices of the bytes that were read; text is decoded when it is asked for, in the character set of this dataset or the one around it.
/// </summary>
public sealed partial class DicomDataset : IReadOnlyList<DicomElement>
{
    private DicomElement[] _elements;
    private int _count;
    private bool _ordered = true;
    private CharacterSet? _characterSet;

    public DicomDataset()
        : this([])
    {
    }

    /// <summary>An item that is built before it is put into its dataset: text is encoded in that dataset's character set.</summary>
    public DicomDataset(CharacterSet characterSet)
        : this([]) => _characterSet = characterSet;

    internal DicomDataset(DicomElement[] elements)
    {
        _elements = elements;
        _count = elements.Length;
        Reorder();
    }

    /// <summary>The dataset whose item this is.</summary>
    public DicomDataset? Parent { get; private set; }

    /// <summary>Of an item: written with a delimiter instead of a length.</summary>
    public bool HasUndefinedLength { get; internal set; }

    /// <summary>Of an item that was read: the byte of its item tag, as DICOMDIR offsets count; -1 for built ones.</summary>
    public long Position { get; internal set; } = -1;

    public int Count => _count;

    public DicomElement this[int index] => index < _count ? _elements[index] : throw new ArgumentOutOfRangeException(nameof(index));

    /// <summary>What text is written in: (0008,0005) of this dataset, else of the one around it (PS3.5 6.1.2.5).</summary>
    public CharacterSet CharacterSet => _characterSet ??= TryGet(DicomTags.SpecificCharacterSet, out var own) && !own.IsEmpty
        ? CharacterSet.Of(CharacterSet.Terms(own.Value.Span))
        : Parent?.CharacterSet ?? CharacterSet.Default;

    /// <summary>Span over the elements, for loops that count.</summary>
    public ReadOnlySpan<DicomElement> Elements => _elements.AsSpan(0, _count);

    public bool Contains(DicomTag tag) => IndexOf(tag) >= 0;

    public bool TryGet(DicomTag tag, out DicomElement element)
    {
        var i = IndexOf(tag);
        element = i < 0 ? default : _elements[i];
        return i >= 0;
    }

    /// <summary>Adds the element or replaces the one with its tag, keeping the order.</summary>
    public DicomDataset Set(DicomElement element)
    {
        if (element.Tag == DicomTags.SpecificCharacterSet) ForgetCharacterSet();
        if (element.Sequence is { } sequence)
            foreach (var item in sequence.Items) item.Parent = this;
        var i = IndexOf(element.Tag);
        if (i >= 0)
        {
            _elements[i] = element;
            return this;
        }

        if (!_ordered) Order();
        i = ~Array.BinarySearch(_elements, 0, _count, element, TagOrder.Instance);
        if (_count == _elements.Length) Array.Resize(ref _elements, Math.Max(8, _count * 2));
        Array.Copy(_elements, i, _elements, i + 1, _count - i);
        _elements[i] = element;
        _count++;
        return this;
    }

    public bool Remove(DicomTag tag)
    {
        var i = IndexOf(tag);
        if (i < 0) return false;
        if (tag == DicomTags.SpecificCharacterSet) ForgetCharacterSet();
        Array.Copy(_elements, i + 1, _elements, i, --_count - i);
        _elements[_count] = default;
        return true;
    }

    /// <summary>A copy whose elements can change without changing these; items are copied, value bytes are shared.</summary>
    public DicomDataset Clone()
    {
        var copy = new DicomElement[_count];
        for (var i = 0; i < _count; i++)
        {
            ref var e = ref _elements[i];
            copy[i] = e.Sequence is { } s
                ? new DicomElement(e.Tag, e.Vr, e.DeclaredVr, default, s with { Items = [.. s.Items.Select(item => item.Clone())] })
                : e;
        }

        return new DicomDataset(copy) { HasUndefinedLength = HasUndefinedLength };
    }

    /// <summary>The same elements read in another character set, which the copy declares; items that declare their own keep it. The repaired reading of wrongly declared text.</summary>
    public DicomDataset ReadAs(CharacterSet characterSet)
    {
        var copy = Clone();
        copy.Set(DicomTags.SpecificCharacterSet, [.. characterSet.DeclaredTerms]);
        copy.Override(characterSet);
        return copy;
    }

    public IEnumerator<DicomElement> GetEnumerator()
    {
        for (var i = 0; i < _count; i++) yield return _elements[i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private void Override(CharacterSet characterSet)
    {
        _characterSet = characterSet;
        foreach (var e in Elements)
            if (e.Sequence is { } s)
                foreach (var item in s.Items)
                    if (!item.Contains(DicomTags.SpecificCharacterSet)) item.Override(characterSet);
    }

    private void ForgetCharacterSet()
    {
        _characterSet = null;
        foreach (var e in Elements)
            if (e.Sequence is { } s)
                foreach (var item in s.Items) item.ForgetCharacterSet();
    }

    private int IndexOf(DicomTag tag)
    {
        if (!_ordered)
        {
            for (var i = 0; i < _count; i++)
                if (_elements[i].Tag == tag) return i;
            return -1;
        }

        int lo = 0, hi = _count - 1;
        var value = tag.Value;
        while (lo <= hi)
        {
            var mid = (lo + hi) >>> 1;
            var at = _elements[mid].Tag.Value;
            if (at == value) return mid;
            if (at < value) lo = mid + 1;
            else hi = mid - 1;
        }

        return -1;
    }

    private void Reorder()
    {
        for (var i = 0; i < _count; i++)
        {
            if (_elements[i].Sequence is { } s)
                foreach (var item in s.Items) item.Parent = this;
            if (i > 0 && _elements[i].Tag.Value <= _elements[i - 1].Tag.Value) _ordered = false;
        }
    }

    private void Order()
    {
        Array.Sort(_elements, 0, _count, TagOrder.Instance);
        _ordered = true;
    }

    private sealed class TagOrder : IComparer<DicomElement>
    {
        public static readonly TagOrder Instance = new();

        public int Compare(DicomElement x, DicomElement y) => x.Tag.CompareTo(y.Tag);
    }
}
