namespace Skylight.Torture;

/// <summary>A change of a folder: a name that now stands for <paramref name="Entry"/>, or for nothing.</summary>
/// <param name="Order">Place among all changes of folders.</param>
internal sealed record FolderChange(long Order, string Name, object? Entry)
{
    /// <summary>The old name, when something was renamed within the folder: both happen or neither.</summary>
    public string? AlsoGone { get; init; }

    /// <summary>The arrival elsewhere of what left here.</summary>
    public (DiskFolder Folder, FolderChange Change)? Partner { get; init; }
}

/// <summary>A folder: its entries on the disk, as programs see it, and the changes in between that were not fsynced.</summary>
internal sealed class DiskFolder
{
    private readonly Dictionary<string, object> _disk = new(StringComparer.Ordinal);
    private readonly Dictionary<string, object> _seen = new(StringComparer.Ordinal);
    private readonly List<FolderChange> _pending = [];

    public object? Get(string name) => _seen.GetValueOrDefault(name);

    /// <summary>Something that is on the disk from the beginning.</summary>
    public void Put(string name, object entry)
    {
        _disk[name] = entry;
        _seen[name] = entry;
    }

    public void Change(FolderChange change)
    {
        Apply(_seen, change);
        _pending.Add(change);
    }

    /// <summary>An fsync of the folder that began before change number <paramref name="mark"/> succeeded.</summary>
    public void Synced(long mark)
    {
        foreach (var change in _pending.Where(item => item.Order < mark).ToArray())
        {
            if (change.Partner is { } partner) partner.Folder.Settle(partner.Change);
            Apply(_disk, change);
            _pending.Remove(change);
        }
    }

    /// <summary>The entries after a power cut.</summary>
    public Dictionary<string, object> Cut(Func<FolderChange, bool> survives)
    {
        var entries = new Dictionary<string, object>(_disk, StringComparer.Ordinal);

        // A departure that survives without its arrival would lose the file, which no rename does.
        foreach (var change in _pending)
            if (change.Partner is null && survives(change)) Apply(entries, change);
        return entries;
    }

    private void Settle(FolderChange change)
    {
        if (!_pending.Remove(change)) return;
        Apply(_disk, change);
    }

    private static void Apply(Dictionary<string, object> entries, FolderChange change)
    {
        if (change.AlsoGone is { } gone) entries.Remove(gone);
        if (change.Entry is { } entry) entries[change.Name] = entry;
        else entries.Remove(change.Name);
    }
}
