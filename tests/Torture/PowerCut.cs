namespace Skylight.Torture;

/// <summary>
/// Plays a recording against the folder as it was at the start, and says what a disk may hold after the power is cut: data and folder entries that were
/// fsynced for certain; of the rest anything between nothing and all.
/// </summary>
internal sealed class PowerCut
{
    private const long Create = 0x40, TruncateFlag = 0x200;

    private readonly string _root;
    private readonly DiskFolder _top;
    private readonly Dictionary<ulong, object> _open = [];
    private readonly Dictionary<ulong, Queue<long>> _syncs = [];
    private long _order;

    private PowerCut(string root, DiskFolder top) => (_root, _top) = (root, top);

    /// <summary>Operations played.</summary>
    public int Operations { get; private set; }

    /// <param name="root">The folder's path in the recording.</param>
    /// <param name="before">A copy of the folder from before; all of it counts as on the disk.</param>
    public static PowerCut Play(string root, string before, IEnumerable<Operation> operations)
    {
        var cut = new PowerCut(root, Load(before));
        foreach (var operation in operations)
        {
            cut.Play(operation);
            cut.Operations++;
        }

        return cut;
    }

    /// <summary>Writes one of the states that the disk may be in to a new folder.</summary>
    public void Write(string target, Random random)
    {
        // A journaling file system loses the newest changes of folders, in order; a plain one may lose any of those that were not fsynced.
        var ordered = random.Next(2) == 0;
        var last = ordered ? (long)(random.NextDouble() * (_order + 1)) : long.MaxValue;
        Write(_top, target, change => ordered ? change.Order <= last : random.Next(2) == 0, random);
    }

    private static void Write(DiskFolder folder, string target, Func<FolderChange, bool> survives, Random random)
    {
        Directory.CreateDirectory(target, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        foreach (var (name, entry) in folder.Cut(survives))
        {
            var path = Path.Combine(target, name);
            if (entry is DiskFolder inner)
            {
                Write(inner, path, survives, random);
                continue;
            }

            if (entry is DiskFile { Source: { } untouched })
            {
                Folders.Link(untouched, path);
                continue;
            }

            using var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
            file.Write(((DiskFile)entry).Cut(random));
        }
    }

    private static DiskFolder Load(string path)
    {
        var folder = new DiskFolder();
        foreach (var entry in new DirectoryInfo(path).EnumerateFileSystemInfos())
        {
            if (entry is DirectoryInfo) folder.Put(entry.Name, Load(entry.FullName));
            else if (!entry.Name.EndsWith("-shm", StringComparison.Ordinal)) folder.Put(entry.Name, DiskFile.Of(entry.FullName));
        }

        return folder;
    }

    private void Play(Operation operation)
    {
        switch (operation.Kind)
        {
            case FileOperation.Open:
                Open(operation);
                break;
            case FileOperation.Write when _open.GetValueOrDefault(operation.Id) is DiskFile file:
                file.Write(operation.A, operation.Payload);
                break;
            case FileOperation.Truncate when _open.GetValueOrDefault(operation.Id) is DiskFile file:
                file.Truncate(operation.A);
                break;
            case FileOperation.SyncBegin:
                if (!_syncs.TryGetValue(operation.Id, out var marks)) _syncs[operation.Id] = marks = new Queue<long>();
                marks.Enqueue(_open.GetValueOrDefault(operation.Id) is DiskFile begun ? begun.Mark : _order + 1);
                break;
            case FileOperation.SyncEnd:
                Synced(operation);
                break;
            case FileOperation.Rename or FileOperation.Link:
                Move(operation.Paths.From, operation.Paths.To, keep: operation.Kind == FileOperation.Link);
                break;
            case FileOperation.Unlink or FileOperation.RemoveFolder:
                if (Find(operation.Path) is { } gone) gone.Parent.Change(new FolderChange(++_order, gone.Name, null));
                break;
            case FileOperation.MakeFolder:
                if (Find(operation.Path) is { } made && made.Entry is null) made.Parent.Change(new FolderChange(++_order, made.Name, new DiskFolder()));
                break;
        }
    }

    private void Open(Operation operation)
    {
        if (operation.Path == _root)
        {
            _open[operation.Id] = _top;
            return;
        }

        if (Find(operation.Path) is not { } found) return;
        var entry = found.Entry;
        if (entry is null)
        {
            if ((operation.A & Create) == 0) return;
            entry = new DiskFile();
            found.Parent.Change(new FolderChange(++_order, found.Name, entry));
        }

        if ((operation.A & TruncateFlag) != 0 && entry is DiskFile file) file.Truncate(0);
        _open[operation.Id] = entry;
    }

    private void Synced(Operation operation)
    {
        if (!_syncs.TryGetValue(operation.Id, out var marks) || !marks.TryDequeue(out var mark)) return;
        switch (_open.GetValueOrDefault(operation.Id))
        {
            case DiskFile file when operation.Error == 0:
                file.Synced(mark);
                break;
            case DiskFile file:
                file.SyncFailed(mark);
                break;
            case DiskFolder folder when operation.Error == 0:
                folder.Synced(mark);
                break;
        }
    }

    private void Move(string from, string to, bool keep)
    {
        if (Find(from) is not { Entry: { } entry } source || Find(to) is not { } target) return;
        var order = ++_order;
        if (keep)
        {
            target.Parent.Change(new FolderChange(order, target.Name, entry));
        }
        else if (source.Parent == target.Parent)
        {
            source.Parent.Change(new FolderChange(order, target.Name, entry) { AlsoGone = source.Name });
        }
        else
        {
            // A rename is one step: the old name is not gone before the new one is there. So the new one goes to the disk with the old one's folder.
            var arrival = new FolderChange(order, target.Name, entry);
            target.Parent.Change(arrival);
            source.Parent.Change(new FolderChange(order, source.Name, null) { Partner = (target.Parent, arrival) });
        }
    }

    /// <summary>The entry of a path, null when only its folder is there; nothing when not even that.</summary>
    private (DiskFolder Parent, string Name, object? Entry)? Find(string path)
    {
        if (!path.StartsWith(_root + "/", StringComparison.Ordinal)) return null;
        var parts = path[(_root.Length + 1)..].Split('/', StringSplitOptions.RemoveEmptyEntries);
        var folder = _top;
        foreach (var part in parts[..^1])
        {
            if (folder.Get(part) is not DiskFolder next) return null;
            folder = next;
        }

        return (folder, parts[^1], folder.Get(parts[^1]));
    }
}
