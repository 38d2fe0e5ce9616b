using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Packs;
using Skylight.Archive.Sealing;
using Skylight.Core.Catalog;

namespace Skylight.Core.Ingest;

/// <summary>One pack of a batch with the instances that lie in it: open while bytes arrive, then closed, or dropped when nothing in it is kept.</summary>
internal sealed class SeriesPack(PackWriter writer, string seriesKey, KeyId key)
{
    private PackWriter? _writer = writer;
    private bool _isNamed;
    private bool _isOffered;

    public string SeriesKey { get; } = seriesKey;

    /// <summary>The key that it is sealed under.</summary>
    public KeyId Key { get; } = key;

    public PackWriter Writer => _writer ?? throw new InvalidOperationException("The pack is closed.");

    public bool IsOpen => _writer is not null;

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

    /// <summary>Stores a small pack as an object of its own, for an intake item to name.</summary>
    public async ValueTask StoreAsync(IObjectStore store, CancellationToken cancellationToken)
    {
        if (Small is not null) await Small.StoreAsync(store, cancellationToken);
        Stored();
    }

    /// <summary>A commit that names the pack begins. Where it ends without an answer it may yet be durable, so the pack must stay: if nothing names it, the sweep has it.</summary>
    public void Offer() => _isOffered = true;

    /// <summary>The commit was refused: nothing names the pack.</summary>
    public void Withdraw() => _isOffered = false;

    /// <summary>Something names the pack now: a study document, or an intake item.</summary>
    public void Stored()
    {
        _isNamed = true;
        Small?.Dispose();
        Small = null;
    }

    /// <summary>Ends with the pack; deletes it when it was closed into the store and nothing can have come to name it.</summary>
    public async ValueTask AbandonAsync(IObjectStore store)
    {
        var isOrphan = Reference is not null && Small is null && !_isNamed && !_isOffered;
        Small?.Dispose();
        Small = null;
        if (_writer is not null) await _writer.DisposeAsync();
        _writer = null;
        if (isOrphan) await store.DeleteAsync(Reference!.Name, CancellationToken.None);
    }
}

/// <summary>An instance whose bytes are in a pack and whose fate is decided at commit.</summary>
/// <param name="Outcome">Its place in the report.</param>
internal sealed record PendingInstance(InstanceFacts Facts, SeriesPack Pack, long Offset, int Outcome, string PatientKey, SourceTrust Trust, bool Accepted, DateTimeOffset ReceivedAt);
