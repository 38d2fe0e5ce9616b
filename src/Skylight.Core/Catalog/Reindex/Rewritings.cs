namespace Skylight.Core.Catalog;

/// <summary>
/// Takes rewritings at their word: every index that one has written names those that it stands for. What it stands for is left out, and so is what was written by a rewriting that
/// broke off, or that lost against another one of the same parts.
/// </summary>
internal static class Rewritings
{
    /// <summary>The parts that count.</summary>
    /// <param name="named">Indexes that the catalog knows: what stands for one of them and is not known itself was never committed.</param>
    public static List<FoundPart> Left(List<FoundPart> parts, IReadOnlySet<string> named)
    {
        var all = parts.Where(part => part.Content.Rewriting is not null).GroupBy(part => part.Content.Rewriting!.Id)
            .Select(group => new Found([.. group], group.First().Content.Rewriting!.Replaces, group.Any(part => part.Content.Rewriting!.IsLast))).ToList();
        if (all.Count == 0) return parts;
        var present = parts.Select(part => part.Index).ToHashSet(StringComparer.Ordinal);
        var built = all.SelectMany(found => found.Replaces).ToHashSet(StringComparer.Ordinal);
        var (taken, lost) = (new HashSet<string>(StringComparer.Ordinal), new HashSet<FoundPart>());
        foreach (var found in all.OrderByDescending(found => found.Parts.Exists(part => named.Contains(part.Index)))
            .ThenByDescending(found => found.Parts.Exists(part => built.Contains(part.Index))).ThenByDescending(found => found.Replaces.Count).ThenByDescending(found => found.Parts[0].Order))
        {
            // Without its last part: broken off, or long committed, and that part has since been rewritten. Then nothing of what it stands for is there any more.
            var isBroken = !found.IsWhole && found.Replaces.Any(present.Contains);
            var isUnknown = found.Replaces.Any(named.Contains) && !found.Parts.Exists(part => named.Contains(part.Index));
            if (isBroken || isUnknown || found.Replaces.Any(taken.Contains)) lost.UnionWith(found.Parts);
            else taken.UnionWith(found.Replaces);
        }

        return parts.FindAll(part => !taken.Contains(part.Index) && !lost.Contains(part));
    }

    private sealed record Found(List<FoundPart> Parts, IReadOnlyList<string> Replaces, bool IsWhole);
}
