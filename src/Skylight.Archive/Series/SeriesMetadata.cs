using System.Buffers;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;

namespace Skylight.Archive.Series;

/// <summary>Which document of a metadata object.</summary>
public readonly record struct MetadataKey(string SopInstanceUid, int Revision);

/// <summary>
/// DICOM JSON (one object, without bulk data) of the instances of one commit to a series, compressed in blocks: one instance costs one block, the whole
/// series is copied out block by block, without parsing any JSON.
/// </summary>
public sealed class SeriesMetadata
{
    /// <summary>Version of the content that is written; readers accept it and the one before it (there is none yet).</summary>
    public const byte Version = 1;

    /// <summary>A block is closed once it holds this much JSON: what reading a single instance decompresses.</summary>
    internal const int BlockBytes = 64 * 1024;

    private readonly string _name;
    private readonly byte[] _bytes;
    private readonly Block[] _blocks;
    private readonly Dictionary<MetadataKey, int> _places;
    private readonly Item[] _items;

    private SeriesMetadata(string name, byte[] bytes, Block[] blocks, Item[] items)
    {
        _name = name;
        _bytes = bytes;
        _blocks = blocks;
        _items = items;
        _places = new Dictionary<MetadataKey, int>(items.Length);
        for (var i = 0; i < items.Length; i++) _places[items[i].Key] = i;
    }

    /// <summary>The documents in order.</summary>
    public IEnumerable<MetadataKey> Keys => _items.Select(item => item.Key);

    /// <summary>Documents.</summary>
    public int Count => _items.Length;

    /// <summary>Blocks that the documents lie in.</summary>
    public int Blocks => _blocks.Length;

    /// <summary>Bytes of its content, compressed.</summary>
    public int Bytes => _bytes.Length;

    /// <summary>Reads a sealed metadata object.</summary>
    /// <exception cref="SealedObjectException">It is damaged, or of a version this reader does not accept.</exception>
    public static async ValueTask<SeriesMetadata> ReadAsync(IObjectStore store, string name, IReadKeys keys, CancellationToken cancellationToken) =>
        Parse(name, await SealedObjectReader.ReadAllAsync(store, name, SealedType.Metadata, keys, cancellationToken));

    /// <summary>Parses the plaintext of a metadata object, which it keeps; <paramref name="name"/> is for errors.</summary>
    public static SeriesMetadata Parse(string name, byte[] bytes)
    {
        var outer = new WireReader(name, bytes);
        if (outer.Byte() != Version) throw outer.Bad();
        var directory = new WireReader(name, outer.Block());
        var blocks = new Block[Bounded(directory.Count(), bytes.Length, outer)];
        var items = new List<Item>();
        for (var block = 0; block < blocks.Length; block++)
        {
            var at = 0;
            var first = items.Count;
            for (var count = directory.Count(); count > 0; count--)
            {
                var uid = directory.Text();
                var revision = directory.Count();
                var length = directory.Count();
                items.Add(new Item(new MetadataKey(uid, revision), block, at, length));
                at += length + 1;
            }

            var (method, plain) = outer.BlockHead(out var packed);
            if (items.Count == first || plain != at - 1) throw outer.Bad();
            blocks[block] = new Block(method, OffsetOf(bytes, packed), packed.Length, plain, first, items.Count - first);
        }

        return outer.AtEnd && directory.AtEnd ? new SeriesMetadata(name, bytes, blocks, [.. items]) : throw outer.Bad();
    }

    /// <summary>Bytes of one document; 0 when it is not here.</summary>
    public int LengthOf(MetadataKey key) => _places.TryGetValue(key, out var place) ? _items[place].Length : 0;

    /// <summary>Writes one document. False when it is not here.</summary>
    public bool TryWrite(MetadataKey key, IBufferWriter<byte> destination)
    {
        if (!_places.TryGetValue(key, out var place)) return false;
        var item = _items[place];
        var plain = Unpack(_blocks[item.Block]);
        destination.Write(plain.AsSpan(item.Offset, item.Length));
        ArrayPool<byte>.Shared.Return(plain);
        return true;
    }

