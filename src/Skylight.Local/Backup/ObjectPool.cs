using System.Text;
using Skylight.Local.Objects;

namespace Skylight.Local.Backup;

/// <summary>What a generation has of the objects.</summary>
/// <param name="Bytes">Of the objects in its list.</param>
/// <param name="CheckedTo">The last name of this generation's share of the pool.</param>
internal sealed record PoolCopy(long Objects, long Bytes, long Added, long AddedBytes, long Checked, long CheckedBytes, long Unproved, string? CheckedTo, IReadOnlyList<BackupFault> Faults, long FaultCount);

/// <summary>
/// Brings the objects of a data folder into a set's pool. A copy is authenticated before it takes its place there, and a damaged one never does: its bytes are
/// kept apart, and every later backup tries again. What the pool has is not copied again; a share of it is read again each time, so that all of it is once in
/// <see cref="CheckEvery"/>.
/// </summary>
internal sealed class ObjectPool(BackupOptions options, BackupSet set, PoolProof proof, DateTimeOffset now)
{
    /// <summary>Every object of the pool is read again in this time, in shares that follow the time between two backups.</summary>
    public static readonly TimeSpan CheckEvery = TimeSpan.FromDays(30);

    private readonly Lock _gate = new();
    private readonly SourceObjects _source = new(options);
    private readonly Dictionary<string, BackupObject> _known = new(StringComparer.Ordinal);
    private readonly HashSet<string> _due = new(StringComparer.Ordinal);
    private readonly List<BackupObject> _list = [];
    private readonly List<BackupObject> _damaged = [];
    private readonly List<BackupFault> _faults = [];
    private long _faultCount;
    private (long Count, long Bytes) _added;
    private (long Count, long Bytes) _checked;
    private long _unproved;

    /// <summary>Copies, and writes the generation's lists.</summary>
    public async Task<PoolCopy> RunAsync(string generation, CancellationToken cancellationToken)
    {
        var checkedTo = Plan();
        await Parallel.ForEachAsync(_source.List(), new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = cancellationToken }, TakeAsync);
        await TakeNamedAsync(generation, cancellationToken);
        foreach (var folder in _list.Select(item => Path.GetDirectoryName(Path.Combine(set.Pool, item.Name))!).Distinct(StringComparer.Ordinal)) LibC.SyncDirectory(folder);
        foreach (var root in (string[])[set.Pool, set.Damaged])
        {
            foreach (var folder in Directory.EnumerateDirectories(root, "*", root == set.Pool ? SearchOption.TopDirectoryOnly : SearchOption.AllDirectories)) LibC.SyncDirectory(folder);
            LibC.SyncDirectory(root);
        }

