using System.Text;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;

namespace Skylight.Archive.Series;

/// <summary>
/// The index of a series, or of one commit to it (a delta): entries in order of arrival. A series as readers see it is the merge of its deltas in
/// document order. Immutable.
/// </summary>
public sealed class SeriesIndex
{
    /// <summary>The newest version of the content; readers accept it and the one before it. Written where an entry is compressed, which older readers must not take for the file itself.</summary>
    public const byte Version = 2;

    private const byte WithoutCoding = 1;

    public SeriesIndex(IReadOnlyList<IndexEntry> entries) => Entries = entries;

    /// <summary>Every entry, held and superseded ones included.</summary>
    public IReadOnlyList<IndexEntry> Entries { get; }

    /// <summary>What a rewriting says of the part; null for one that a commit brought.</summary>
    public SeriesRewriting? Rewriting { get; init; }

    /// <summary>The entries that are served: stored, and current.</summary>
    public IEnumerable<IndexEntry> Served => Entries.Where(entry => entry is { Current: true, State: EntryState.Stored });

    /// <summary>
    /// One index of many. An entry replaces an earlier one of the same (UID, revision, file digest); of all entries of a UID that are marked current the last
    /// one stays so. Places keep the order of first arrival.
    /// </summary>
    public static SeriesIndex Merge(IReadOnlyList<SeriesIndex> deltas)
    {
        if (deltas.Count == 1 && !HasRival(deltas[0])) return deltas[0];
        var merged = new List<IndexEntry>(deltas.Sum(delta => delta.Entries.Count));
        var places = new Dictionary<(string, int, string), int>(merged.Capacity);
        var current = new Dictionary<string, int>(merged.Capacity);
        foreach (var entry in deltas.SelectMany(delta => delta.Entries))
        {
            var identity = (entry.SopInstanceUid, entry.Revision, Convert.ToHexString(entry.FileSha256));
            if (!places.TryGetValue(identity, out var place))
            {
                places[identity] = place = merged.Count;
                merged.Add(entry);
            }
            else
            {
                merged[place] = entry;
            }

            if (!entry.Current) continue;
            if (current.TryGetValue(entry.SopInstanceUid, out var before) && before != place) merged[before] = merged[before] with { Current = false };
            current[entry.SopInstanceUid] = place;
        }

        return new SeriesIndex(merged);
    }

    /// <summary>Whether two entries of one UID are marked current: revisions that came in one batch.</summary>
    private static bool HasRival(SeriesIndex delta)
    {
        var current = new HashSet<string>(delta.Entries.Count);
        foreach (var entry in delta.Entries)
            if (entry.Current && !current.Add(entry.SopInstanceUid)) return true;
        return false;
    }

    /// <summary>Seals an index as a small object, stored nowhere yet.</summary>
    /// <param name="metadata">The metadata object that goes with it; null for none. It is named in the index, so that the two are found together again.</param>
    public (SealedReference Reference, SmallObject Object) Seal(string folder, DataKey key, SealOptions options, SealedReference? metadata = null) =>
        SealedObjectWriter.Seal(folder, key, SealedType.Index, options, Naming(metadata).ToBytes());

    private SeriesIndex Naming(SealedReference? metadata)
    {
        if (Entries.Count == 0) return this;
        var name = metadata is null ? "" : metadata.Name[(metadata.Name.LastIndexOf('/') + 1)..];
        return new SeriesIndex([.. Entries.Select((entry, i) => entry.Metadata == (i == 0 ? name : "") ? entry : entry with { Metadata = i == 0 ? name : "" })]) { Rewriting = Rewriting };
    }

    /// <summary>Reads a sealed index.</summary>
    /// <exception cref="SealedObjectException">It is damaged, or of a version this reader does not accept.</exception>
    public static async ValueTask<SeriesIndex> ReadAsync(IObjectStore store, string name, IReadKeys keys, CancellationToken cancellationToken) =>
        Parse(name, await SealedObjectReader.ReadAllAsync(store, name, SealedType.Index, keys, cancellationToken));

