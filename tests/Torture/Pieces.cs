using Microsoft.Extensions.DependencyInjection;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Studies;

namespace Skylight.Torture;

/// <summary>What compressing series in pieces has left in a folder: each rewriting by its id, so that it counts once however often it is seen.</summary>
/// <param name="Later">Pieces that were written behind an earlier one of the same series.</param>
/// <param name="Between">Pieces behind which the rest of the series waits as it was.</param>
internal sealed record Pieces(HashSet<ulong> Later, HashSet<ulong> Between)
{
    /// <summary>Of a part that is a piece of what an earlier piece has left, the place has more than the commit (8 bytes) and one number (4).</summary>
    private const int FirstPlaceBytes = 12;

    public static Pieces None => new([], []);

    public static async Task<Pieces> OfAsync(IServiceProvider services, string institution, Ledger ledger, CancellationToken cancellationToken)
    {
        var (catalog, parts) = (services.GetRequiredService<ICatalog>(), services.GetRequiredService<StudyParts>());
        var (store, keys, found) = (services.GetRequiredService<IObjectStore>(), services.GetRequiredService<IReadKeys>(), None);
        foreach (var uid in ledger.Studies)
        {
            if (await catalog.GetStudyAsync(institution, uid, cancellationToken) is not { Value: { Hidden: false } study }) continue;
            foreach (var list in (await parts.ListAllAsync(study, cancellationToken)).Values)
            {
                var indexes = new List<SeriesIndex>();
                foreach (var part in list) indexes.Add(await SeriesIndex.ReadAsync(store, part.ObjectName(study, part.Index), keys, cancellationToken));
                found.Add(indexes);
            }
        }

        return found;
    }

    private void Add(List<SeriesIndex> indexes)
    {
        foreach (var rewriting in indexes.Where(index => index.Rewriting is not null).GroupBy(index => index.Rewriting!.Id))
        {
            if (!rewriting.Any(index => index.Entries.Any(entry => entry.CodedLength > 0))) continue;
            if (rewriting.Any(index => index.Rewriting!.Place.Bytes.Length > FirstPlaceBytes)) Later.Add(rewriting.Key);
            if (rewriting.Any(index => index.Entries.All(entry => entry is { CodedLength: 0, CodingTried: 0 }))) Between.Add(rewriting.Key);
        }
    }
}
