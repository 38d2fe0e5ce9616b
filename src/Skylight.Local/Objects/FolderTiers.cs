using System.Collections.Concurrent;
using Microsoft.Win32.SafeHandles;
using Skylight.Archive.Objects;

namespace Skylight.Local.Objects;

/// <summary>
/// The tiers of an object folder: the folder itself is hot, and cool, cold and archive are folders of the same shape, perhaps on other file systems. An
/// object lies in one of them; for a moment, or after a crash in the middle of a move, in two with the same bytes, of which the hotter one counts.
/// </summary>
internal sealed class FolderTiers
{
    private static readonly ObjectTier[] All = [ObjectTier.Hot, ObjectTier.Cool, ObjectTier.Cold, ObjectTier.Archive];

    private readonly string[] _roots;
    private readonly TierMover _mover;
    private readonly Rehydrations _rehydrations;
    private readonly Lock[] _locks = [.. Enumerable.Range(0, 64).Select(_ => new Lock())];
    private readonly ConcurrentDictionary<ConcurrentQueue<string>, bool> _listings = new();
    private volatile bool _tiered;

    public FolderTiers(string root, FolderObjectStoreOptions options, TimeProvider time)
    {
        _roots = [root, Place(options.CoolFolder, "-cool"), Place(options.ColdFolder, "-cold"), Place(options.ArchiveFolder, "-archive")];
        if (_roots.Distinct(StringComparer.Ordinal).Count() != _roots.Length) throw new ArgumentException("The tiers need a folder each.", nameof(options));
        _mover = new TierMover(options, time);
        _rehydrations = new Rehydrations(_roots[(int)ObjectTier.Archive], options, time);

        string Place(string? configured, string suffix) => configured is { Length: > 0 } ? Path.GetFullPath(configured) : root + suffix;
    }

    /// <summary>Clears what moves that a crash broke off have left in the tiers' folders.</summary>
    public void Clean()
    {
        foreach (var tier in All[1..]) _tiered |= TierMover.Clean(_roots[(int)tier]);
    }

    /// <summary>Where an object is; null when it is nowhere. A rehydration whose time has come is finished by this look.</summary>
    public ObjectStatus? Find(string name)
    {
        while (true)
        {
            foreach (var tier in All)
            {
                if (tier != ObjectTier.Hot && !_tiered) break;
                var file = new FileInfo(PathOf(tier, name));
                if (!file.Exists) continue;
                if (tier != ObjectTier.Archive || _rehydrations.Of(name) is not { } pending) return new ObjectStatus(file.Length, tier, Rehydrating: false);
                if (!pending.Due) return new ObjectStatus(file.Length, tier, Rehydrating: true);
                Finish(name, CancellationToken.None);
                return new ObjectStatus(file.Length, pending.Target, Rehydrating: false);
            }

            // An object that moved to a hotter tier behind this look is not missing: moves have the lock, so under it the look is certain.
            if (!_tiered) return null;
            lock (LockOf(name))
                if (Locate(name) is null) return null;
        }
    }

    /// <summary>Opens an object that is not in the hot tier.</summary>
    public SafeFileHandle Open(string name, bool archived)
    {
        while (true)
        {
            var status = Find(name) ?? throw new ObjectMissingException(name);
            if (status.Tier == ObjectTier.Archive && !archived) throw new ObjectArchivedException(name);
            try
            {
                return File.OpenHandle(PathOf(status.Tier, name), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            }
            catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
            {
                // Moved or deleted since: the next look tells.
            }
        }
    }

    /// <summary>True when a colder tier has an object of this name.</summary>
    public bool HoldsElsewhere(string name) => _tiered && All[1..].Any(tier => File.Exists(PathOf(tier, name)));

    /// <summary>Deletes every copy, the coldest first: a crash in between leaves the one that counts.</summary>
    public bool Delete(string name)
    {
        lock (LockOf(name))
        {
            var deleted = false;
            foreach (var tier in All.Reverse())
            {
                if (tier != ObjectTier.Hot && !_tiered) continue;
                if (!TierMover.Remove(PathOf(tier, name))) continue;
                deleted = true;
                if (tier == ObjectTier.Archive) _rehydrations.Forget(name);
            }

            return deleted;
        }
    }

    /// <summary>Moves an object, or starts its rehydration.</summary>
    public void Move(string name, ObjectTier tier, CancellationToken cancellationToken)
    {
        if (!Enum.IsDefined(tier)) throw new ArgumentOutOfRangeException(nameof(tier));
        lock (LockOf(name))
        {
            var now = Locate(name) ?? throw new ObjectMissingException(name);
            if (now == ObjectTier.Archive && tier != ObjectTier.Archive)
            {
                if (_rehydrations.Start(name, tier) is { Due: true } pending) Transfer(name, now, pending.Target, cancellationToken);
            }
            else
            {
                Transfer(name, now, tier, cancellationToken);
            }
        }
    }

    /// <summary>Names under a prefix, the hottest tier first; those that move meanwhile are named again at the end.</summary>
    public IEnumerable<string> List(string prefix)
    {
        var moved = new ConcurrentQueue<string>();
        _listings[moved] = true;
        try
        {
            foreach (var tier in All)
            {
                if (tier != ObjectTier.Hot && !_tiered) break;
                foreach (var name in Names(_roots[(int)tier], prefix))
                    if (!All[..(int)tier].Any(hotter => File.Exists(PathOf(hotter, name)))) yield return name;
            }

            while (moved.TryDequeue(out var name))
                if (name.StartsWith(prefix, StringComparison.Ordinal) && Locate(name) is not null) yield return name;
        }
        finally
        {
            _listings.TryRemove(moved, out _);
        }
    }

    private static IEnumerable<string> Names(string root, string prefix)
    {
        var folder = Path.Combine(root, prefix);
        if (!Directory.Exists(folder)) yield break;
        foreach (var path in Directory.EnumerateFiles(folder, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None }))
        {
            var name = Path.GetRelativePath(root, path);
            if (ObjectName.IsValid(name)) yield return name;
        }
    }

    private void Finish(string name, CancellationToken cancellationToken)
    {
        lock (LockOf(name))
        {
            if (_rehydrations.Of(name) is { Due: true } pending && Locate(name) is { } now) Transfer(name, now, pending.Target, cancellationToken);
        }
    }

    /// <summary>Moves under the object's lock, and removes colder copies that a broken-off move has left.</summary>
    private void Transfer(string name, ObjectTier from, ObjectTier to, CancellationToken cancellationToken)
    {
        if (from != to)
        {
            _tiered = true;
            foreach (var listing in _listings.Keys) listing.Enqueue(name);
            _mover.Move(PathOf(from, name), PathOf(to, name), _roots[(int)to], cancellationToken);
        }

        foreach (var other in All)
            if (other != to && _tiered) TierMover.Remove(PathOf(other, name));
        _rehydrations.Forget(name);
    }

    private ObjectTier? Locate(string name)
    {
        foreach (var tier in All)
            if ((tier == ObjectTier.Hot || _tiered) && File.Exists(PathOf(tier, name))) return tier;
        return null;
    }

    private string PathOf(ObjectTier tier, string name) => Path.Combine(_roots[(int)tier], name);

    private Lock LockOf(string name) => _locks[(uint)string.GetHashCode(name, StringComparison.Ordinal) % _locks.Length];
}
