using System.Buffers;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;
using Skylight.Core.Studies;
using Skylight.Dicom;

namespace Skylight.Core.Catalog;

/// <summary>One index object with the metadata object that goes with it: what a <see cref="SeriesPart"/> names.</summary>
internal sealed class FoundPart(string folder, string name, SeriesIndex index)
{
    private readonly Dictionary<MetadataKey, DicomDataset> _documents = [];

    /// <summary>The study key of the folder.</summary>
    public string Folder => folder;

    /// <summary>Last part of the index object's name.</summary>
    public string Index => name;

    public IReadOnlyList<IndexEntry> Entries => index.Entries;

    public SeriesIndex Content => index;

    public string? Metadata { get; private set; }

    /// <summary>Last part of the pack's name.</summary>
    public string Pack { get; } = index.Entries.Count == 0 ? "" : index.Entries[0].Pack.Name[(index.Entries[0].Pack.Name.LastIndexOf('/') + 1)..];

    /// <summary>The study document it belongs to.</summary>
    public string Owner { get; } = index.Entries.Count == 0 || index.Entries[0].Owner.Length == 0 ? folder : index.Entries[0].Owner;

    /// <summary>Its place among the parts of a series.</summary>
    public PartOrder Order { get; } = new(PartPlace.Of(index), index.Entries.Count == 0 ? DateTimeOffset.MinValue : index.Entries.Max(entry => entry.ReceivedAt), name);

    public void Take(string metadataName, SeriesMetadata metadata)
    {
        Metadata = metadataName;
        var json = new ArrayBufferWriter<byte>();
        foreach (var key in metadata.Keys)
        {
            json.ResetWrittenCount();
            if (metadata.TryWrite(key, json)) _documents[key] = DicomJson.Read(json.WrittenSpan);
        }
    }

    public DicomDataset? Document(IndexEntry entry) => _documents.GetValueOrDefault(new MetadataKey(entry.SopInstanceUid, entry.Revision));

    public DicomDataset? AnyDocument => _documents.Values.FirstOrDefault();
}

/// <summary>Orders the parts of a study: by their places; parts of before there were commit numbers, which have none, by when they came.</summary>
internal readonly record struct PartOrder(PartPlace Place, DateTimeOffset ReceivedAt, string Name) : IComparable<PartOrder>
{
    public int CompareTo(PartOrder other)
    {
        var order = Place.CompareTo(other.Place);
        if (order == 0) order = ReceivedAt.CompareTo(other.ReceivedAt);
        return order == 0 ? string.CompareOrdinal(Name, other.Name) : order;
    }
}

/// <summary>
/// The index and metadata objects of one folder of the store, matched to each other, without those that a merge or a re-encryption has replaced and that
/// wait to be deleted.
/// </summary>
internal sealed class StudyObjects(IObjectStore store, IReadKeys keys, RetiredObjects retired)
{
    private const string IndexSuffix = ".index", MetadataSuffix = ".metadata";

    /// <param name="named">Last parts of the names of the indexes that the catalog knows, whole or old; none without one.</param>
    /// <param name="unreadable">Gets the names of objects that cannot be read: damaged, or sealed under a key that is gone.</param>
    public async Task<List<FoundPart>> ReadAsync(string institution, string folder, IReadOnlySet<string> named, ICollection<string> unreadable, CancellationToken cancellationToken)
    {
        var parts = new List<FoundPart>();
        var metadata = new List<(string Name, SeriesMetadata Content, HashSet<MetadataKey> Keys)>();
        await foreach (var name in store.ListAsync($"{institution}/{folder}/", cancellationToken))
        {
            try
            {
                if (name.EndsWith(IndexSuffix, StringComparison.Ordinal)) parts.Add(new FoundPart(folder, Last(name), await SeriesIndex.ReadAsync(store, name, keys, cancellationToken)));
                else if (name.EndsWith(MetadataSuffix, StringComparison.Ordinal) && await SeriesMetadata.ReadAsync(store, name, keys, cancellationToken) is var content)
                    metadata.Add((Last(name), content, [.. content.Keys]));
            }
            catch (Exception error) when (error is SealedObjectException or KeyUnavailableException or ObjectMissingException)
            {
                unreadable.Add(name);
            }
        }

        var all = parts;
        var (live, owners) = Live(Rewritings.Left(parts, named));
        parts = [.. live.OrderBy(part => part.Order)];
        Match(parts, all, owners, metadata, await PairsAsync(institution, folder, cancellationToken));
        return parts;
    }

