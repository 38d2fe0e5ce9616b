using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;

namespace Skylight.Core.Ingest;

/// <summary>How many frames the revisions had that a batch replaces: the same pixels may be one frame by the attributes of one file and fifteen by those of the next.</summary>
internal static class ReplacedFrames
{
    /// <summary>The instances, with the frames that each takes the place of, where that can be told.</summary>
    /// <param name="before">The study as it is; null when there is none.</param>
    public static async ValueTask<IReadOnlyList<DecidedInstance>> CountAsync(IngestService service, StudyDocument? before, IReadOnlyList<DecidedInstance> kept, CancellationToken cancellationToken)
    {
        var frames = new Dictionary<(string Sop, int Revision), int>();
        foreach (var group in kept.Where(Replaces).GroupBy(instance => instance.SeriesKey))
        {
            var series = before?.Series.FirstOrDefault(item => item.SeriesKey == group.Key);

            // As nearly always: each has one, and nothing need be read to know it.
            if (series is null || (series.Frames == series.Instances && group.All(instance => instance.Pending.Facts.Frames == 1))) continue;
            try
            {
                foreach (var part in await service.Parts.ListAsync(before!, group.Key, cancellationToken))
                    foreach (var entry in (await SeriesIndex.ReadAsync(service.Store, part.ObjectName(before!, part.Index), service.Keys, cancellationToken)).Entries) frames[(entry.SopInstanceUid, entry.Revision)] = entry.Frames;
            }
            catch (Exception error) when (error is SealedObjectException or ObjectMissingException or ObjectUnreadableException or KeyUnavailableException)
            {
                // What is damaged is the scrub's matter; a count must not keep an instance out.
            }
        }

        if (frames.Count == 0 && !kept.Any(Replaces)) return kept;
        foreach (var instance in kept) frames.TryAdd((instance.Pending.Facts.Identity.SopInstanceUid, instance.Decision.Revision), instance.Pending.Facts.Frames);
        return
        [
            .. kept.Select(instance => Replaces(instance) && frames.TryGetValue((instance.Decision.Replaces!.SopInstanceUid, instance.Decision.Replaces.Revision), out var count)
                ? instance with { Decision = instance.Decision with { ReplacedFrames = count } } : instance),
        ];
    }

    private static bool Replaces(DecidedInstance instance) => instance.Decision is { Current: true, Replaces: { } replaced } && replaced.SeriesKey == instance.SeriesKey;
}
