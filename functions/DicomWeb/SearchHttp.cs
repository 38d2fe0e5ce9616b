using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Access;
using Skylight.Core.Hosting;
using Skylight.Core.Catalog;
using Skylight.Core.Retrieve;
using Skylight.Core.Tiers;
using Skylight.Dicom;
using Skylight.Functions.Access;
using Skylight.Functions.Http;

namespace Skylight.Functions.DicomWeb;

/// <summary>QIDO-RS (PS3.18 §10.6). No match is 200 with an empty array, which every client reads; more matches than the limit are announced by a Warning header.</summary>
public sealed class SearchHttp(Gate gate, QidoSearch search, QidoExtras extras, Rehydrations rehydrations, PublicAddress address)
{
    [Function("SearchStudies")]
    public Task<IActionResult> Studies(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "dicomweb/studies")] HttpRequest request, CancellationToken cancellationToken) =>
        SearchAsync(request, null, QidoWithin.All, QidoLevel.Study, cancellationToken);

    [Function("SearchSeries")]
    public Task<IActionResult> Series(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "dicomweb/series")] HttpRequest request, CancellationToken cancellationToken) =>
        SearchAsync(request, null, QidoWithin.All, QidoLevel.Series, cancellationToken);

    [Function("SearchInstances")]
    public Task<IActionResult> Instances(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "dicomweb/instances")] HttpRequest request, CancellationToken cancellationToken) =>
        SearchAsync(request, null, QidoWithin.All, QidoLevel.Instance, cancellationToken);

    [Function("SearchStudySeries")]
    public Task<IActionResult> StudySeries(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "dicomweb/studies/{study}/series")] HttpRequest request, string study, CancellationToken cancellationToken) =>
        SearchAsync(request, null, new(study, null), QidoLevel.Series, cancellationToken);

    [Function("SearchStudyInstances")]
    public Task<IActionResult> StudyInstances(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "dicomweb/studies/{study}/instances")] HttpRequest request, string study, CancellationToken cancellationToken) =>
        SearchAsync(request, null, new(study, null), QidoLevel.Instance, cancellationToken);

    [Function("SearchSeriesInstances")]
    public Task<IActionResult> SeriesInstances(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "dicomweb/studies/{study}/series/{series}/instances")] HttpRequest request,
        string study, string series, CancellationToken cancellationToken) =>
        SearchAsync(request, null, new(study, series), QidoLevel.Instance, cancellationToken);

    [Function("InstitutionSearchStudies")]
    public Task<IActionResult> InstitutionStudies(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "institutions/{institution}/dicomweb/studies")] HttpRequest request,
        string institution, CancellationToken cancellationToken) =>
        SearchAsync(request, institution, QidoWithin.All, QidoLevel.Study, cancellationToken);

    [Function("InstitutionSearchSeries")]
    public Task<IActionResult> InstitutionSeries(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "institutions/{institution}/dicomweb/series")] HttpRequest request,
        string institution, CancellationToken cancellationToken) =>
        SearchAsync(request, institution, QidoWithin.All, QidoLevel.Series, cancellationToken);

    [Function("InstitutionSearchInstances")]
    public Task<IActionResult> InstitutionInstances(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "institutions/{institution}/dicomweb/instances")] HttpRequest request,
        string institution, CancellationToken cancellationToken) =>
        SearchAsync(request, institution, QidoWithin.All, QidoLevel.Instance, cancellationToken);

    [Function("InstitutionSearchStudySeries")]
    public Task<IActionResult> InstitutionStudySeries(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "institutions/{institution}/dicomweb/studies/{study}/series")] HttpRequest request,
        string institution, string study, CancellationToken cancellationToken) =>
        SearchAsync(request, institution, new(study, null), QidoLevel.Series, cancellationToken);

    [Function("InstitutionSearchStudyInstances")]
    public Task<IActionResult> InstitutionStudyInstances(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "institutions/{institution}/dicomweb/studies/{study}/instances")] HttpRequest request,
        string institution, string study, CancellationToken cancellationToken) =>
        SearchAsync(request, institution, new(study, null), QidoLevel.Instance, cancellationToken);

    [Function("InstitutionSearchSeriesInstances")]
    public Task<IActionResult> InstitutionSeriesInstances(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "institutions/{institution}/dicomweb/studies/{study}/series/{series}/instances")] HttpRequest request,
        string institution, string study, string series, CancellationToken cancellationToken) =>
        SearchAsync(request, institution, new(study, series), QidoLevel.Instance, cancellationToken);

    private async Task<IActionResult> SearchAsync(HttpRequest request, string? institution, QidoWithin within, QidoLevel level, CancellationToken cancellationToken)
    {
        var target = within.StudyInstanceUid is { } uid ? ObjectRef.Study(institution, uid) : ObjectRef.Studies(institution);
        var admission = await gate.AdmitAsync(request, AccessAction.StudySearch, target, cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;

        if (DicomWebAnswers.Wishes(request) is not { } wishes) return DicomWebAnswers.BadAccept();
        if (!Negotiation.AcceptsDicomJson(wishes)) return DicomWebAnswers.NotAcceptable(DicomWebAnswers.DicomJson);
        var parameters = request.Query.SelectMany(p => p.Value.Select(v => KeyValuePair.Create(p.Key, v ?? "")));
        if (QidoQuery.Parse(level, parameters, Tag, out var error) is not { } query)
            return Problem.BadRequest("query-malformed", error ?? "The query is malformed.", "查询参数格式错误。");

        if (await search.SearchAsync(admission.Institution, within, query, admission.Scope, cancellationToken) is not { } answer) return Refusals.NotFound();
        foreach (var warning in query.Warnings) Warn(request, warning);
        if (answer.More)
            Warn(request, string.Create(CultureInfo.InvariantCulture, $"There are more than {query.Limit} results. Use limit and offset to get the others."));
        var urls = DicomWebUrls.Of(address.BaseUrl, institution);
        var more = await extras.ReadAsync(answer, query, cancellationToken);
        return DicomWebAnswers.Json(200, answer.Hits.Select(Result), many: true);

        DicomAttributes Result(QidoHit hit) => QidoResult.Of(
            hit, query, urls, within.StudyInstanceUid is not null,
            hit.Instance is { } instance && more.TryGetValue(instance.SopInstanceUid, out var extra) ? extra : null, rehydrations.AvailabilityOf(StorageTier.Archive));
    }

    /// <summary>PS3.18 §8.3.4.4: code 299, this service as agent.</summary>
    private static void Warn(HttpRequest request, string text) => request.HttpContext.Response.Headers.Append("Warning", $"299 skylight \"{text}\"");

    private static uint? Tag(string keyword) => DicomDictionary.TryFindKeyword(keyword, out var tag) ? tag.Value : null;
}
