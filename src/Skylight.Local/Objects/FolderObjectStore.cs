using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Microsoft.Win32.SafeHandles;
using Skylight.Archive.Objects;

namespace Skylight.Local.Objects;

/// <summary>
/// Objects as files under one folder. An object is written to a temporary file of the same file system, fsynced, renamed without overwriting, and
/// its folder fsynced; folders made on the way are fsynced into their parents too. The colder tiers are folders of their own (<see cref="FolderTiers"/>).
/// </summary>
public sealed class FolderObjectStore : IObjectStore
{
    private const string TemporaryFolder = ".temporary";
    private const int KnownFolders = 100_000;

    private readonly string _root;
    private readonly string _temporary;
    private readonly FolderObjectStoreOptions _options;
    private readonly FreeSpace _space;
    private readonly FolderTiers _tiers;
    private readonly ConcurrentDictionary<string, bool> _durableFolders = new();
    private long _counter;

    private FolderObjectStore(string root, FolderObjectStoreOptions options, TimeProvider time)
    {
        _root = root;
        _temporary = Path.Combine(root, TemporaryFolder);
        _options = options;
        _space = new FreeSpace(root, options.MinFreeBytes, time);
        _tiers = new FolderTiers(root, options, time);
        InPlace = options.ReadArchived || options.RehydrationDelaySeconds > 0 ? this : new FolderInPlace(this);
    }

    /// <inheritdoc/>
    public bool ReadsArchived => _options.ReadArchived;

    /// <inheritdoc/>
    /// <remarks>A rehydration without delay is a move between folders: then the archive's is at hand. With a delay its medium has to be loaded first.</remarks>
    public IObjectStore InPlace { get; }

    /// <summary>Opens or creates the folder, for this process alone, and clears what abandoned writes of an earlier one left.</summary>
    public static FolderObjectStore Open(string root, FolderObjectStoreOptions options, TimeProvider time)
    {
        var store = new FolderObjectStore(Path.GetFullPath(root), options, time);
        Directory.CreateDirectory(store._temporary);
        foreach (var file in Directory.EnumerateFiles(store._temporary)) File.Delete(file);
        if (Path.GetDirectoryName(store._root) is { } parent) LibC.SyncDirectory(parent);
        store._tiers.Clean();
        return store;
    }

    /// <summary>Whether a store was opened in this folder and is still there; a mount point without its medium is empty.</summary>
    internal static bool IsIn(string root) => Directory.Exists(Path.Combine(root, TemporaryFolder));

    /// <inheritdoc/>
    public ValueTask<ObjectWriter> CreateAsync(string name, CancellationToken cancellationToken)
    {
        ObjectName.Check(name);
        cancellationToken.ThrowIfCancellationRequested();
        _space.Demand();
        var temporary = Path.Combine(_temporary, $"{Interlocked.Increment(ref _counter):x}");
        return ValueTask.FromResult<ObjectWriter>(new FolderObjectWriter(this, name, temporary, _space));
    }

    /// <inheritdoc/>
    /// <remarks>
    /// Reads on the caller's thread. The asynchronous read of the runtime is the same system call on another thread of the pool: as many threads wait for a slow disk,
    /// and what lies in memory comes without the change of threads, into the cache of the processor that decrypts it.
    /// </remarks>
    public ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken) => ReadAsync(name, offset, destination, _options.ReadArchived, cancellationToken);

    internal ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, bool archived, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var handle = Open(ObjectName.Check(name), archived);
        try
        {
            return ValueTask.FromResult(ReadFully(handle, offset, destination.Span));
        }
        catch (IOException error) when (LibC.IsUnreadable(error))
        {
            throw new ObjectUnreadableException(name, error);
        }
    }

    /// <summary>Reads until the destination is full or the file ends; answers the bytes read.</summary>
    internal static int ReadFully(SafeFileHandle handle, long offset, Span<byte> destination)
    {
        var done = 0;
        while (done < destination.Length)
        {
            var read = RandomAccess.Read(handle, destination[done..], offset + done);
            if (read == 0) break;
            done += read;
        }

        return done;
    }

    /// <inheritdoc/>
    public ValueTask<long?> GetLengthAsync(string name, CancellationToken cancellationToken)
    {
        var file = new FileInfo(PathOf(name));
        return ValueTask.FromResult(file.Exists ? file.Length : _tiers.Find(name)?.Length);
    }

    /// <inheritdoc/>
    public async ValueTask<bool> DeleteAsync(string name, CancellationToken cancellationToken)
    {
        ObjectName.Check(name);
        if (await Task.Run(() => _tiers.Delete(name), cancellationToken)) return true;
        DemandFolder();
        return false;
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<string> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ObjectName.CheckPrefix(prefix);
        await Task.Yield();
        DemandFolder();
        foreach (var name in _tiers.List(prefix))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return name;
        }
    }

    /// <inheritdoc/>
    public async ValueTask SetTierAsync(string name, ObjectTier tier, CancellationToken cancellationToken)
    {
        ObjectName.Check(name);
        await Task.Run(() => _tiers.Move(name, tier, cancellationToken), cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<ObjectStatus?> GetStatusAsync(string name, CancellationToken cancellationToken) =>
        ValueTask.FromResult(_tiers.Find(ObjectName.Check(name)));

    /// <summary>Moves a finished temporary file to its name and makes that durable.</summary>
    internal void Publish(string temporary, string name)
    {
        var path = PathOf(name);
        var folder = Path.GetDirectoryName(path)!;
        if (_tiers.HoldsElsewhere(name)) throw new ObjectExistsException(name);
        EnsureFolder(folder);
        if (!LibC.RenameNew(temporary, path)) throw new ObjectExistsException(name);
        if (_options.Fsync) LibC.SyncDirectory(folder);
    }

    internal bool Fsync => _options.Fsync;

    /// <summary>Of a medium that was taken away nobody can say that an object is not on it.</summary>
    private void DemandFolder()
    {
        if (!IsIn(_root)) throw new IOException("The folder of the objects is gone.");
    }

    private string PathOf(string name) => Path.Combine(_root, ObjectName.Check(name));

    /// <summary>The file of an object that can be read. In the hot tier, where nearly all reads are, this is one system call.</summary>
    private SafeFileHandle Open(string name, bool archived)
    {
        try
        {
            return File.OpenHandle(PathOf(name), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            return _tiers.Open(name, archived);
        }
    }

    /// <summary>
    /// Makes a folder and its own entry durable. A folder that is merely there proves nothing (whoever made it may not have come to the fsync), so each is
    /// fsynced into its parent once by this process.
    /// </summary>
    private void EnsureFolder(string folder)
    {
        if (folder.Length <= _root.Length || _durableFolders.ContainsKey(folder)) return;
        var parent = Path.GetDirectoryName(folder)!;
        EnsureFolder(parent);
        Directory.CreateDirectory(folder);
        if (_options.Fsync) LibC.SyncDirectory(parent);
        if (_durableFolders.Count >= KnownFolders) _durableFolders.Clear();
        _durableFolders[folder] = true;
    }
}
