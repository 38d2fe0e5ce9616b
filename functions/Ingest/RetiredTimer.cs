using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Studies;

namespace Skylight.Functions.Ingest;

/// <summary>Every hour: deletes objects that a merge replaced a day ago.</summary>
public sealed class RetiredTimer(RetiredObjects retired)
{
    [Function("objects-retired")]
    public async Task Purge([TimerTrigger("0 41 * * * *")] TimerInfo timer, CancellationToken cancellationToken) => await retired.PurgeAsync(cancellationToken);
}
