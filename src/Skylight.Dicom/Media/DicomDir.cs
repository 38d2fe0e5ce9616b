namespace Skylight.Dicom;

/// <summary>A record of a DICOMDIR (PS3.3 F.3).</summary>
/// <param name="Type">(0004,1430): PATIENT, STUDY, SERIES, IMAGE, SR DOCUMENT …</param>
/// <param name="Keys">The record's own elements.</param>
/// <param name="FileId">(0004,1500), the path in parts; empty when the record refers to no file.</param>
/// <param name="Children">Records of the level below, in order.</param>
public sealed record DirectoryRecord(string Type, DicomDataset Keys, IReadOnlyList<string> FileId, IReadOnlyList<DirectoryRecord> Children)
{
    /// <summary>(0004,1410): records marked inactive are to be ignored.</summary>
    public bool IsActive => Keys.GetInt32(DicomTags.RecordInUseFlag) != 0;

    public string? SopClassUid => Keys.GetString(DicomTags.ReferencedSOPClassUIDInFile);

    public string? SopInstanceUid => Keys.GetString(DicomTags.ReferencedSOPInstanceUIDInFile);

    /// <summary>The file's path relative to the DICOMDIR, with "/"; null when there is none. Media differ in case: compare without.</summary>
    public string? Path => FileId.Count == 0 ? null : string.Join('/', FileId);
}

/// <summary>The directory of a file-set on media (PS3.10 8, PS3.3 F).</summary>
/// <param name="FileSetId">(0004,1130) or "".</param>
/// <param name="Roots">Records of the top level, normally patients.</param>
/// <param name="All">Every record, in the order of the file.</param>
public sealed record DicomDir(string FileSetId, IReadOnlyList<DirectoryRecord> Roots, IReadOnlyList<DirectoryRecord> All)
{
    /// <summary>Active records that refer to a file.</summary>
    public IEnumerable<DirectoryRecord> Files => All.Where(r => r.IsActive && r.FileId.Count > 0);

    /// <summary>A directory rather than an instance.</summary>
    public static bool IsDirectory(DicomDataset fileMeta, DicomDataset dataset) =>
        fileMeta.GetString(DicomTags.MediaStorageSOPClassUID) == DicomUids.MediaStorageDirectoryStorage || dataset.Contains(DicomTags.DirectoryRecordSequence);

    /// <summary>Reads the records and their order. Offsets that point nowhere are not fatal: then levels follow from the types, in the order of the file.</summary>
    public static DicomDir Read(DicomDataset dataset)
    {
        var items = dataset.GetItems(DicomTags.DirectoryRecordSequence);
        var nodes = new Node[items.Count];
        var byOffset = new Dictionary<long, int>();
        for (var i = 0; i < nodes.Length; i++)
        {
            nodes[i] = new Node(items[i]);
            byOffset[items[i].Position] = i;
        }

        var roots = new List<int>();
        if (!ByOffsets(dataset, nodes, byOffset, roots)) ByTypes(nodes, roots);
        var records = new DirectoryRecord?[nodes.Length];
        var top = roots.ConvertAll(i => Build(nodes, records, i, 0));
        return new DicomDir(dataset.GetString(DicomTags.FileSetID) ?? "", top, [.. nodes.Select((_, i) => records[i] ?? Build(nodes, records, i, 0))]);
    }

    private static DirectoryRecord Build(Node[] nodes, DirectoryRecord?[] records, int index, int depth)
    {
        if (records[index] is { } done) return done;
        var node = nodes[index];
        // Every record has one parent, so the depth is that of the nesting; the bound is for hostile files.
        var children = depth < 32 ? node.Children.ConvertAll(c => Build(nodes, records, c, depth + 1)) : [];
        var record = new DirectoryRecord(node.Type, node.Item, [.. node.Item.GetStrings(DicomTags.ReferencedFileID).Where(p => p.Length > 0)], children);
        return records[index] = record;
    }

    /// <summary>Follows next and lower-level offsets (0004,1400), (0004,1420). False: they do not reach the records.</summary>
    private static bool ByOffsets(DicomDataset dataset, Node[] nodes, Dictionary<long, int> byOffset, List<int> roots)
    {
        if (nodes.Length == 0) return true;
        if (!byOffset.TryGetValue(dataset.GetInt64(DicomTags.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity) ?? 0, out var first)) return false;
        var seen = new bool[nodes.Length];
        var reached = 0;
        var chains = new Stack<(List<int> Siblings, int First)>([(roots, first)]);
        while (chains.TryPop(out var chain))
        {
            for (var at = chain.First; !seen[at];)
            {
                seen[at] = true;
                reached++;
                chain.Siblings.Add(at);
                if (byOffset.TryGetValue(nodes[at].Item.GetInt64(DicomTags.OffsetOfReferencedLowerLevelDirectoryEntity) ?? 0, out var lower)) chains.Push((nodes[at].Children, lower));
                if (!byOffset.TryGetValue(nodes[at].Item.GetInt64(DicomTags.OffsetOfTheNextDirectoryRecord) ?? 0, out at)) break;
            }
        }

        // Inactive records may be unreachable; half of the records missing means broken offsets.
        if (reached * 2 >= nodes.Length) return true;
        roots.Clear();
        foreach (var node in nodes) node.Children.Clear();
        return false;
    }

    private static void ByTypes(Node[] nodes, List<int> roots)
    {
        var open = new int[3];
        Array.Fill(open, -1);
        for (var i = 0; i < nodes.Length; i++)
        {
            var level = nodes[i].Type switch { "PATIENT" => 0, "STUDY" => 1, "SERIES" => 2, _ => 3 };
            var parent = level == 0 ? -1 : open[..level].LastOrDefault(p => p >= 0, -1);
            (parent < 0 ? roots : nodes[parent].Children).Add(i);
            if (level == 3) continue;
            open[level] = i;
            Array.Fill(open, -1, level + 1, 2 - level);
        }
    }

    private sealed class Node(DicomDataset item)
    {
        public DicomDataset Item { get; } = item;

        public string Type { get; } = item.GetString(DicomTags.DirectoryRecordType) ?? "";

        public List<int> Children { get; } = [];
    }
}
