using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Skylight.Core.Catalog;
using Skylight.Core.Tiers;
using Skylight.Functions.Http;

namespace Skylight.Functions.DicomWeb;

/// <summary>
/// What a request for the bytes of an archived study gets: 202, when it will be ready and where to look, the first one starting the rehydration. Not an
/// error: the study is there, and metadata and searches answer as always.
/// </summary>
public sealed class ArchivedStudies(Rehydrations rehydrations, TimeProvider time)
{
    private static readonly TimeSpan ShortestWait = TimeSpan.FromSeconds(5), LongestWait = TimeSpan.FromHours(1);

    /// <param name="ReadyAt">Estimate, UTC.</param>
    /// <param name="StatusUrl">A path below our base URL.</param>
    public sealed record ArchivedView(string Status, string Code, string Title, string TitleZh, string Availability, DateTimeOffset? RequestedAt, DateTimeOffset? ReadyAt, string StatusUrl);

    /// <summary>The answer to a request that needs packs; null when they can be read. The caller has been admitted to the study.</summary>
    /// <param name="institution">Named in the route; null for the caller's own.</param>
    public ValueTask<IActionResult?> AnswerAsync(HttpRequest request, string? institution, StudyDocument study, CancellationToken cancellationToken) =>
        AnswerAsync(request, study, StatusUrl(institution, study.StudyInstanceUid), cancellationToken);

    /// <inheritdoc cref="AnswerAsync(HttpRequest, string?, StudyDocument, CancellationToken)"/>
    /// <param name="status">Where to look how it goes: a path below our base URL.</param>
    internal async ValueTask<IActionResult?> AnswerAsync(HttpRequest request, StudyDocument study, string status, CancellationToken cancellationToken)
    {
        if (study.Tier != StorageTier.Archive) return null;
        var state = await rehydrations.RequestAsync(study, cancellationToken);
        if (state.Readable) return null;
        RetryAfter(request, state, time.GetUtcNow());
        return Answer.Accepted(status, new ArchivedView(
            "archived", "study-archived", "The study is archived; it is being brought back.", "该检查已归档，正在取回。", state.Availability, state.RequestedAt, state.ReadyAt, status));
    }

    internal static string StatusUrl(string? institution, string studyInstanceUid) =>
        $"/api/studies/{Uri.EscapeDataString(studyInstanceUid)}/availability" + (institution is null ? "" : $"?institution={Uri.EscapeDataString(institution)}");

    internal static void RetryAfter(HttpRequest request, StudyAvailability state, DateTimeOffset now)
    {
        var wait = (state.ReadyAt ?? now) - now;
        wait = wait < ShortestWait ? ShortestWait : wait > LongestWait ? LongestWait : wait;
        request.HttpContext.Response.Headers.RetryAfter = ((int)wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
    }
}
