using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Skylight.Dicom;

/// <summary>
/// SHA-256 of a dataset, independent of how it is written. For each element in the order of the file: tag (group, element) and value length as
/// little-endian numbers, then the value bytes with numbers in little endian. A sequence is its tag and FFFFFFFF, its items are wrapped in the item and
/// item-delimitation tags, its end is the sequence-delimitation tag. Left out: representations, group 0002, group lengths (gggg,0000),
/// pixel data (7FE0,0008/0009/0010), extended offset tables, trailing padding (FFFC,FFFC).
/// </summary>
/// <remarks>
/// Implicit VR cannot tell sequences of unknown private elements from opaque bytes: such a dataset differs from its explicit form unless the sequence has an undefined length.
/// </remarks>
public sealed class CanonicalDigest : IDisposable
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] _buffer = new byte[8192];
    private int _used;

    /// <summary>Whether an element is part of the digest. Only pixel data of the top level is left out; icons are attributes. A sequence is always part of it, whatever its tag.</summary>
    public static bool Includes(in ElementHeader e) =>
        !e.IsMeta && (e.Vr.Code == VrCode.SQ || (e.Tag.Element != 0 && !e.IsPixelData && e.Tag != DicomTags.DataSetTrailingPadding
        && !(e.Depth == 0 && e.Tag.Group == 0x7FE0 && e.Tag.Element is (0x0001 or 0x0002))));

    public void Element(DicomTag tag, uint length)
    {
        var b = Take(8);
        Put(b, tag);
        BinaryPrimitives.WriteUInt32LittleEndian(b[4..], length);
    }

    public void Value(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length <= _buffer.Length - _used)
        {
            bytes.CopyTo(_buffer.AsSpan(_used));
            _used += bytes.Length;
            return;
        }

        Flush();
        if (bytes.Length >= _buffer.Length) _hash.AppendData(bytes);
        else Value(bytes);
    }

    public void Mark(DicomTag tag) => Put(Take(4), tag);

    public byte[] Finish()
    {
        Flush();
        return _hash.GetHashAndReset();
    }

    /// <summary>The digest of a dataset in memory, the same as the inspector's.</summary>
    /// <exception cref="ArgumentException">Values were left out of the dataset.</exception>
    public static byte[] Of(DicomDataset dataset)
    {
        using var digest = new CanonicalDigest();
        digest.Add(dataset, 0);
        return digest.Finish();
    }

    public void Dispose() => _hash.Dispose();

    private void Add(DicomDataset dataset, int depth)
    {
        foreach (var e in dataset.Elements)
        {
            if (!Includes(new ElementHeader(e.Tag, e.Vr, e.DeclaredVr, 0, 0, 0, depth, false))) continue;
            if (e.Sequence is { } s)
            {
                Element(e.Tag, ElementHeader.Undefined);
                foreach (var item in s.Items)
                {
                    Mark(DicomTags.Item);
                    Add(item, depth + 1);
                    Mark(DicomTags.ItemDelimitationItem);
                }

                Mark(DicomTags.SequenceDelimitationItem);
            }
            else if (e.Content is null)
            {
                Element(e.Tag, (uint)e.Value.Length);
                Value(e.Value.Span);
            }
            else if (e.Fragments is null) throw new ArgumentException($"The value of {e.Tag} is not in memory.", nameof(dataset));
        }
    }

    private Span<byte> Take(int count)
    {
        if (_buffer.Length - _used < count) Flush();
        var span = _buffer.AsSpan(_used, count);
        _used += count;
        return span;
    }

    private void Flush()
    {
        _hash.AppendData(_buffer, 0, _used);
        _used = 0;
    }

    private static void Put(Span<byte> b, DicomTag tag)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(b, tag.Group);
        BinaryPrimitives.WriteUInt16LittleEndian(b[2..], tag.Element);
    }
}