        Write(Path.Combine(generation, BackupSet.ListName), _list);
        Write(Path.Combine(generation, BackupSet.DamagedListName), _damaged);
        _faults.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name));
        return new PoolCopy(_list.Count, _list.Sum(item => item.Length), _added.Count, _added.Bytes, _checked.Count, _checked.Bytes, _unproved, checkedTo, _faults, _faultCount);
    }

    /// <summary>What a study names has to be there: taken now if the walk missed it; named if the data folder does not have it either.</summary>
    private async Task TakeNamedAsync(string generation, CancellationToken cancellationToken)
    {
        var names = _list.Concat(_damaged).Select(item => item.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var name in await NamedObjects.MissingAsync(generation, names.Contains, proof, cancellationToken))
        {
            if (_source.Find(name) is { } found) await TakeAsync(found, cancellationToken);
            else if (await proof.HasKeysAsync(name, cancellationToken)) AddMissing(name);
        }
    }

    /// <summary>What the pool has of it from before belongs to the generation all the same.</summary>
    private void AddMissing(string name)
    {
        var pooled = _known.TryGetValue(name, out var kept) && new FileInfo(Path.Combine(set.Pool, name)) is { Exists: true } file && file.Length == kept.Length;
        if (pooled) lock (_gate) _list.Add(kept!);
        Add(new BackupFault(name, BackupFault.Missing, $"a study names it, and it is in none of the data folder's places; the backup {(pooled ? "has" : "lacks")} it"));
    }

    /// <summary>Reads the last generation's list, and chooses what of it is read again: from where that one stopped, as much as the time since then makes due.</summary>
    private string? Plan()
    {
        if (set.Generations() is not [.., var last]) return null;
        foreach (var item in BackupObject.Read(Path.Combine(set.Of(last.Id), BackupSet.ListName))) _known[item.Name] = item;
        var names = _known.Keys.Order(StringComparer.Ordinal).ToArray();
        var budget = options.Recheck ? long.MaxValue : (long)(last.ObjectBytes * Math.Clamp((now - last.At) / CheckEvery, 0, 1));
        var at = Array.BinarySearch(names, last.CheckedTo ?? "", StringComparer.Ordinal);
        var next = at < 0 ? ~at : at + 1;
        var checkedTo = last.CheckedTo;
        for (var count = 0; count < names.Length && budget > 0; count++, next++)
        {
            checkedTo = names[next % names.Length];
            _due.Add(checkedTo);
            budget -= _known[checkedTo].Length;
        }

        return checkedTo;
    }

    private async ValueTask TakeAsync(SourceObject item, CancellationToken cancellationToken)
    {
        var pooled = new FileInfo(Path.Combine(set.Pool, item.Name)) is { Exists: true } file ? file.Length : (long?)null;
        var length = Length(item);
        if (_known.TryGetValue(item.Name, out var kept) && pooled == kept.Length && (length ?? pooled) == pooled && !_due.Contains(item.Name))
        {
            lock (_gate) _list.Add(kept with { Tier = item.Tier });
            return;
        }

        if (pooled is { } bytes && await IsPooledWholeAsync(item.Name, kept, length, cancellationToken) is { } sha256)
        {
            lock (_gate) _list.Add(new BackupObject(sha256, bytes, item.Tier, item.Name));
            if (length is { } other && other != bytes) Add(new BackupFault(item.Name, BackupFault.Source, $"{other} bytes in the data folder, {bytes} in the backup"));
            return;
        }

        await CopyAsync(item, cancellationToken);
    }

    /// <summary>
    /// The SHA-256 of the copy in the pool, if it can stay: it authenticates (whatever a list says of it: a backup that broke off may have put it there), or nobody
    /// can say and it is what was listed. Null when it has to be copied.
    /// </summary>
    private async ValueTask<string?> IsPooledWholeAsync(string name, BackupObject? kept, long? length, CancellationToken cancellationToken)
    {
        var (state, _) = await proof.OfAsync(name, cancellationToken);
        if (state == CopyProof.Damaged || (state == CopyProof.Unknown && kept is null)) return null;
        try
        {
            var path = Path.Combine(set.Pool, name);
            var sha256 = BackupFiles.Hash(path);
            var bytes = new FileInfo(path).Length;
            lock (_gate)
            {
                _checked = (_checked.Count + 1, _checked.Bytes + bytes);
                if (state == CopyProof.Unknown) _unproved++;
            }

            return state == CopyProof.Whole || (sha256 == kept!.Sha256 && (length ?? bytes) == bytes) ? sha256 : null;
        }
        catch (IOException error) when (LibC.IsUnreadable(error))
        {
            return null;
        }
    }

    private async ValueTask CopyAsync(SourceObject item, CancellationToken cancellationToken)
    {
        var target = Path.Combine(set.Pool, item.Name);
        var partial = target + BackupSet.Partial;
        Directory.CreateDirectory(Path.GetDirectoryName(target)!, BackupSet.OwnerOnly);
        if (Copy(ref item, partial, out var unreadable, cancellationToken) is not var (length, sha256))
        {
            if (!unreadable) return;
            File.Delete(partial);
            Damaged(new BackupObject(new string('0', 64), 0, item.Tier, item.Name), "the medium does not give it back");
            return;
        }

        var (state, fault) = await proof.OfAsync(item.Name + BackupSet.Partial, cancellationToken);
        var copy = new BackupObject(sha256, length, item.Tier, item.Name);
        if (state == CopyProof.Damaged)
        {
            var aside = Path.Combine(set.Damaged, item.Name);
            Directory.CreateDirectory(Path.GetDirectoryName(aside)!, BackupSet.OwnerOnly);
            File.Move(partial, aside, overwrite: true);
            Damaged(copy, fault!);
            return;
        }

        File.Move(partial, target, overwrite: true);
        lock (_gate)
        {
            _list.Add(copy);
            _added = (_added.Count + 1, _added.Bytes + length);
            if (state == CopyProof.Unknown) _unproved++;
        }
    }

    /// <summary>Follows an object that is moved between tiers meanwhile. Null when it is gone (erased, replaced long ago), or when its medium does not give it back.</summary>
    private (long Length, string Sha256)? Copy(ref SourceObject item, string partial, out bool unreadable, CancellationToken cancellationToken)
    {
        unreadable = false;
        for (SourceObject? found = item; found is not null; found = _source.Find(item.Name))
        {
            item = found;
            try
            {
                return BackupFiles.Copy(item.Path, partial, cancellationToken);
            }
            catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
            {
                // Moved or deleted since: the next look tells.
            }
            catch (IOException error) when (LibC.IsUnreadable(error))
            {
                unreadable = true;
                return null;
            }
        }

        return null;
    }

    private static long? Length(SourceObject item) => new FileInfo(item.Path) is { Exists: true } file ? file.Length : null;

    private void Damaged(BackupObject copy, string fault)
    {
        lock (_gate) _damaged.Add(copy);
        Add(new BackupFault(copy.Name, BackupFault.Damaged, fault));
    }

    private void Add(BackupFault fault)
    {
        lock (_gate)
        {
            _faultCount++;
            if (_faults.Count < BackupManifest.MaxFaults) _faults.Add(fault);
        }
    }

    private static void Write(string path, List<BackupObject> list)
    {
        list.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name));
        BackupFiles.Write(path, Encoding.ASCII.GetBytes(string.Concat(list.Select(item => item + "\n"))));
    }
}
