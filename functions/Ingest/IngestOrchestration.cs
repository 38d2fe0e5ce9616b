using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask;
using Skylight.Core.Ingest;
using Skylight.Core.Uploads;
using Skylight.Workflows.Ingest;

namespace Skylight.Functions.Ingest;

/// <summary>Bindings of <see cref="IngestV1"/> and its activities.</summary>
public sealed class IngestOrchestration(UploadIngest ingest, UploadSessions sessions)
{
    [Function(IngestV1.Name)]
    public static Task Run([OrchestrationTrigger] TaskOrchestrationContext context, IngestInput input) => IngestV1.RunAsync(context, input);

    [Function(IngestV1.BatchActivity)]
    public Task<int> Batch([ActivityTrigger] IngestBatchInput input, CancellationToken cancellationToken) =>
        ingest.RunAsync(input.Institution, input.UploadId, input.Batch, cancellationToken);

    [Function(IngestV1.FinishActivity)]
    public async Task Finish([ActivityTrigger] IngestFinishInput input, CancellationToken cancellationToken) =>
        await sessions.FinishAsync(input.Institution, input.UploadId, input.Attempt, input.Failure, cancellationToken);
}
