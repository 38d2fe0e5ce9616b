using Skylight.Core.Uploads;

namespace Skylight.Workflows.Ingest;

/// <summary>Input of <see cref="IngestV1"/>: keys, counts and settings; never personal data.</summary>
/// <param name="Next">First batch that has not been taken in.</param>
public sealed record IngestInput(int V, string Institution, string UploadId, int Attempt, int Batches, int Next, IngestSettings Settings)
{
    public static IngestInput Of(IngestStart start, IngestSettings settings) => new(1, start.Institution, start.UploadId, start.Attempt, start.Batches, 0, settings);
}

/// <summary>Settings of a run; they travel with it, so that a change of configuration does not disturb a replay.</summary>
/// <param name="InFlight">Batches at a time, at most 32.</param>
/// <param name="BatchesPerRun">Batches after which the history starts anew.</param>
/// <param name="Attempts">How often a batch is tried before the run fails.</param>
/// <param name="FirstRetrySeconds">Pause after the first failed attempt; it doubles, up to five minutes.</param>
public sealed record IngestSettings(int InFlight, int BatchesPerRun, int Attempts, int FirstRetrySeconds)
{
    public static IngestSettings Default { get; } = new(8, 50, 6, 2);
}

/// <summary>Input of the activity that takes in one batch.</summary>
public sealed record IngestBatchInput(string Institution, string UploadId, int Batch);

/// <summary>Input of the activity that ends a run.</summary>
/// <param name="Failure">Stable code; null when all went well.</param>
public sealed record IngestFinishInput(string Institution, string UploadId, int Attempt, string? Failure);
