using Skylight.Archive.Series;
using Skylight.Core.Access;
using Skylight.Core.Catalog;

namespace Skylight.Core.Retrieve;

/// <summary>The part of an institution's studies that a search's address names: all, one study, or one series.</summary>
public sealed record QidoWithin(string? StudyInstanceUid, string? SeriesInstanceUid)
{
    public static QidoWithin All { get; } = new(null, null);
}

/// <summary>One result: a study, one of its series, or one of that series' instances. <see cref="Document"/> is null where the summary was enough.</summary>
public sealed record QidoHit(StudySummary Study, StudyDocument? Document, SeriesRecord? Series, IndexEntry? Instance);

/// <param name="More">There are results past the last one given.</param>
public sealed record QidoAnswer(IReadOnlyList<QidoHit> Hits, bool More);

/// <summary>
/// Finds studies, series and instances (PS3.18 §10.6). Study keys go to the catalog; what it has no term for is compared here, on documents and series
/// indexes, so that the cost of a search is that of the studies which its study keys leave.
/// </summary>
public sealed class QidoSearch(ICatalog catalog, StudyReader reader)
{
    private const int PageSize = 500;

    /// <summary>Null when the study or series that the address names is not there.</summary>
    /// <param name="access">What the caller may see.</param>
    public async Task<QidoAnswer?> SearchAsync(string institution, QidoWithin within, QidoQuery query, AccessScope access, CancellationToken cancellationToken)
    {
        var collector = new Collector(query);
        if (within.StudyInstanceUid is { } uid)
        {
            if (await catalog.GetStudyAsync(institution, uid, cancellationToken) is not { Value: var study } || !study.IsVisible()) return null;
            if (within.SeriesInstanceUid is { } series && !study.Series.Any(s => s.SeriesInstanceUid == series && s.Instances > 0)) return null;
            if (StudyFilter.Matches(ToCatalog(query), study) && MatchesRest(study.Attributes, query))
                await CollectAsync(study, within.SeriesInstanceUid, query, collector, cancellationToken);
            return collector.Answer();
        }

        if (access.IsEmpty || await ScopeAsync(institution, query, access, cancellationToken) is not { } scope) return collector.Answer();
        var wanted = ToCatalog(query) with { Scope = scope };
        // With keys that only documents can answer, results are counted here; else the catalog passes over the offset itself.
        var needsDocument = query.Level != QidoLevel.Study || query.Matches.Any(m => m.Attribute.Level != QidoLevel.Study && m.Attribute != QidoAttribute.Modality);
        var passOver = needsDocument || HasRest(query) ? 0 : query.Offset;
        if (passOver > 0) collector.Skipped(passOver);
        string? continuation = null;
        do
        {
            var page = await catalog.QueryStudiesAsync(institution, wanted, Math.Min(PageSize, query.Limit + 1), passOver, continuation, cancellationToken);
            passOver = 0;
            continuation = page.Continuation;
            foreach (var summary in page.Items)
            {
                if (!access.Includes(summary.StudyKey, summary.PatientKey, summary.Level) || !MatchesRest(summary.Attributes, query)) continue;
                if (!needsDocument) collector.Add(new QidoHit(summary, null, null, null));
                else if (await catalog.GetStudyByKeyAsync(institution, summary.StudyKey, cancellationToken) is { } stored && stored.Value.IsVisible())
                    await CollectAsync(stored.Value, null, query, collector, cancellationToken);
                if (collector.Full) return collector.Answer();
            }
        }
        while (continuation is not null);
        return collector.Answer();
    }

    private async Task CollectAsync(StudyDocument study, string? seriesUid, QidoQuery query, Collector collector, CancellationToken cancellationToken)
    {
        var summary = StudySummary.Of(study);
        foreach (var series in study.Series.OrderBy(s => Number(s.Attributes.SeriesNumber)).ThenBy(s => s.SeriesInstanceUid, StringComparer.Ordinal))
        {
            if (series.Instances == 0 || (seriesUid is not null && series.SeriesInstanceUid != seriesUid) || !Matches(series, query)) continue;
            if (query.Level == QidoLevel.Study)
            {
                collector.Add(new QidoHit(summary, study, null, null));
                return;
            }
            if (query.Level == QidoLevel.Series)
            {
                collector.Add(new QidoHit(summary, study, series, null));
            }
            else
            {
                foreach (var entry in await reader.ListAsync(study, series, cancellationToken))
                {
                    if (Matches(entry, query)) collector.Add(new QidoHit(summary, study, series, entry));
                    if (collector.Full) return;
                }
            }
            if (collector.Full) return;
        }
    }

    /// <summary>Which studies can hold a result at all; null when none can.</summary>
    private async ValueTask<StudyScope?> ScopeAsync(string institution, QidoQuery query, AccessScope access, CancellationToken cancellationToken)
    {
        if (query.On(QidoAttribute.SopInstanceUid) is not { } instances)
            return access.IsAll ? StudyScope.All : new StudyScope([.. access.PatientKeys], [.. access.StudyKeys]);
        // The instance index knows the studies of a UID; without it every series would have to be read.
        var studies = new HashSet<string>(StringComparer.Ordinal);
        foreach (var uids in instances.Values.Chunk(1000))
        {
            foreach (var row in await catalog.FindInstancesAsync(institution, uids, cancellationToken))
            {
                if (row.State == InstanceState.Current) studies.Add(row.StudyKey);
            }
        }
        return studies.Count == 0 ? null : new StudyScope(null, [.. studies]);
    }

