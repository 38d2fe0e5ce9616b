using Skylight.Archive.Objects;
using Skylight.Core.Catalog;
using Skylight.Local.Objects;

namespace Skylight.Local.Catalog;

/// <summary>One study's state that <c>catalog.db</c> has not taken yet: the newest document, with the index rows of all changes that led to it.</summary>
internal sealed class PendingStudy(StudyDocument document, byte[] body)
{
    public StudyDocument Document { get; private set; } = document;

    public byte[] Body { get; private set; } = body;

    public List<InstanceIndexRow> Rows { get; } = [];

    public void Advance(StudyDocument document, byte[] body) => (Document, Body) = (document, body);
}

/// <summary>
/// Changes that the journal has made durable, on their way into <c>catalog.db</c>: written together a little later, each study once however often it
/// changed meanwhile. Point reads look here first; whoever searches waits until what was there is written. Thread-safe.
/// </summary>
/// <param name="write">Writes a generation in one transaction, with the number of its last journal record.</param>
/// <param name="time">Whose clock the lingering goes by; null to write at once.</param>
internal sealed class PendingChanges(Func<IReadOnlyCollection<PendingStudy>, long, Task> write, TimeProvider? time)
{
    /// <summary>How long changes are gathered while nobody waits for them: long enough that a study sent slice by slice is written a few times a second, however large it has become.</summary>
    private static readonly TimeSpan Linger = TimeSpan.FromMilliseconds(250);

    /// <summary>How long it waits for room before it tries again.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>Past this many changes committing waits for the writing.</summary>
    private const int MaxChanges = 4000;

    private readonly Lock _lock = new();
    private Generation _open = new();
    private Generation? _closing;
    private bool _running;
    private volatile StorageFullException? _full;

    /// <summary>Set while the database has no room for what was taken: it is tried again, and until then nothing more should be committed.</summary>
    public StorageFullException? Full => _full;

    /// <summary>Takes the next change in order. Completes at once, unless too many wait already.</summary>
    public ValueTask AddAsync(long sequence, StudyChange change, byte[] body)
    {
        lock (_lock)
        {
            if (_closing?.Written.Task is { IsFaulted: true } failed) return new ValueTask(failed);
            _open.Add(sequence, change, body);
            if (!_running)
            {
                _running = true;
                _ = RunAsync();
            }

            if (_open.Changes < MaxChanges) return ValueTask.CompletedTask;
            _open.Hurry.TrySetResult();
            return new ValueTask(_open.Written.Task);
        }
    }

    /// <summary>Waits until everything added before the call is in the database.</summary>
    public ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_full is { } full) return ValueTask.FromException(new StorageFullException(full.Message, full));
            if (_open.Changes > 0)
            {
                _open.Hurry.TrySetResult();
                return new ValueTask(_open.Written.Task.WaitAsync(cancellationToken));
            }

            return _closing is null ? ValueTask.CompletedTask : new ValueTask(_closing.Written.Task.WaitAsync(cancellationToken));
        }
    }

    public StudyDocument? Find(string pk, string id)
    {
        lock (_lock) return (_open.Find(pk, id) ?? _closing?.Find(pk, id))?.Document;
    }

    /// <summary>The pending rows of these UIDs, the newer ones last.</summary>
    public List<InstanceIndexRow>? Rows(string pk, IReadOnlyCollection<string> sopInstanceUids)
    {
        lock (_lock)
        {
            if (_closing is null && _open.Changes == 0) return null;
            List<InstanceIndexRow>? rows = null;
            foreach (var uid in sopInstanceUids)
            {
                if (_closing?.Rows(pk, uid) is { } closing) (rows ??= []).AddRange(closing);
                if (_open.Rows(pk, uid) is { } open) (rows ??= []).AddRange(open);
            }

            return rows;
        }
    }

    private async Task RunAsync()
    {
        while (true)
        {
            var hurry = _open.Hurry.Task;
            if (time is not null) await Task.WhenAny(hurry, Task.Delay(Linger, time));
            else await Task.Yield();
            lock (_lock)
            {
                _closing = _open;
                _open = new Generation();
            }

            try
            {
                await WriteAsync(_closing);
            }
            catch (Exception error)
            {
                // What was promised is in the journal, and only a replay sets this right: from here on nothing more is taken.
                lock (_lock) _open.Written.TrySetException(error);
                _closing.Written.SetException(error);
                return;
            }

            var written = _closing;
            bool more;
            lock (_lock)
            {
                _closing = null;
                more = _running = _open.Changes > 0;
            }

            written.Written.SetResult();
            if (!more) return;
        }
    }

    /// <summary>Until there is room: nothing is lost meanwhile, since it is in the journal and here. Who waits is told.</summary>
    private async Task WriteAsync(Generation generation)
    {
        while (true)
        {
            try
            {
                await write(generation.Studies, generation.LastSequence);
                _full = null;
                return;
            }
            catch (Exception error) when (LibC.IsFull(error))
            {
                _full = new StorageFullException("There is no room for the catalog.", error);
                lock (_lock)
                {
                    generation.Fail(_full);
                    _open.Fail(_full);
                }

                await Task.Delay(Pause, time ?? TimeProvider.System);
            }
        }
    }

    private sealed class Generation
    {
        private readonly Dictionary<(string Pk, string Id), PendingStudy> _studies = [];
        private readonly Dictionary<(string Pk, string Sop), List<InstanceIndexRow>> _rows = [];

        public TaskCompletionSource Hurry { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Written { get; private set; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public int Changes { get; private set; }

        public long LastSequence { get; private set; }

        public IReadOnlyCollection<PendingStudy> Studies => _studies.Values;

        /// <summary>Fails those who wait now; it goes on.</summary>
        public void Fail(Exception error)
        {
            var waiting = Written;
            Written = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            waiting.SetException(error);
        }

        public void Add(long sequence, StudyChange change, byte[] body)
        {
            Changes++;
            LastSequence = Math.Max(LastSequence, sequence);
            var key = (change.Document.Institution, change.Document.StudyKey);
            if (!_studies.TryGetValue(key, out var pending)) _studies[key] = pending = new PendingStudy(change.Document, body);
            else if (pending.Document.Revision >= change.Document.Revision) return;
            else pending.Advance(change.Document, body);
            pending.Rows.AddRange(change.Rows);
            foreach (var row in change.Rows)
            {
                var sop = (change.Document.Institution, row.SopInstanceUid);
                if (!_rows.TryGetValue(sop, out var rows)) _rows[sop] = rows = [];
                rows.Add(row);
            }
        }

        public PendingStudy? Find(string pk, string id) => _studies.GetValueOrDefault((pk, id));

        public List<InstanceIndexRow>? Rows(string pk, string sop) => _rows.GetValueOrDefault((pk, sop));
    }
}
