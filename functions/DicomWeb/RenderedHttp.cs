using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;

namespace Skylight.Functions.DicomWeb;

/// <summary>Pictures of a study, series, instance or frame, shown as the instance or the query says (PS3.18 §10.4.1.1.3).</summary>
public sealed class RenderedHttp(Pictures pictures)
{
    [Function("RenderedStudy")]
    public Task<IActionResult> Study(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "dicomweb/studies/{study}/rendered")] HttpRequest request,
        string study, CancellationToken cancellationToken) =>
        pictures.RenderedAsync(request, null, new(study), null, cancellationToken);

    [Function("RenderedSeries")]
    public Task<IActionResult> Series(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "dicomweb/studies/{study}/series/{series}/rendered")] HttpRequest request,
        string study, string series, CancellationToken cancellationToken) =>
        pictures.RenderedAsync(request, null, new(study, series), null, cancellationToken);

    [Function("RenderedInstance")]
    public Task<IActionResult> Instance(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "dicomweb/studies/{study}/series/{series}/instances/{instance}/rendered")] HttpRequest request,
        string study, string series, string instance, CancellationToken cancellationToken) =>
        pictures.RenderedAsync(request, null, new(study, series, instance), null, cancellationToken);

    [Function("RenderedFrames")]
    public Task<IActionResult> Frames(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "dicomweb/studies/{study}/series/{series}/instances/{instance}/frames/{frames}/rendered")] HttpRequest request,
        string study, string series, string instance, string frames, CancellationToken cancellationToken) =>
        pictures.RenderedAsync(request, null, new(study, series, instance), frames, cancellationToken);

    [Function("InstitutionRenderedStudy")]
    public Task<IActionResult> InstitutionStudy(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "institutions/{institution}/dicomweb/studies/{study}/rendered")] HttpRequest request,
        string institution, string study, CancellationToken cancellationToken) =>
        pictures.RenderedAsync(request, institution, new(study), null, cancellationToken);

    [Function("InstitutionRenderedSeries")]
    public Task<IActionResult> InstitutionSeries(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "institutions/{institution}/dicomweb/studies/{study}/series/{series}/rendered")] HttpRequest request,
        string institution, string study, string series, CancellationToken cancellationToken) =>
        pictures.RenderedAsync(request, institution, new(study, series), null, cancellationToken);

    [Function("InstitutionRenderedInstance")]
    public Task<IActionResult> InstitutionInstance(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "institutions/{institution}/dicomweb/studies/{study}/series/{series}/instances/{instance}/rendered")] HttpRequest request,
        string institution, string study, string series, string instance, CancellationToken cancellationToken) =>
        pictures.RenderedAsync(request, institution, new(study, series, instance), null, cancellationToken);

    [Function("InstitutionRenderedFrames")]
    public Task<IActionResult> InstitutionFrames(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "institutions/{institution}/dicomweb/studies/{study}/series/{series}/instances/{instance}/frames/{frames}/rendered")] HttpRequest request,
        string institution, string study, string series, string instance, string frames, CancellationToken cancellationToken) =>
        pictures.RenderedAsync(request, institution, new(study, series, instance), frames, cancellationToken);
}
