using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Access;
using Skylight.Core.Catalog;
using Skylight.Functions.Access;
using Skylight.Functions.Http;

namespace Skylight.Functions.Catalog;

/// <summary>Keyword search for people and programs: the same studies that QIDO-RS shows, found by free keywords, conditions and what reports say.</summary>
public sealed class StudySearchHttp(Gate gate, KeywordSearch search)
{
    public sealed record StudyView(
        string StudyInstanceUid, string? PatientName, string? PatientId, string? PatientSex, string? PatientBirthDate, int? Age, string? StudyDate, string? StudyTime,
        string? AccessionNumber, string? StudyId, string? Description, IReadOnlyList<string> Modalities, IReadOnlyList<string> BodyParts, int Series, int Instances,
        StudyState State, StorageTier Tier, int Level, IReadOnlyList<string> Tags, IReadOnlyList<string> Categories, string? Performing, DateTimeOffset ReceivedAt);

    /// <summary><c>?institution=</c> names another institution, where the caller's own links reach there.</summary>
    [Function("studies-search")]
    public async Task<IActionResult> Search([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/studies")] HttpRequest request, CancellationToken cancellationToken)
    {
        var institution = request.Query["institution"] is [{ Length: > 0 } named] ? named : null;
        var admission = await gate.AdmitAsync(request, AccessAction.StudySearch, ObjectRef.Studies(institution), cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        var parameters = request.Query.Where(p => p.Key is not ("limit" or "next" or "institution")).SelectMany(p => p.Value.Select(v => KeyValuePair.Create(p.Key, v ?? "")));
        if (StudySearchParameters.Parse(parameters, out var fault) is not { } query)
        {
            // The name of a parameter that is not ours is the client's text: it is not repeated.
            return Problem.WrongParameter(StudySearchParameters.Names.Contains(fault) ? fault : null);
        }

        // Its own cursors are sealed: they hold what was searched for.
        var asked = request.Query["next"];
        if (asked.Count > 1 || Paging.LimitOf(request) is not { } limit) return Paging.Wrong(request);
        var next = asked is [{ Length: > 0 } cursor] ? cursor : null;
        try
        {
            var page = await search.SearchAsync(admission.Institution, query, admission.Scope, admission.Actor.Subject, limit, next, cancellationToken);
            return Answer.List<StudyView>([.. page.Items.Select(View)], page.Next);
        }
        catch (InvalidContinuationException)
        {
            return Problem.WrongParameter("next");
        }
    }

    private static StudyView View(StudySummary study) => new(
        study.StudyInstanceUid, study.Attributes.PatientName, study.Attributes.PatientId, study.Attributes.PatientSex, study.Attributes.PatientBirthDate,
        StudyFilter.Age(study.Attributes), study.Attributes.StudyDate, study.Attributes.StudyTime, study.Attributes.AccessionNumber, study.Attributes.StudyId,
        study.Attributes.StudyDescription, study.Attributes.Modalities, study.BodyParts, study.Series, study.Instances, study.State, study.Tier, study.Level,
        study.Tags, study.Categories, study.Performing, study.ReceivedAt);
}
