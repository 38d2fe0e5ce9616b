using Skylight.Archive.Objects;

namespace Skylight.Local.Backup;

/// <summary>An object of a data folder, and the tier's folder that it was seen in.</summary>
internal sealed record SourceObject(string Tier, string Name, string Path);

/// <summary>
/// The objects of a data folder whose host may be moving them between tiers meanwhile: each once; where a move has left two, the one in the hotter tier. What
/// the scrub has kept of damaged objects is none of them.
/// </summary>
internal sealed class SourceObjects
{
    /// <summary>The hottest first.</summary>
    public static readonly string[] TierFolders = ["objects", "objects-cool", "objects-cold", "objects-archive"];

    private const string Kept = "damaged/";
    private readonly (string Tier, string Root)[] _roots;

    public SourceObjects(BackupOptions options) =>
        _roots = [.. TierFolders.Select(tier => (tier, options.Tiers.GetValueOrDefault(tier) ?? Path.Combine(options.Data, tier)))];

    /// <summary>Goes through the tiers twice: what was brought to a hotter one behind the first look there is seen by the second.</summary>
    public IEnumerable<SourceObject> List()
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var walk = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None };
        foreach (var (tier, root) in (IEnumerable<(string, string)>)[.. _roots, .. _roots[..^1]])
        {
            if (!Directory.Exists(root)) continue;
            foreach (var path in Directory.EnumerateFiles(root, "*", walk))
            {
                var name = Path.GetRelativePath(root, path);
                if (ObjectName.IsValid(name) && !name.StartsWith(Kept, StringComparison.Ordinal) && seen.Add(name)) yield return new SourceObject(tier, name, path);
            }
        }
    }

    /// <summary>Where an object is now; null when it is gone. Between two looks a move may pass by, so there are some.</summary>
    public SourceObject? Find(string name)
    {
        for (var look = 0; look < 3; look++)
        {
            foreach (var (tier, root) in _roots)
                if (Path.Combine(root, name) is var path && File.Exists(path)) return new SourceObject(tier, name, path);
        }

        return null;
    }
}
