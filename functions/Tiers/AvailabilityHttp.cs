using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Access;
using Skylight.Core.Catalog;
using Skylight.Core.Tiers;
using Skylight.Functions.Access;
using Skylight.Functions.DicomWeb;
using Skylight.Functions.Http;

namespace Skylight.Functions.Tiers;

/// <summary>Whether a study can be read now, and asking for an archived one before it is needed. For whoever may read the study.</summary>
public sealed class AvailabilityHttp(Gate gate, ICatalog catalog, Rehydrations rehydrations, TimeProvider time)
{
    [Function("studies-availability")]
    public async Task<IActionResult> Get(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/studies/{study}/availability")] HttpRequest request, string study, CancellationToken cancellationToken)
    {
        var (refusal, found) = await FindAsync(request, study, cancellationToken);
        if (found is null) return refusal!;
        var state = await rehydrations.RefreshAsync(found, cancellationToken);
        if (state.RequestedAt is not null) ArchivedStudies.RetryAfter(request, state, time.GetUtcNow());
        return Answer.Json(state);
    }

    [Function("studies-rehydrate")]
    public async Task<IActionResult> Request(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/studies/{study}/rehydration")] HttpRequest request, string study, CancellationToken cancellationToken)
    {
        var (refusal, found) = await FindAsync(request, study, cancellationToken);
        if (found is null) return refusal!;
        var state = await rehydrations.RequestAsync(found, cancellationToken);
        return state.Readable ? Answer.Json(state) : Answer.Accepted(ArchivedStudies.StatusUrl(Institution(request), study), state);
    }

    private async ValueTask<(IActionResult? Refusal, StudyDocument? Study)> FindAsync(HttpRequest request, string study, CancellationToken cancellationToken)
    {
        var admission = await gate.AdmitAsync(request, AccessAction.StudyRead, ObjectRef.Study(Institution(request), study), cancellationToken);
        if (admission.Refusal is { } refusal) return (refusal, null);
        return await catalog.GetStudyAsync(admission.Institution, study, cancellationToken) is { Value: var found } && found.IsVisible() ? (null, found) : (Refusals.NotFound(), null);
    }

    private static string? Institution(HttpRequest request) => request.Query["institution"] is [{ Length: > 0 } named] ? named : null;
}
