namespace Skylight.Core.Ingest.Containers;

/// <summary>What one uploaded archive may still unpack to, nested archives included. A zip bomb ends where the budget does.</summary>
internal sealed class ArchiveBudget(IngestOptions options, long? packedBytes)
{
    /// <summary>Below this a high ratio is ordinary: an archive of a few empty images.</summary>
    private const long RatioFrom = 64L << 20;

    private int _entries;
    private long _bytes;

    /// <summary>Why the archive must not be read on; null while it may.</summary>
    public IngestReason? Exceeded { get; private set; }

    public void Entry()
    {
        if (++_entries > options.MaxArchiveEntries) Fail(IngestReasons.ArchiveTooManyEntries);
    }

    public void Bytes(int count)
    {
        _bytes += count;
        if (_bytes > options.MaxArchiveBytes) Fail(IngestReasons.ArchiveTooLarge);
        if (packedBytes is { } packed && _bytes > RatioFrom && _bytes / options.MaxArchiveRatio > packed) Fail(IngestReasons.ArchiveRatio);
    }

    private void Fail(IngestReason reason)
    {
        Exceeded ??= reason;
        throw new FileRefusedException(reason);
    }
}
