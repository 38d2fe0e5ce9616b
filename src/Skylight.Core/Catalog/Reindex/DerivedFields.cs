using System.Text.Json.Nodes;
using System.Text.Json;
using Skylight.Core.Documents;

namespace Skylight.Core.Catalog;

/// <summary>Which fields of a study document the archive alone can tell, and which it cannot.</summary>
public static class DerivedFields
{
    /// <summary>A rebuilt document with what no object says taken from an earlier one: level, tags, categories, holds, encounter, parties, sources, state, times.</summary>
    public static StudyDocument Carry(StudyDocument rebuilt, StudyDocument? earlier) => earlier is null ? rebuilt : rebuilt with
    {
        Level = earlier.Level,
        Tags = earlier.Tags,
        Categories = earlier.Categories,
        Hold = earlier.Hold,
        Holds = earlier.Holds,
        HoldsUnknownSince = earlier.HoldsUnknownSince,
        Order = earlier.Order ?? rebuilt.Order,
        Parties = earlier.Parties,
        Identifiability = earlier.Identifiability,
        Sources = earlier.Sources,
        State = earlier.State,
        CreatedAt = earlier.CreatedAt,
        ReceivedAt = earlier.ReceivedAt,
        Outbox = earlier.Outbox,
        Rehydration = earlier.Rehydration,
        Erasing = earlier.Erasing,

        // A technician may have given a provisional study another patient.
        PatientKey = rebuilt.ProvisionalOf is null ? rebuilt.PatientKey : earlier.PatientKey,
    };

    /// <summary>A document without the metadata names of these indexes.</summary>
    internal static StudyDocument Without(StudyDocument study, IReadOnlySet<string> indexes) => study with
    {
        Series = [.. study.Series.Select(series => series with { Parts = [.. series.Parts.Select(part => indexes.Contains(part.Index) ? part with { Metadata = "" } : part)] })],
    };

    /// <summary>Names of derivable fields in which two documents differ. The order of parts within a series is one of them; that of series is not: a catalog keeps the order in which they came, also when what came first is erased.</summary>
    public static IEnumerable<string> Differences(StudyDocument one, StudyDocument other)
    {
        var (a, b) = (Json(one), Json(other));
        foreach (var name in a.Select(field => field.Key).Union(b.Select(field => field.Key)).Order(StringComparer.Ordinal))
            if (!JsonNode.DeepEquals(a[name], b[name])) yield return name;
    }

    /// <summary>Whether two sets of rows agree but for the batch that stored them, which no object names.</summary>
    public static bool Same(IEnumerable<InstanceIndexRow> one, IEnumerable<InstanceIndexRow> other) => Text(one).SequenceEqual(Text(other));

    /// <summary>
    /// A refusal says nothing where content came in all the same, by a technician's word; nor does one that was taken back.
    /// </summary>
    private static IEnumerable<string> Text(IEnumerable<InstanceIndexRow> rows) =>
        rows.Where(row => row is not { State: InstanceState.Deleted, SeriesKey: "" }).GroupBy(row => row.SopInstanceUid)
            .SelectMany(own => own.Any(row => row.State != InstanceState.Refused) ? own.Where(row => row.State != InstanceState.Refused) : own)
            .Select(row => JsonSerializer.Serialize(row with { Origin = 0 }, DocumentJson.Options)).Order(StringComparer.Ordinal);

    private static JsonObject Json(StudyDocument study)
    {
        var plain = Carry(study, new StudyDocument { Institution = "", StudyKey = "", StudyInstanceUid = "", PatientKey = study.PatientKey, Attributes = new StudyAttributes() }) with
        {
            Order = null,
            Revision = 0,
            ContentRevision = 0,
            TierAt = null,
            Compression = null,
        };

        plain = plain with { Series = [.. plain.Series.OrderBy(series => series.SeriesKey, StringComparer.Ordinal)] };

        // What nobody is shown any more is as it was shown last, which no object tells.
        if (study.ProvisionalOf is null)
        {
            plain = plain with { Series = [.. plain.Series.Select(series => series.Instances > 0 ? series : series with { Attributes = new SeriesAttributes(), AttributesTrust = SourceTrust.Other, Corrected = null })] };
            if (study.Instances() == 0) plain = plain with { Attributes = new StudyAttributes(), AttributesTrust = SourceTrust.Other, Corrected = null, Reports = [] };
        }

        return JsonSerializer.SerializeToNode(plain, DocumentJson.Options)!.AsObject();
    }
}
