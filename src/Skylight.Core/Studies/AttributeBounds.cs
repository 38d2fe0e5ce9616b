using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Ingest;

namespace Skylight.Core.Studies;

/// <summary>
/// The most that a study's attributes can become: what it showed before, and what has come into view since. What no served instance had said before, none of those that stay says.
/// </summary>
internal sealed class AttributeBounds(StudyDocument before)
{
    private readonly Dictionary<string, SeriesAttributes> _series = before.Series.ToDictionary(series => series.SeriesKey, series => series.Attributes, StringComparer.Ordinal);
    private StudyAttributes _study = before.Attributes;

    /// <summary>Takes in what an instance says that comes into view.</summary>
    public void Widen(string seriesKey, InstanceFacts facts)
    {
        _study = StudyAssembler.Fill(_study, facts.Study);
        if (facts.Series.Modality is { } modality && !_study.Modalities.Contains(modality)) _study = _study with { Modalities = [.. _study.Modalities, modality] };
        _series[seriesKey] = _series.TryGetValue(seriesKey, out var known) ? StudyAssembler.Fill(known, facts.Series) : facts.Series;
    }

    /// <summary>Whether an instance cannot add to what the instances before it have made, but for its SOP class.</summary>
    public bool AreReached(StudyDocument made, string seriesKey, IndexEntry entry)
    {
        // Reports are no images; an image of another form, or of a source that counts more, replaces.
        if (entry.Rows <= 0 || entry.Revision > 1 || made.Series.FirstOrDefault(series => series.SeriesKey == seriesKey) is not { } series) return false;
        if ((SourceTrust)entry.Trust > made.AttributesTrust || (SourceTrust)entry.Trust > series.AttributesTrust) return false;
        return StudyAssembler.Fill(made.Attributes, _study) == made.Attributes
            && (!_series.TryGetValue(seriesKey, out var bound) || StudyAssembler.Fill(series.Attributes, bound) == series.Attributes)
            && _study.Modalities.All(modality => made.Attributes.Modalities.Contains(modality) || ComesWithAnother(made, modality));
    }

    /// <summary>The first instance of a series is always asked.</summary>
    private bool ComesWithAnother(StudyDocument made, string modality) => _series.Any(item => item.Value.Modality == modality && made.Series.All(series => series.SeriesKey != item.Key));
}