    /// <summary>The metadata of indexes that a merge has written or replaced, by the last part of their names: its record names them one after the other.</summary>
    private async Task<Dictionary<string, string>> PairsAsync(string institution, string folder, CancellationToken cancellationToken)
    {
        var pairs = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var names in await retired.ListsAsync(institution, folder, cancellationToken))
        {
            for (var i = 0; i + 1 < names.Count; i++)
                if (names[i].EndsWith(IndexSuffix, StringComparison.Ordinal) && names[i + 1].EndsWith(MetadataSuffix, StringComparison.Ordinal)) pairs[Last(names[i])] = Last(names[i + 1]);
        }

        return pairs;
    }

    /// <summary>
    /// Each index with the metadata that goes with it: the one that it names. Indexes of before name none: then as a merge has recorded, or else that with just its documents. A
    /// merge of changes of states has the documents of some entries only, and a change of states has none of its own.
    /// </summary>
    private static void Match(
        List<FoundPart> parts, List<FoundPart> all, HashSet<FoundPart> owners, List<(string Name, SeriesMetadata Content, HashSet<MetadataKey> Keys)> metadata, Dictionary<string, string> pairs)
    {
        Take((part, item) => part.Entries is [{ Metadata.Length: > 0 } named, ..] ? named.Metadata == item.Name : pairs.GetValueOrDefault(part.Index) == item.Name);
        var elsewhere = pairs.Values.Concat(all.Select(part => part.Entries is [var first, ..] ? first.Metadata : "")).ToHashSet(StringComparer.Ordinal);
        metadata.RemoveAll(item => elsewhere.Contains(item.Name));
        metadata.Sort((one, other) => other.Keys.Count.CompareTo(one.Keys.Count));
        var wanted = parts.ToDictionary(part => part, part => part.Entries.Select(entry => new MetadataKey(entry.SopInstanceUid, entry.Revision)).ToHashSet());
        Take((part, item) => owners.Contains(part) ? item.Keys.SetEquals(wanted[part]) : item.Keys.Count == 0);
        Take((part, item) => item.Keys.IsSubsetOf(wanted[part]));

        void Take(Func<FoundPart, (string Name, SeriesMetadata Content, HashSet<MetadataKey> Keys), bool> fits)
        {
            foreach (var part in parts.Where(part => part.Metadata is null))
            {
                var at = metadata.FindIndex(item => fits(part, item));
                if (at < 0) continue;
                part.Take(metadata[at].Name, metadata[at].Content);
                metadata.RemoveAt(at);
            }
        }
    }

    /// <summary>
    /// Leaves out what was replaced, where no rewriting says so itself: an index of which every entry stands, as new or newer, in another one that has brought a pack of its own. (An index that only changes
    /// states names the pack of another, and replaces nothing.)
    /// </summary>
    private static (List<FoundPart> Live, HashSet<FoundPart> Owners) Live(List<FoundPart> parts)
    {
        var places = parts.SelectMany(part => part.Entries.Select(entry => (Key: Identity(entry), Part: part, Entry: entry))).ToLookup(item => item.Key, item => (item.Part, item.Entry));
        var owners = places.SelectMany(group => group).GroupBy(item => item.Entry.Pack.Name).Select(group => group.MinBy(item => (item.Entry.Commit, -item.Part.Entries.Count)).Part).ToHashSet();
        var live = parts.FindAll(part => part.Content.Rewriting is not null || part.Entries.Count == 0 || !part.Entries.All(entry => places[Identity(entry)].Any(other =>
            other.Part != part && other.Part.Content.Rewriting is null && other.Entry.Commit >= entry.Commit && other.Entry.Pack.Name != entry.Pack.Name && owners.Contains(other.Part)
            && (!owners.Contains(part) || Outranks(other.Part, part)))));
        return (live, owners);
    }

    private static bool Outranks(FoundPart other, FoundPart part) => (other.Order.Place, other.Entries.Count).CompareTo((part.Order.Place, part.Entries.Count)) switch
    {
        0 => string.CompareOrdinal(other.Index, part.Index) > 0,
        var order => order > 0,
    };

    private static (string, int, string) Identity(IndexEntry entry) => (entry.SopInstanceUid, entry.Revision, Convert.ToHexString(entry.FileSha256));

    private static string Last(string name) => name[(name.LastIndexOf('/') + 1)..];
}
