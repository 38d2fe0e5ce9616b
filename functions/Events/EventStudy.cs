using System.Text.Json;
using Skylight.Core.Catalog;

namespace Skylight.Functions.Events;

/// <summary>The study that a study event is about, from its source and subject.</summary>
internal static class EventStudy
{
    private const string Institutions = "/institutions/", Studies = "studies/";

    /// <summary>Null for an event that is about something else.</summary>
    public static StudyReference? Of(string happened)
    {
        using var parsed = JsonDocument.Parse(happened);
        if (!parsed.RootElement.TryGetProperty("source", out var source) || !parsed.RootElement.TryGetProperty("subject", out var subject)) return null;
        if (source.GetString() is not { } from || subject.GetString() is not { } about) return null;
        return from.StartsWith(Institutions, StringComparison.Ordinal) && about.StartsWith(Studies, StringComparison.Ordinal)
            ? new StudyReference(from[Institutions.Length..], about[Studies.Length..])
            : null;
    }
}