    /// <summary>The catalog's part of a search.</summary>
    private static StudyQuery ToCatalog(QidoQuery query) => new()
    {
        StudyInstanceUids = query.On(QidoAttribute.StudyInstanceUid)?.Values ?? [],
        StudyDate = Range(query.On(QidoAttribute.StudyDate)),
        StudyTime = Range(query.On(QidoAttribute.StudyTime)),
        PatientId = Text(query.On(QidoAttribute.PatientId)),
        PatientName = Text(query.On(QidoAttribute.PatientName)),
        PatientBirthDate = Range(query.On(QidoAttribute.PatientBirthDate)),
        PatientSex = query.On(QidoAttribute.PatientSex) is { Values: [var sex] } ? sex : null,
        AccessionNumber = Text(query.On(QidoAttribute.AccessionNumber)),
        ModalitiesInStudy = Modalities(query),
        StudyId = Text(query.On(QidoAttribute.StudyId)),
        StudyDescription = Text(query.On(QidoAttribute.StudyDescription)),
        ReferringPhysicianName = Text(query.On(QidoAttribute.ReferringPhysicianName)),
    };

    private static IReadOnlyList<string> Modalities(QidoQuery query) =>
        (query.On(QidoAttribute.ModalitiesInStudy) ?? query.On(QidoAttribute.Modality)) is { } match && !HasWildcard(match) ? match.Values : [];

    private static string? Text(QidoMatch? match) => match?.Values[0];

    private static DicomRange? Range(QidoMatch? match) =>
        match is null ? null : match.Values.Count > 0 ? new DicomRange(match.Values[0], match.Values[0]) : new DicomRange(match.From, match.To);

    /// <summary>The study keys that the catalog has no place for.</summary>
    private static bool MatchesRest(StudyAttributes a, QidoQuery query) =>
        (query.On(QidoAttribute.IssuerOfPatientId)?.Accepts(a.IssuerOfPatientId) ?? true)
        && (query.On(QidoAttribute.PatientSex)?.Accepts(a.PatientSex) ?? true)
        && (query.On(QidoAttribute.ModalitiesInStudy)?.Accepts(a.Modalities) ?? true)
        && (query.On(QidoAttribute.Modality)?.Accepts(a.Modalities) ?? true);

    private static bool HasRest(QidoQuery query) =>
        query.On(QidoAttribute.IssuerOfPatientId) is not null || query.On(QidoAttribute.PatientSex) is { Values.Count: > 1 }
        || (query.On(QidoAttribute.ModalitiesInStudy) is not null && query.On(QidoAttribute.Modality) is not null)
        || (query.On(QidoAttribute.ModalitiesInStudy) ?? query.On(QidoAttribute.Modality)) is { } modality && HasWildcard(modality);

    private static bool HasWildcard(QidoMatch match) => match.Values.Any(v => v.AsSpan().ContainsAny('*', '?'));

    private static bool Matches(SeriesRecord series, QidoQuery query)
    {
        var a = series.Attributes;
        foreach (var match in query.Matches)
        {
            var accepted = match.Attribute.Tag switch
            {
                0x00080060 => match.Accepts(a.Modality),
                0x0008103E => match.Accepts(a.SeriesDescription),
                0x0020000E => match.Accepts(series.SeriesInstanceUid),
                0x00200011 => match.Accepts(a.SeriesNumber),
                0x00180015 => match.Accepts(a.BodyPart),
                0x00400244 => match.Accepts(a.PerformedProcedureStepStartDate),
                0x00400245 => match.Accepts(a.PerformedProcedureStepStartTime),
                _ => true,
            };
            if (!accepted) return false;
        }
        return true;
    }

    private static bool Matches(IndexEntry entry, QidoQuery query)
    {
        foreach (var match in query.Matches)
        {
            var accepted = match.Attribute.Tag switch
            {
                0x00080016 => match.Accepts(entry.SopClassUid),
                0x00080018 => match.Accepts(entry.SopInstanceUid),
                0x00200013 => match.Accepts(entry.InstanceNumber?.ToString(System.Globalization.CultureInfo.InvariantCulture)),
                _ => true,
            };
            if (!accepted) return false;
        }
        return true;
    }

    private static int Number(string? text) =>
        int.TryParse(text, System.Globalization.NumberStyles.Integer, System.Globalization.CultureInfo.InvariantCulture, out var number) ? number : int.MaxValue;

    /// <summary>The window of the results: skips the offset, takes the limit, and sees whether there is one more.</summary>
    private sealed class Collector(QidoQuery query)
    {
        private readonly List<QidoHit> _hits = [];
        private int _toSkip = query.Offset;
        private bool _more;

        public bool Full => _more;

        public void Skipped(int count) => _toSkip -= count;

        public void Add(QidoHit hit)
        {
            if (_toSkip > 0) _toSkip--;
            else if (_hits.Count < query.Limit) _hits.Add(hit);
            else _more = true;
        }

        public QidoAnswer Answer() => new(_hits, _more);
    }
}