    /// <summary>The plaintext of an index object.</summary>
    public byte[] ToBytes()
    {
        var packs = new Dictionary<SealedReference, int>();
        var body = new WireWriter();
        var fields = new WireWriter();
        foreach (var entry in Entries) packs.TryAdd(entry.Pack, packs.Count);
        body.Number((ulong)packs.Count);
        foreach (var pack in packs.Keys)
        {
            body.Text(pack.Name);
            body.Number((ulong)pack.Length);
        }

        body.Number((ulong)Entries.Count);
        foreach (var entry in Entries)
        {
            fields.Clear();
            Write(fields, entry, packs[entry.Pack]);
            body.Bytes(fields.Written);
        }

        if (Rewriting is not null)
        {
            fields.Clear();
            Rewriting.Write(fields);
            body.Bytes(fields.Written);
        }

        var output = new WireWriter();
        output.Byte(Entries.Any(entry => entry.CodedLength > 0) ? Version : WithoutCoding);
        output.Block(body.Written);
        return output.Written.ToArray();
    }

    /// <summary>Parses the plaintext of an index object; <paramref name="name"/> is for errors.</summary>
    public static SeriesIndex Parse(string name, ReadOnlySpan<byte> bytes)
    {
        var outer = new WireReader(name, bytes);
        if (outer.Byte() is not (Version or WithoutCoding)) throw outer.Bad();
        var reader = new WireReader(name, outer.Block());
        var packs = new SealedReference[Bounded(reader.Count(), bytes.Length, outer)];
        for (var i = 0; i < packs.Length; i++)
        {
            var pack = reader.Text();
            packs[i] = new SealedReference(pack, reader.Number() is <= long.MaxValue / 2 and var length ? (long)length : throw outer.Bad());
        }

        var count = reader.Count();
        var entries = new List<IndexEntry>(Math.Min(count, 65_536));
        for (var i = 0; i < count; i++) entries.Add(Read(new WireReader(name, reader.Bytes()), packs));
        return new SeriesIndex(entries) { Rewriting = reader.AtEnd ? null : SeriesRewriting.Read(new WireReader(name, reader.Bytes())) };
    }

    // A pack is named by at least two bytes before compression, which shrinks at most a thousandfold or so: a wild count is a damaged object.
    private static int Bounded(int count, int length, WireReader reader) => count <= (long)length * 1024 ? count : throw reader.Bad();

    private static void Write(WireWriter to, IndexEntry entry, int pack)
    {
        to.Field(1, entry.SopInstanceUid);
        to.Field(2, entry.SopClassUid);
        to.Field(3, entry.TransferSyntaxUid);
        to.Field(4, (ulong)pack);
        to.Field(5, (ulong)entry.Offset);
        to.Field(6, (ulong)entry.Length);
        to.Field(7, (ulong)entry.DatasetOffset);
        to.Field(8, entry.FileSha256);
        to.Field(9, entry.DatasetDigest);
        to.Field(10, entry.PixelDigest);
        to.Field(11, entry.PixelDigestKind);
        to.Field(12, entry.FrameTable);
        to.Field(13, (ulong)entry.Revision);
        to.Field(14, entry.Current ? 1UL : 0);
        to.Field(15, (ulong)entry.Trust);
        to.Field(16, (ulong)entry.State);
        to.Field(17, Microseconds(entry.ReceivedAt));
        if (entry.InstanceNumber is { } number) to.Field(18, (((ulong)(uint)((number << 1) ^ (number >> 31))) << 1) | 1);
        to.Field(19, (ulong)entry.Rows);
        to.Field(20, (ulong)entry.Columns);
        to.Field(21, (ulong)entry.BitsAllocated);
        to.Field(22, (ulong)entry.Frames);
        to.Field(23, entry.Attributes);
        if (entry.Commit > 0) to.Field(24, entry.Commit);
        if (entry.Owner.Length > 0) to.Field(25, entry.Owner);
        to.Field(26, (ulong)entry.CodedLength);
        to.Field(27, (ulong)entry.CodingTried);
        if (entry.StudyCreatedAt is { } created) to.Field(28, Microseconds(created));
        if (entry.Metadata.Length > 0) to.Field(29, entry.Metadata);
        if (entry.Arrived > 0) to.Field(30, entry.Arrived);
        if (entry.Deletion.Length > 0) to.Field(31, entry.Deletion);
    }

