namespace Skylight.Core.Ingest;

/// <summary>
/// Files taken in together: one pack, delta index and metadata for each series, one commit for each study. One thread at a time.
/// A batch that is disposed without <see cref="CommitAsync"/> leaves nothing behind.
/// </summary>
public sealed class IngestBatch : IAsyncDisposable
{
    /// <summary>
    /// Takes in one DICOM file (Part 10, with or without preamble and File Meta). Reads the stream once to its end, in bounded memory.
    /// A bad file becomes a rejected outcome; only failures of storage and of the stream itself are thrown, and then the batch can only be disposed.
    /// </summary>
    public ValueTask AddInstanceAsync(Stream content, IngestName name, CancellationToken cancellationToken) => throw new NotSupportedException();

    /// <summary>Like <see cref="AddInstanceAsync"/>, but opens archives (ZIP, TAR, gzip) and knows media (DICOMDIR, viewers); each file found has its own outcome.</summary>
    public ValueTask AddFileAsync(Stream content, IngestName name, CancellationToken cancellationToken) => throw new NotSupportedException();

    /// <summary>Seals what is open, decides about every instance, and commits study by study. Afterwards every outcome in the report is durable.</summary>
    public Task<IngestReport> CommitAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
