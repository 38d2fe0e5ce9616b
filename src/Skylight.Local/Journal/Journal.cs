using System.Collections.Concurrent;
using Skylight.Archive.Objects;
using Skylight.Local.Objects;

namespace Skylight.Local.Journal;

/// <summary>Applies a change. Called in order of sequence, at once after its record became durable and again for every record still in the journal at a start, so it must be idempotent.</summary>
/// <remarks>
/// The next call begins when this one has returned its task, not when that has completed: a consumer that enqueues before its first await keeps the order
/// and can still group. A failure poisons the journal.
/// </remarks>
public delegate ValueTask ApplyChange(long sequence, ReadOnlyMemory<byte> change, CancellationToken cancellationToken);

/// <summary>
/// Makes everything applied so far durable where it was applied, and that nothing up to a record is missing there: the files that end with it are dropped
/// next. The record need not be a change, since deletions of objects have numbers too.
/// </summary>
public delegate ValueTask Checkpoint(long sequence, CancellationToken cancellationToken);

/// <summary>
/// The edge's commit log: records of {sealed objects, one opaque change} in append-only files. Records that queue up while a group is being written
/// become the next group, which costs one write and one fdatasync. An append completes when its record is on disk, its objects can be read, and its
/// change has been applied. Objects are moved out, and files dropped, by <see cref="JournalDrain"/>.
/// </summary>
public sealed class Journal : IAsyncDisposable
{
    private readonly string _folder;
    private readonly JournalOptions _options;
    private readonly TimeProvider _time;
    private readonly FreeSpace _space;
    private readonly FileStream _lock;
    private readonly JournalIndex _index = new();
    private readonly List<(JournalFile File, FoundRecord Record)> _replay = [];
    private JournalFile? _empty;
    private JournalWriter? _writer;
    private ApplyChange? _apply;
    private Checkpoint? _checkpoint;
    private long _next = 1;
    private long _lastAppend;

    private Journal(string folder, JournalOptions options, TimeProvider time)
    {
        _folder = folder;
        _options = options;
        _time = time;
        _space = new FreeSpace(folder, options.MinFreeBytes, time);
        _lock = Lock(folder);
    }

    /// <summary>The journal's objects by name, and its files.</summary>
    internal JournalIndex Index => _index;