    private static ulong Microseconds(DateTimeOffset moment) => (ulong)((moment - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond);

    private static IndexEntry Read(WireReader reader, SealedReference[] packs)
    {
        var entry = new Draft();
        while (!reader.AtEnd)
        {
            // Fields of later writers are passed over.
            var field = reader.Field(out var value, out var content);
            entry.Set(field, value, content);
        }

        return entry.Pack < (ulong)packs.Length && entry.IsSound ? entry.Finish(packs[entry.Pack]) : throw reader.Bad();
    }

    private sealed class Draft
    {
        private readonly ulong[] _numbers = new ulong[32];
        private readonly byte[][] _bytes = new byte[32][];

        public ulong Pack => _numbers[4];

        /// <summary>No number is one that no writer writes: places and lengths fit 63 bits, the time is one that a calendar has.</summary>
        public bool IsSound => _numbers[5] <= long.MaxValue / 2 && _numbers[6] <= long.MaxValue / 2 && _numbers[7] <= long.MaxValue / 2 && _numbers[26] <= long.MaxValue / 2
            && IsMoment(_numbers[17]) && IsMoment(_numbers[28]);

        private static bool IsMoment(ulong microseconds) =>
            (long)microseconds >= (DateTimeOffset.MinValue - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond
            && (long)microseconds <= (DateTimeOffset.MaxValue - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

        private static DateTimeOffset Moment(ulong microseconds) => DateTimeOffset.UnixEpoch.AddTicks((long)microseconds * TimeSpan.TicksPerMicrosecond);

        public void Set(int field, ulong value, ReadOnlySpan<byte> content)
        {
            if (field >= _numbers.Length) return;
            _numbers[field] = value;
            if (!content.IsEmpty) _bytes[field] = content.ToArray();
        }

        public IndexEntry Finish(SealedReference pack) => new()
        {
            SopInstanceUid = Text(1),
            SopClassUid = Text(2),
            TransferSyntaxUid = Text(3),
            Pack = pack,
            Offset = (long)_numbers[5],
            Length = (long)_numbers[6],
            DatasetOffset = (long)_numbers[7],
            FileSha256 = Bytes(8),
            DatasetDigest = Bytes(9),
            PixelDigest = Bytes(10),
            PixelDigestKind = Text(11),
            FrameTable = Bytes(12),
            Revision = (int)_numbers[13],
            Current = _numbers[14] != 0,
            Trust = (int)_numbers[15],
            State = (EntryState)_numbers[16],
            ReceivedAt = Moment(_numbers[17]),
            StudyCreatedAt = _numbers[28] == 0 ? null : Moment(_numbers[28]),
            InstanceNumber = _numbers[18] == 0 ? null : Signed((uint)(_numbers[18] >> 1)),
            Rows = (int)_numbers[19],
            Columns = (int)_numbers[20],
            BitsAllocated = (int)_numbers[21],
            Frames = (int)_numbers[22],
            Attributes = Bytes(23),
            Commit = _numbers[24],
            Owner = Text(25),
            CodedLength = (long)_numbers[26],
            CodingTried = (int)_numbers[27],
            Metadata = Text(29),
            Arrived = _numbers[30],
            Deletion = Text(31),
        };

        private static int Signed(uint value) => (int)(value >> 1) ^ -(int)(value & 1);

        private byte[] Bytes(int field) => _bytes[field] ?? [];

        private string Text(int field) => Encoding.UTF8.GetString(Bytes(field));
    }
}
