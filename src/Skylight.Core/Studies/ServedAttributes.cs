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
        foreach (var (seriesKey, entry, facts) in served.OrderBy(item => item.Entry.Arrival))
        {
            var decision = new InstanceDecision(entry.Revision > 1 ? OutcomeKind.Revision : OutcomeKind.Stored, null, null, null, entry.Revision, true);
            made = StudyAssembler.Add(made, seriesKey, facts, (SourceTrust)entry.Trust, decision, inference: false);
        }

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
