using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Core.Catalog;
using Skylight.Core.Institutions;
using Skylight.Core.Studies;

namespace Skylight.Core.Integrity;

/// <summary>Goes through all studies of all institutions in a fixed order, from any place in it.</summary>
internal sealed class StudyWalk(ICatalog catalog, InstitutionDirectory institutions, StudyParts parts, IObjectStore store)
{
    /// <summary>The study after this one; null at the end.</summary>
    public async ValueTask<StudyReference?> NextAsync(string institution, string studyKey, CancellationToken cancellationToken)
    {
        foreach (var code in await CodesAsync(cancellationToken))
        {
            if (string.CompareOrdinal(code, institution) < 0) continue;
            var page = await catalog.ListStudyKeysAsync(code, code == institution ? studyKey : "", 1, cancellationToken);
            if (page.Count > 0) return new StudyReference(code, page[0]);
        }

        return null;
    }

    /// <summary>Names of a study's objects: those that it names, and with <paramref name="listed"/> also those that merely lie in its folder.</summary>
    public async ValueTask<IReadOnlyCollection<string>> NamesAsync(string institution, string studyKey, bool listed, CancellationToken cancellationToken)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        if ((await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken))?.Value is { } study)
        {
            names.UnionWith(study.SideObjects());
            try
            {
                foreach (var part in (await parts.ListAllAsync(study, cancellationToken)).Values.SelectMany(list => list))
                    foreach (var name in (string[])[part.Pack, part.Index, part.Metadata])
                        if (name.Length > 0) names.Add(part.ObjectName(study, name));
            }
            catch (Exception error) when (error is SealedObjectException or ObjectMissingException or KeyUnavailableException)
            {
                // Without its manifest the older parts are found in the folder; the manifest itself is among the names.
                listed = true;
            }
        }

        if (!listed) return names;
        await foreach (var name in store.ListAsync($"{institution}/{studyKey}/", cancellationToken)) names.Add(name);
        return names;
    }

    private async ValueTask<IReadOnlyList<string>> CodesAsync(CancellationToken cancellationToken)
    {
        var codes = new List<string>();
        await foreach (var code in institutions.CodesAsync(cancellationToken)) codes.Add(code);
        codes.Sort(StringComparer.Ordinal);
        return codes;
    }
}
