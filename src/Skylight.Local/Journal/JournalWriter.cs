using Skylight.Archive.Objects;
using Skylight.Local.Objects;

namespace Skylight.Local.Journal;

/// <summary>The one thread that writes: whatever has queued up becomes a group with one gathered write and one fdatasync.</summary>
internal sealed class JournalWriter : IAsyncDisposable
{
    private const long MaxGroupBytes = 64L << 20;
    private const int MaxGroupRecords = 400;

    private readonly string _folder;
    private readonly JournalOptions _options;
    private readonly JournalIndex _index;
    private readonly ApplyChange _apply;
    private readonly Lock _lock = new();
    // Not a SemaphoreSlim: that spins for a while before it sleeps, and this thread sleeps some thousand times a second.
    private readonly AutoResetEvent _signal = new(false);
    private readonly Queue<Entry> _queue = [];
    private readonly Thread _thread;
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private JournalFile _file;
    private long _next;
    private long _durable;
    private volatile JournalException? _poison;
    private long _commits;
    private long _groups;
    private bool _closing;

    /// <param name="file">An empty file; its first sequence is the next one.</param>
    public JournalWriter(string folder, JournalFile file, JournalOptions options, JournalIndex index, ApplyChange apply)
    {
        (_folder, _file, _options, _index, _apply) = (folder, file, options, index, apply);
        _next = file.Header.FirstSequence;
        _durable = _next - 1;
        index.Add(_file);
        _thread = new Thread(Run) { IsBackground = true, Name = "journal" };
        _thread.Start();
    }

    public JournalException? Failure => _poison;

    public long Commits => Volatile.Read(ref _commits);

    public long Groups => Volatile.Read(ref _groups);

    public Task<long> AppendAsync(RecordKind kind, IReadOnlyList<(string Name, ReadOnlyMemory<byte> Bytes)> objects, ReadOnlyMemory<byte> change, Func<long, ValueTask>? apply = null)
    {
        var head = RecordBody.Head(objects, change.Span);
        var length = (long)head.Length;
        foreach (var (_, bytes) in objects) length += bytes.Length;
        if (length > RecordHeader.MaxBodyBytes) throw new ArgumentException("A record must be smaller than 1 GiB.", nameof(objects));
        return Enqueue(new Entry(kind, objects, change, head, (int)length, apply));
    }

    /// <summary>Completes when the current file, if it has records, has been closed.</summary>
    public Task RotateAsync() => Enqueue(new Entry(default, [], default, [], 0, null));

    public async ValueTask DisposeAsync()
    {
        lock (_lock)
        {
            if (_closing) return;
            _closing = true;
        }

        _signal.Set();
        await _stopped.Task;
        _signal.Dispose();
    }

