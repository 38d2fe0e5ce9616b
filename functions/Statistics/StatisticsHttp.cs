using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Access;
using Skylight.Core.Audit;
using Skylight.Core.Catalog;
using Skylight.Core.Statistics;
using Skylight.Functions.Access;
using Skylight.Functions.Http;

namespace Skylight.Functions.Statistics;

/// <summary>Counts of an institution's studies, instances and bytes, for its administrator: no clinical content, no names, no keys.</summary>
public sealed class StatisticsHttp(Gate gate, SavedStatistics statistics, StatisticsKeeper keeper, AuditRecorder audit)
{
    public sealed record NewStatistics(string? Name, IReadOnlyList<StatisticsDimension>? By, string? From, string? To, string? Modality, StorageTier? Tier);

    public sealed record StatisticsView(string Id, StatisticsDefinition Definition, StatisticsResult? Result, Reconciliation? Reconciled);

    [Function("statistics-list")]
    public async Task<IActionResult> List([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/statistics")] HttpRequest request, CancellationToken cancellationToken)
    {
        var admission = await AdmitAsync(request, cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        if (Paging.Of(request) is not { } paging) return Paging.Wrong(request);
        var page = await statistics.ListAsync(admission.Institution, paging.Limit, paging.Next, cancellationToken);
        return paging.List<StatisticsView>([.. page.Items.Select(item => new StatisticsView(item.Id, item.Value.Definition, null, null))], page.Continuation);
    }

    [Function("statistics-create")]
    public async Task<IActionResult> Create([HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "api/statistics")] HttpRequest request, CancellationToken cancellationToken)
    {
        var admission = await AdmitAsync(request, cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        var body = await JsonBody.ReadAsync<NewStatistics>(request, cancellationToken);
        if (body.Refusal is { } malformed) return malformed;
        var wanted = body.Value!;
        var definition = new StatisticsDefinition(1, wanted.Name?.Trim() ?? "", wanted.By ?? [], wanted.From, wanted.To, wanted.Modality, wanted.Tier);
        if (definition.Faults().ToList() is { Count: > 0 } faults) return Problem.Of(400, "statistics-invalid", "Some fields cannot be taken.", "部分字段不符合要求。", ("fields", faults));
        var (id, made) = await statistics.AddAsync(admission.Institution, definition, IdempotencyKey.IdOf(request, admission.Actor.Subject), cancellationToken);
        if (made with { By = definition.By } != definition || !made.By.SequenceEqual(definition.By)) return Problem.KeyReused();
        await audit.DoneAsync(admission.Actor, admission.Institution, "statistics.create", id, cancellationToken);
        return Answer.Created($"/api/statistics/{id}", new StatisticsView(id, definition, null, null));
    }

    /// <summary>The result, at most ten minutes old; <c>?refresh=true</c> counts at once, <c>?format=csv</c> is for spreadsheets.</summary>
    [Function("statistics-get")]
    public async Task<IActionResult> Get([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "api/statistics/{id}")] HttpRequest request, string id, CancellationToken cancellationToken)
    {
        var admission = await AdmitAsync(request, cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        if (await statistics.ResultAsync(admission.Institution, id, request.Query["refresh"] is ["true"], cancellationToken) is not { } saved) return Refusals.NotFound();
        if (request.Query["format"] is ["csv"]) return StatisticsCsv.Answer(saved);
        return Answer.Json(new StatisticsView(id, saved.Definition, saved.Result, await keeper.LastAsync(admission.Institution, cancellationToken)));
    }

    [Function("statistics-delete")]
    public async Task<IActionResult> Delete([HttpTrigger(AuthorizationLevel.Anonymous, "delete", Route = "api/statistics/{id}")] HttpRequest request, string id, CancellationToken cancellationToken)
    {
        var admission = await AdmitAsync(request, cancellationToken);
        if (admission.Refusal is { } refusal) return refusal;
        if (!await statistics.RemoveAsync(admission.Institution, id, cancellationToken)) return Refusals.NotFound();
        await audit.DoneAsync(admission.Actor, admission.Institution, "statistics.delete", id, cancellationToken);
        return Answer.Empty();
    }

    private ValueTask<Admission> AdmitAsync(HttpRequest request, CancellationToken cancellationToken) =>
        gate.AdmitAsync(request, AccessAction.StatisticsRead, ObjectRef.InstitutionRecord(null), cancellationToken);
}
