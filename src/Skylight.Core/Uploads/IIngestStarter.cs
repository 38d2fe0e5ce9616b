namespace Skylight.Core.Uploads;

/// <summary>
/// Schedules ingest runs. It stands between this library and the durable client, which a trigger receives as a binding and passes in;
/// the state change of the session always precedes the call.
/// </summary>
public interface IIngestStarter
{
    /// <summary>Schedules the run unless one of this instance id exists. Returning means durably scheduled.</summary>
    ValueTask StartAsync(IngestStart start, CancellationToken cancellationToken);

    /// <summary>What became of a run.</summary>
    ValueTask<IngestRunState> GetAsync(string instanceId, CancellationToken cancellationToken);
}

/// <summary>One ingest run: keys and counts only.</summary>
/// <param name="Attempt">1 for the first run of the session.</param>
/// <param name="Batches">Number of batches, read by <see cref="UploadContent.GetBatchAsync"/>.</param>
public sealed record IngestStart(string Institution, string UploadId, int Attempt, int Batches)
{
    /// <summary>Instance id of the orchestration.</summary>
    public string InstanceId => InstanceIdOf(UploadId, Attempt);

    public static string InstanceIdOf(string uploadId, int attempt) => $"ingest-{uploadId}-{attempt}";
}

public enum IngestRunState
{
    Missing,
    Running,
    Succeeded,
    Failed,
}
