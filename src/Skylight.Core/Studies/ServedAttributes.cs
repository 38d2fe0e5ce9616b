using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Ingest;
using Skylight.Core.Lifecycle.Corrections;

namespace Skylight.Core.Studies;

/// <summary>
/// What a study shows of itself (its attributes, those of its series, its reports) made anew from the instances that are served, in the order of their arrival: after a change
/// of states, when something that counted before does not any more. Ingest adds to it one instance at a time. Pure.
/// </summary>
internal static class ServedAttributes
{
    /// <summary>The study as its served instances make it. Series of which none is served, and a study of which none is, keep what they showed last.</summary>
    /// <param name="served">Current, stored entries with their facts.</param>
    public static StudyDocument Of(StudyDocument study, IEnumerable<(string SeriesKey, IndexEntry Entry, InstanceFacts Facts)> served)
    {
        var plain = CorrectedAttributes.Strip(study);
        var made = plain with { Attributes = new StudyAttributes(), AttributesTrust = SourceTrust.Other, Reports = [], Series = [] };
        foreach (var (seriesKey, entry, facts) in served.OrderBy(item => item.Entry.Arrival)) made = Add(made, seriesKey, entry, facts);
        return Laid(study, plain, made);
    }

    /// <summary>
    /// The same where the study shows what was served before, and some of it has changed: facts are asked for only as long as they can say something. An image says nothing more once
    /// everything is filled that the study showed before or that comes into view, unless its source or its revision counts more.
    /// </summary>
    /// <param name="served">Current, stored entries.</param>
    /// <param name="shown">Those of them that were not served before.</param>
    /// <param name="find">Facts of an entry; null for one without a document.</param>
    public static async ValueTask<StudyDocument> OfAsync(
        StudyDocument study, IReadOnlyList<(string SeriesKey, IndexEntry Entry)> served, IEnumerable<(string SeriesKey, IndexEntry Entry)> shown,
        Func<string, IndexEntry, ValueTask<InstanceFacts?>> find)
    {
        var plain = CorrectedAttributes.Strip(study);
        var bounds = new AttributeBounds(plain);
        foreach (var (seriesKey, entry) in shown)
            if (await find(seriesKey, entry) is { } facts) bounds.Widen(seriesKey, facts);
        var made = plain with { Attributes = new StudyAttributes(), AttributesTrust = SourceTrust.Other, Reports = [], Series = [] };
        foreach (var (seriesKey, entry) in served.OrderBy(item => item.Entry.Arrival))
        {
            if (bounds.AreReached(made, seriesKey, entry))
                made = made with { Attributes = StudyAssembler.WithSopClass(made.Attributes, entry.SopClassUid) };
            else if (await find(seriesKey, entry) is { } facts)
                made = Add(made, seriesKey, entry, facts);
        }

        return Laid(study, plain, made);
    }

    private static StudyDocument Add(StudyDocument made, string seriesKey, IndexEntry entry, InstanceFacts facts)
    {
        var decision = new InstanceDecision(entry.Revision > 1 ? OutcomeKind.Revision : OutcomeKind.Stored, null, null, null, entry.Revision, true);
        return StudyAssembler.Add(made, seriesKey, facts, (SourceTrust)entry.Trust, decision, inference: false);
    }

    private static StudyDocument Laid(StudyDocument study, StudyDocument plain, StudyDocument made)
    {
        if (made.Series.Count == 0) return study;
        var series = made.Series.ToDictionary(item => item.SeriesKey, StringComparer.Ordinal);
        return CorrectedAttributes.Lay(plain with
        {
            Attributes = made.Attributes,
            AttributesTrust = made.AttributesTrust,
            Reports = made.Reports,
            Series = [.. plain.Series.Select(item => series.TryGetValue(item.SeriesKey, out var own) ? item with { Attributes = own.Attributes, AttributesTrust = own.AttributesTrust } : item)],
        });
    }
}