    private Task<long> Enqueue(Entry entry)
    {
        if (_poison is { } poison) throw Again(poison);
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_closing, typeof(Journal));
            _queue.Enqueue(entry);
            if (_queue.Count == 1) _signal.Set();
        }

        return entry.Done.Task;
    }

    private void Run()
    {
        var group = new List<Entry>(MaxGroupRecords);
        while (Take(group))
        {
            if (_poison is { } poison)
            {
                foreach (var entry in group) entry.Done.SetException(Again(poison));
                continue;
            }

            Write(group);
        }

        _stopped.SetResult();
    }

    /// <summary>The next group; false at the end.</summary>
    private bool Take(List<Entry> group)
    {
        group.Clear();
        while (true)
        {
            lock (_lock)
            {
                var bytes = 0L;
                while (group.Count < MaxGroupRecords && _queue.TryPeek(out var next) && (group.Count == 0 || bytes + next.BodyLength <= MaxGroupBytes))
                {
                    // A rotation is a group of its own.
                    if (next.Kind == default && group.Count > 0) break;
                    bytes += next.BodyLength;
                    group.Add(_queue.Dequeue());
                    if (next.Kind == default) break;
                }

                if (group.Count > 0) return true;
                if (_closing) return false;
            }

            _signal.WaitOne();
        }
    }

    private void Write(List<Entry> group)
    {
        try
        {
            if (group[0].Kind == default)
            {
                if (_file.Length > FileHeader.Size) Rotate();
                group[0].Done.SetResult(_durable);
                return;
            }

            if (_file.Length >= _options.FileBytes) Rotate();
            Store(group);
        }
        catch (StorageFullException full)
        {
            foreach (var entry in group) entry.Done.SetException(new StorageFullException("There is no room for the journal.", full));
            return;
        }
        catch (IOException error)
        {
            // The kernel may have dropped what it could not write, so a second fsync would prove nothing: no more of this file.
            Poison(error, group);
            return;
        }

        Publish(group);
    }

    private void Rotate()
    {
        try
        {
            var next = JournalFile.Create(_folder, _next);
            _index.Add(next);
            _file = next;
        }
        catch (IOException error) when (LibC.IsFull(error))
        {
            throw new StorageFullException("There is no room for another journal file.", error);
        }
    }

    private void Store(List<Entry> group)
    {
        var start = _file.Length;
        var buffers = new List<ReadOnlyMemory<byte>>(group.Count * 4);
        var at = start;
        foreach (var entry in group)
        {
            entry.Sequence = _next++;
            entry.Offset = at;
            var header = new byte[RecordHeader.Size];
            new RecordHeader(entry.Kind, entry.Sequence, _durable, entry.BodyLength, Checksum(entry)).Write(header, _file.Header.Seed);
            buffers.Add(header);
            buffers.Add(entry.Head);
            foreach (var (_, bytes) in entry.Objects)
                if (!bytes.IsEmpty) buffers.Add(bytes);
            at += RecordHeader.Size + entry.BodyLength;
        }

        try
        {
            RandomAccess.Write(_file.Handle, buffers, start);
        }
        catch (IOException error) when (LibC.IsFull(error))
        {
            // Nobody was promised these records: take the half-written group away again and go on.
            RandomAccess.SetLength(_file.Handle, start);
            _next = group[0].Sequence;
            throw new StorageFullException("The disk is full.", error);
        }

        _options.Sync(_file.Handle, "fdatasync the journal");
        _file.Length = at;
        _file.LastSequence = _next - 1;
        _durable = _next - 1;
        Volatile.Write(ref _commits, _commits + group.Count);
        Volatile.Write(ref _groups, _groups + 1);
    }

    private uint Checksum(Entry entry)
    {
        var checksum = Crc32C.Append(_file.Header.Seed, entry.Head);
        foreach (var (_, bytes) in entry.Objects) checksum = Crc32C.Append(checksum, bytes.Span);
        return checksum;
    }

    /// <summary>Objects first, then the changes that name them.</summary>
    private void Publish(List<Entry> group)
    {
        foreach (var entry in group)
        {
            if (entry.Kind == RecordKind.Delete)
            {
                _index.Remove(entry.Objects.Select(item => item.Name));
                continue;
            }

            var offset = entry.Offset + RecordHeader.Size + entry.Head.Length;
            var places = new List<(string, long, int)>(entry.Objects.Count);
            foreach (var (name, bytes) in entry.Objects)
            {
                places.Add((name, offset, bytes.Length));
                offset += bytes.Length;
            }

            _index.Add(_file, places);
        }

        foreach (var entry in group) _ = ApplyAsync(entry);
    }

    /// <summary>Never fails: the outcome is the entry's.</summary>
    private async Task ApplyAsync(Entry entry)
    {
        try
        {
            if (entry.Kind == RecordKind.Commit)
                await (entry.Apply is { } apply ? apply(entry.Sequence) : _apply(entry.Sequence, entry.Change, CancellationToken.None));
            entry.Done.SetResult(entry.Sequence);
        }
        catch (Exception error)
        {
            // Durable but not applied: only a replay sets that right.
            Poison(error, [entry]);
        }
    }

    private void Poison(Exception error, List<Entry> group)
    {
        _poison ??= new JournalException(JournalFault.Poisoned, "The journal has failed and takes no more commits. Restart the host to replay it.", error);
        foreach (var entry in group) entry.Done.TrySetException(Again(_poison));
    }

    private static JournalException Again(JournalException poison) => new(poison.Fault, poison.Message, poison.InnerException);

    private sealed class Entry(RecordKind kind, IReadOnlyList<(string Name, ReadOnlyMemory<byte> Bytes)> objects, ReadOnlyMemory<byte> change, byte[] head, int bodyLength, Func<long, ValueTask>? apply)
    {
        public RecordKind Kind => kind;

        public IReadOnlyList<(string Name, ReadOnlyMemory<byte> Bytes)> Objects => objects;

        public ReadOnlyMemory<byte> Change => change;

        public Func<long, ValueTask>? Apply => apply;

        public byte[] Head => head;

        public int BodyLength => bodyLength;

        public long Sequence { get; set; }

        public long Offset { get; set; }

        public TaskCompletionSource<long> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