    /// <summary>Keeps hosts, and tools that need the folder for themselves, off a journal until it is disposed.</summary>
    /// <exception cref="JournalException">Another process has the journal.</exception>
    public static FileStream Lock(string folder)
    {
        try
        {
            return new FileStream(Path.Combine(folder, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException error) when (error is not (FileNotFoundException or DirectoryNotFoundException))
        {
            throw new JournalException(JournalFault.InUse, "Another process has the journal open.", error);
        }
    }

    /// <summary>
    /// Opens the folder: reads every record, cuts a torn tail, and makes all objects readable. Changes are applied by <see cref="StartAsync"/>.
    /// </summary>
    /// <exception cref="JournalException">A durable record is damaged, or another process has the journal.</exception>
    public static Journal Open(string folder, JournalOptions options, TimeProvider time)
    {
        folder = Path.GetFullPath(folder);
        Directory.CreateDirectory(folder);
        var journal = new Journal(folder, options, time);
        try
        {
            journal.Scan();
            return journal;
        }
        catch
        {
            journal._index.Dispose();
            journal._empty?.Dispose();
            journal._lock.Dispose();
            throw;
        }
    }

    /// <summary>Replays what is in the files and begins to accept appends.</summary>
    /// <param name="applied">The last sequence that the consumer has applied for good; records up to it are not replayed. 0 for none.</param>
    /// <param name="apply">See <see cref="ApplyChange"/>.</param>
    /// <param name="checkpoint">See <see cref="Checkpoint"/>.</param>
    /// <remarks>After a failure it may be called again, and replays from the beginning.</remarks>
    public async Task StartAsync(long applied, ApplyChange apply, Checkpoint checkpoint, CancellationToken cancellationToken)
    {
        if (_writer is not null) throw new InvalidOperationException("The journal has been started.");
        foreach (var (file, record) in _replay)
        {
            if (record.Kind != RecordKind.Commit || record.Sequence <= applied) continue;
            var change = new byte[record.ChangeLength];
            if (await RandomAccess.ReadAsync(file.Handle, change, record.Change, cancellationToken) != change.Length) throw new EndOfStreamException();
            await apply(record.Sequence, change, cancellationToken);
        }

        (_apply, _checkpoint) = (apply, checkpoint);
        _lastAppend = _time.GetTimestamp();
        _writer = new JournalWriter(_folder, FirstFile(Math.Max(_next, applied + 1)), _options, _index, apply);

        // Not before: a start that fails for want of room may be tried again, and replays again.
        _replay.Clear();
        _replay.TrimExcess();
    }

    /// <summary>
    /// Appends one record. Completes with its sequence once the record is durable, its objects are readable through <see cref="JournalObjectStore"/>, and
    /// the change has been applied. The memory must stay untouched until then.
    /// </summary>
    /// <exception cref="StorageFullException">There is no room; nothing was written.</exception>
    /// <exception cref="JournalException">The journal is poisoned: whether the record is durable is unknown until the next start.</exception>
    public ValueTask<long> AppendAsync(IReadOnlyList<(string Name, ReadOnlyMemory<byte> Bytes)> objects, ReadOnlyMemory<byte> change, CancellationToken cancellationToken) =>
        AppendAsync(objects, change, null, cancellationToken);

    /// <param name="apply">
    /// Applies this change, in place of the consumer's own way and under the same rules (<see cref="ApplyChange"/>): for whoever still has the change at
    /// hand and need not read it from its bytes. A replay goes the consumer's way.
    /// </param>
    /// <inheritdoc cref="AppendAsync(IReadOnlyList{ValueTuple{string, ReadOnlyMemory{byte}}}, ReadOnlyMemory{byte}, CancellationToken)"/>
    public async ValueTask<long> AppendAsync(
        IReadOnlyList<(string Name, ReadOnlyMemory<byte> Bytes)> objects, ReadOnlyMemory<byte> change, Func<long, ValueTask>? apply, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        foreach (var (name, _) in objects) ObjectName.Check(name);
        _space.Demand();
        Volatile.Write(ref _lastAppend, _time.GetTimestamp());
        return await Writer.AppendAsync(RecordKind.Commit, objects, change, apply);
    }

    /// <inheritdoc cref="Checkpoint"/>
    internal ValueTask CheckpointAsync(long sequence, CancellationToken cancellationToken) => _checkpoint!(sequence, cancellationToken);

    /// <summary>Why the journal takes no more commits; null while it works.</summary>
    public JournalException? Failure => _writer?.Failure;

    /// <summary>Records made durable since the start.</summary>
    internal long Commits => _writer?.Commits ?? 0;

    /// <summary>Groups written since the start: each cost one fdatasync.</summary>
    internal long Groups => _writer?.Groups ?? 0;

    /// <summary>The first record that the files have, or the next one where they have none: everything before it was dropped, and is durable where it was applied. To be asked before the start.</summary>
    internal long FirstSequence => _index.Files is [var first, ..] ? first.Header.FirstSequence : _next;

    /// <summary>True once appends are accepted.</summary>
    internal bool Started => Volatile.Read(ref _writer) is not null;

    /// <summary>How long nothing has been appended.</summary>
    internal TimeSpan Quiet => _time.GetElapsedTime(Volatile.Read(ref _lastAppend));

    /// <summary>Lets go what is held for readers only while the disk is about to be full, longest held first.</summary>
    internal void YieldRoom()
    {
        while (_space.IsShort() && _index.ReleaseOldest())
        {
        }
    }

    /// <summary>Closes the file that is being written, so that it can be drained. Nothing happens while it is empty.</summary>
    internal Task RotateAsync() => Writer.RotateAsync();

    /// <summary>Drops closed files, oldest first, while they end at this record or before it: of a journal without objects, whose changes are durable where they were applied.</summary>
    internal void DropThrough(long sequence)
    {
        foreach (var file in _index.Files[..^1])
        {
            if (file.LastSequence > sequence) return;
            _index.Remove(file);
            file.Drop();
        }
    }

    /// <summary>
    /// Remembers durably that an object of the journal is deleted, so that no later start brings it back. True when it lay nowhere but in the journal.
    /// </summary>
    internal async ValueTask<bool> DeleteAsync(string name, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!_index.Knows(name)) return _index.Release(name);
        var was = _index.Find(name) is not null;
        await Writer.AppendAsync(RecordKind.Delete, [(name, default)], default);

        // A drain may have come to hold it before the record was written.
        _index.Release(name);
        return was;
    }

    public async ValueTask DisposeAsync()
    {
        if (_writer is not null) await _writer.DisposeAsync();
        _index.Dispose();
        _empty?.Dispose();
        await _lock.DisposeAsync();
    }

    private JournalWriter Writer => _writer ?? throw new InvalidOperationException("The journal has not been started.");

    private JournalFile FirstFile(long next)
    {
        var empty = _empty;
        _empty = null;
        if (empty?.Header.FirstSequence == next) return empty;
        var file = JournalFile.Create(_folder, next);
        empty?.Drop();
        return file;
    }

    private void Scan()
    {
        foreach (var leftover in Directory.EnumerateFiles(_folder, "*.new")) File.Delete(leftover);
        var paths = JournalFile.List(_folder).ToArray();
        foreach (var path in paths)
        {
            var found = JournalScan.Read(path, newest: path == paths[^1]);
            if (found is not { } read)
            {
                File.Delete(path);
                continue;
            }

            _next = read.File.LastSequence + 1;
            if (read.Records.Count == 0)
            {
                // It carries the next sequence until the writer goes on in it.
                _empty?.Drop();
                _empty = read.File;
                continue;
            }

            _index.Add(read.File);
            foreach (var record in read.Records)
            {
                if (record.Kind == RecordKind.Delete) _index.Remove(record.Objects.Select(item => item.Name));
                else _index.Add(read.File, record.Objects);
                _replay.Add((read.File, record));
            }
        }
    }
}