    /// <summary>
    /// Writes the selected documents in order, joined by ',' and without brackets. A block of which all documents are selected is copied as one.
    /// </summary>
    /// <param name="first">True while nothing has been written to the array yet; says whether a ',' comes first, and is cleared by the first document.</param>
    /// <param name="select">Which documents; null for all.</param>
    /// <returns>Documents written.</returns>
    public int WriteAll(IBufferWriter<byte> destination, ref bool first, Func<MetadataKey, bool>? select)
    {
        var written = 0;
        for (var block = 0; block < _blocks.Length; block++) written += WriteBlock(block, destination, ref first, select);
        return written;
    }

    /// <summary>As <see cref="WriteAll"/>, one block of <see cref="Blocks"/> at a time, for writers that flush in between.</summary>
    public int WriteBlock(int number, IBufferWriter<byte> destination, ref bool first, Func<MetadataKey, bool>? select)
    {
        var block = _blocks[number];
        var chosen = new List<Item>(block.Items);
        foreach (var item in _items.AsSpan(block.First, block.Items))
            if (select is null || select(item.Key)) chosen.Add(item);
        if (chosen.Count == 0) return 0;
        if (!first) destination.Write(","u8);
        first = false;
        if (chosen.Count == block.Items)
        {
            new WireReader(_name, _bytes).Unpack(block.Method, _bytes.AsSpan(block.Offset, block.Packed), destination.GetSpan(block.Plain)[..block.Plain]);
            destination.Advance(block.Plain);
            return chosen.Count;
        }

        var plain = Unpack(block);
        for (var i = 0; i < chosen.Count; i++)
        {
            if (i > 0) destination.Write(","u8);
            destination.Write(plain.AsSpan(chosen[i].Offset, chosen[i].Length));
        }

        ArrayPool<byte>.Shared.Return(plain);
        return chosen.Count;
    }

    private static int Bounded(int count, int length, WireReader reader) => count <= length ? count : throw reader.Bad();

    private static int OffsetOf(byte[] whole, ReadOnlySpan<byte> part)
    {
        whole.AsSpan().Overlaps(part, out var offset);
        return offset;
    }

    private byte[] Unpack(Block block)
    {
        var plain = ArrayPool<byte>.Shared.Rent(block.Plain);
        new WireReader(_name, _bytes).Unpack(block.Method, _bytes.AsSpan(block.Offset, block.Packed), plain.AsSpan(0, block.Plain));
        return plain;
    }

    private readonly record struct Item(MetadataKey Key, int Block, int Offset, int Length);

    private readonly record struct Block(byte Method, int Offset, int Packed, int Plain, int First, int Items);
}

/// <summary>Collects DICOM JSON documents into one metadata object.</summary>
public sealed class SeriesMetadataBuilder
{
    private readonly WireWriter _directory = new();
    private readonly WireWriter _blocks = new();
    private readonly WireWriter _block = new();
    private readonly List<(MetadataKey Key, int Length)> _open = [];
    private int _closed;

    /// <summary>Documents added.</summary>
    public int Count { get; private set; }

    /// <summary>Adds one document: one JSON object in UTF-8.</summary>
    public void Add(MetadataKey key, ReadOnlySpan<byte> json)
    {
        if (_open.Count > 0) _block.Byte((byte)',');
        _block.Raw(json);
        _open.Add((key, json.Length));
        Count++;
        if (_block.Count >= SeriesMetadata.BlockBytes) Close();
    }

    /// <summary>Seals what was added as a small object, stored nowhere yet.</summary>
    public (SealedReference Reference, SmallObject Object) Seal(string folder, DataKey key, SealOptions options) =>
        SealedObjectWriter.Seal(folder, key, SealedType.Metadata, options, ToBytes());

    /// <summary>The plaintext of a metadata object with everything added so far.</summary>
    public byte[] ToBytes()
    {
        Close();
        var directory = new WireWriter();
        directory.Number((ulong)_closed);
        directory.Raw(_directory.Written);
        var output = new WireWriter();
        output.Byte(SeriesMetadata.Version);
        output.Block(directory.Written);
        output.Raw(_blocks.Written);
        return output.Written.ToArray();
    }

    private void Close()
    {
        if (_open.Count == 0) return;
        _directory.Number((ulong)_open.Count);
        foreach (var (key, length) in _open)
        {
            _directory.Text(key.SopInstanceUid);
            _directory.Number((ulong)key.Revision);
            _directory.Number((ulong)length);
        }

        _blocks.Block(_block.Written);
        _block.Clear();
        _open.Clear();
        _closed++;
    }
}
