using System.Buffers;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;
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
    public (ulong Commit, DateTimeOffset ReceivedAt, string Name) Order { get; } = index.Entries.Count == 0
        ? (0, DateTimeOffset.MinValue, name)
        : (index.Entries.Max(entry => entry.Commit), index.Entries.Max(entry => entry.ReceivedAt), name);

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

/// <summary>
/// The index and metadata objects of one folder of the store, matched to each other, without those that a merge or a re-encryption has replaced and that
/// wait to be deleted.
/// </summary>
internal sealed class StudyObjects(IObjectStore store, IReadKeys keys)
{
    private const string IndexSuffix = ".index", MetadataSuffix = ".metadata";

    /// <param name="unreadable">Gets the names of objects that cannot be read: damaged, or sealed under a key that is gone.</param>
    public async Task<List<FoundPart>> ReadAsync(string institution, string folder, ICollection<string> unreadable, CancellationToken cancellationToken)
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

        parts = [.. Live(parts).OrderBy(part => part.Order)];
        foreach (var part in parts) Match(part, metadata);
        return parts;
    }

    /// <summary>The metadata with just the documents of an index; of several alike each is used once, as long as there are enough.</summary>
    private static void Match(FoundPart part, List<(string Name, SeriesMetadata Content, HashSet<MetadataKey> Keys)> metadata)
    {
        var wanted = part.Entries.Select(entry => new MetadataKey(entry.SopInstanceUid, entry.Revision)).ToHashSet();
        var at = metadata.FindIndex(item => item.Keys.SetEquals(wanted));
        // A change of states has no documents of its own.
        if (at < 0) at = metadata.FindIndex(item => item.Keys.Count == 0);
        if (at < 0) return;
        part.Take(metadata[at].Name, metadata[at].Content);
        metadata.RemoveAt(at);
    }

    /// <summary>
    /// Leaves out what was replaced: an index of which every entry stands, as new or newer, in another one that keeps its bytes in another pack. (An index that
    /// only changes states names the same pack, and replaces nothing.)
    /// </summary>
    private static List<FoundPart> Live(List<FoundPart> parts)
    {
        var places = parts.SelectMany(part => part.Entries.Select(entry => (Key: Identity(entry), Part: part, Entry: entry))).ToLookup(item => item.Key, item => (item.Part, item.Entry));
        return parts.FindAll(part => part.Entries.Count == 0 || !part.Entries.All(entry => places[Identity(entry)].Any(other =>
            other.Part != part && other.Entry.Commit >= entry.Commit && other.Entry.Pack.Name != entry.Pack.Name && Outranks(other.Part, part))));
    }

    private static bool Outranks(FoundPart other, FoundPart part) =>
        other.Entries.Count > part.Entries.Count || (other.Entries.Count == part.Entries.Count && string.CompareOrdinal(other.Index, part.Index) > 0);

    private static (string, int, string) Identity(IndexEntry entry) => (entry.SopInstanceUid, entry.Revision, Convert.ToHexString(entry.FileSha256));

    private static string Last(string name) => name[(name.LastIndexOf('/') + 1)..];
}
