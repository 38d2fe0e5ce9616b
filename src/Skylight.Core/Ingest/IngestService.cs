namespace Skylight.Core.Ingest;

/// <summary>
/// The one way into the archive: used by the activities of <c>IngestV1</c>, by STOW-RS and C-STORE alike. Thread-safe; a batch is not.
/// </summary>
public sealed class IngestService
{
    /// <summary>Opens a batch. Instances added to it are sealed at once, but nothing is visible or promised before <see cref="IngestBatch.CommitAsync"/>.</summary>
    public IngestBatch Open(IngestContext context) => throw new NotSupportedException();
}
