using Skylight.Archive.Objects;
using Skylight.Archive.Packs;
using Skylight.Archive.Sealing;
using Skylight.Core.Catalog;

namespace Skylight.Core.Ingest;

/// <summary>One pack of a batch with the instances that lie in it: open while bytes arrive, then closed, or dropped when nothing in it is kept.</summary>
internal sealed class SeriesPack(PackWriter writer, string seriesKey) : IAsyncDisposable
{
    private PackWriter? _writer = writer;

    public string SeriesKey { get; } = seriesKey;

    public PackWriter Writer => _writer ?? throw new InvalidOperationException("The pack is closed.");

    public bool IsOpen => _writer is not null;

    /// <summary>Bytes in it belong to an intake item, so it is kept whatever becomes of its instances.</summary>
    public bool IsPinned { get; set; }

    public SealedReference? Reference { get; private set; }

    /// <summary>The closed pack while it is stored nowhere yet.</summary>
    public SmallObject? Small { get; private set; }

    /// <summary>Set when the pack was used last; the least recently used one is closed first.</summary>
    public long LastUse { get; set; }

    public async ValueTask CloseAsync(CancellationToken cancellationToken)
    {
        if (_writer is null) return;
        (Reference, Small) = await _writer.CommitAsync(cancellationToken);
        await _writer.DisposeAsync();
        _writer = null;
    }

    /// <summary>Stores a small pack as an object of its own.</summary>
    public async ValueTask StoreAsync(IObjectStore store, CancellationToken cancellationToken)
    {
        if (Small is null) return;
        await Small.StoreAsync(store, cancellationToken);
        Stored();
    }

    /// <summary>A commit has taken the small pack.</summary>
    public void Stored()
    {
        Small?.Dispose();
        Small = null;
    }

    public async ValueTask DisposeAsync()
    {
        Stored();
        if (_writer is null) return;
        await _writer.DisposeAsync();
        _writer = null;
    }
}

/// <summary>An instance whose bytes are in a pack and whose fate is decided at commit.</summary>
/// <param name="Outcome">Its place in the report.</param>
internal sealed record PendingInstance(InstanceFacts Facts, SeriesPack Pack, long Offset, int Outcome, string PatientKey, SourceTrust Trust, bool Accepted, DateTimeOffset ReceivedAt);
