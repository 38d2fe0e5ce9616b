using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;

namespace Skylight.Functions.DicomWeb;

/// <summary>Small pictures that stand for a study, series, instance or frame (PS3.18 §10.4.1.1.4).</summary>
public sealed class ThumbnailHttp(Pictures pictures)
{
    [Function("ThumbnailStudy")]
    public Task<IActionResult> Study(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "dicomweb/studies/{study}/thumbnail")] HttpRequest request,
        string study, CancellationToken cancellationToken) =>
        pictures.ThumbnailAsync(request, null, new(study), null, cancellationToken);

    [Function("ThumbnailSeries")]
    public Task<IActionResult> Series(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "dicomweb/studies/{study}/series/{series}/thumbnail")] HttpRequest request,
        string study, string series, CancellationToken cancellationToken) =>
        pictures.ThumbnailAsync(request, null, new(study, series), null, cancellationToken);

    [Function("ThumbnailInstance")]
    public Task<IActionResult> Instance(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "dicomweb/studies/{study}/series/{series}/instances/{instance}/thumbnail")] HttpRequest request,
        string study, string series, string instance, CancellationToken cancellationToken) =>
        pictures.ThumbnailAsync(request, null, new(study, series, instance), null, cancellationToken);

    [Function("ThumbnailFrames")]
    public Task<IActionResult> Frames(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "dicomweb/studies/{study}/series/{series}/instances/{instance}/frames/{frames}/thumbnail")] HttpRequest request,
        string study, string series, string instance, string frames, CancellationToken cancellationToken) =>
        pictures.ThumbnailAsync(request, null, new(study, series, instance), frames, cancellationToken);

    [Function("InstitutionThumbnailStudy")]
    public Task<IActionResult> InstitutionStudy(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "institutions/{institution}/dicomweb/studies/{study}/thumbnail")] HttpRequest request,
        string institution, string study, CancellationToken cancellationToken) =>
        pictures.ThumbnailAsync(request, institution, new(study), null, cancellationToken);

    [Function("InstitutionThumbnailSeries")]
    public Task<IActionResult> InstitutionSeries(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "institutions/{institution}/dicomweb/studies/{study}/series/{series}/thumbnail")] HttpRequest request,
        string institution, string study, string series, CancellationToken cancellationToken) =>
        pictures.ThumbnailAsync(request, institution, new(study, series), null, cancellationToken);

    [Function("InstitutionThumbnailInstance")]
    public Task<IActionResult> InstitutionInstance(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "institutions/{institution}/dicomweb/studies/{study}/series/{series}/instances/{instance}/thumbnail")] HttpRequest request,
        string institution, string study, string series, string instance, CancellationToken cancellationToken) =>
        pictures.ThumbnailAsync(request, institution, new(study, series, instance), null, cancellationToken);

    [Function("InstitutionThumbnailFrames")]
    public Task<IActionResult> InstitutionFrames(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "institutions/{institution}/dicomweb/studies/{study}/series/{series}/instances/{instance}/frames/{frames}/thumbnail")] HttpRequest request,
        string institution, string study, string series, string instance, string frames, CancellationToken cancellationToken) =>
        pictures.ThumbnailAsync(request, institution, new(study, series, instance), frames, cancellationToken);
}
