using Microsoft.Data.Sqlite;
using Skylight.Core.Audit;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Audit;

/// <summary>
/// Extends the chains. Whatever has come up while a transaction was being written goes into the next one: one fsync for all of it. New entries go to the
/// end of <c>audit_recent</c>, which has no index, and from there many together into <c>audit</c>, which has four: so an answer waits for a page or two at the
/// end of one table, not for a page of every index.
/// </summary>
internal sealed class ChainWriter(SqliteDatabase database)
{
    /// <summary>As many entries are moved at once; the transaction in which it happens takes some milliseconds more.</summary>
    private const int Moved = 256;

    private readonly Lock _lock = new();
    private List<Waiting> _waiting = [];
    private List<Waiting> _batch = [];
    private bool _writing;
    private int _recent = Moved;

    /// <summary>Durable when the task completes.</summary>
    /// <returns>The entry's sequence.</returns>
    public Task<long> AppendAsync(ChainHead head, AuditEvent entry, byte[] body)
    {
        var waiting = new Waiting(head, entry, body);
        lock (_lock)
        {
            _waiting.Add(waiting);
            if (_writing) return waiting.Task;
            _writing = true;
        }

        Post();
        return waiting.Task;
    }

    /// <summary>Moves what is left, so that a file at rest is all in <c>audit</c>.</summary>
    public Task CompleteAsync() => database.WriteAsync(
        connection =>
        {
            Move(connection);
            return true;
        },
        CancellationToken.None);

    private void Post()
    {
        try
        {
            database.Post(Write, Done);
        }
        catch (ObjectDisposedException error)
        {
            Done(error);
        }
    }

    /// <summary>On the database's writer thread, inside its transaction.</summary>
    private void Write(SqliteConnection connection)
    {
        lock (_lock) (_batch, _waiting) = (_waiting, _batch);
        foreach (var waiting in _batch) waiting.Head.Begin();
        using var insert = connection.Raw("INSERT INTO audit_recent VALUES(?,?,?,?,?,?,?,?,?,?)");
        foreach (var waiting in _batch) waiting.Sequence = Insert(insert, waiting);
        _recent += _batch.Count;
        if (_recent >= Moved) Move(connection);
    }

    private static long Insert(RawStatement insert, Waiting waiting)
    {
        var (head, entry) = (waiting.Head, waiting.Entry);
        var (sequence, previous, hash) = head.Extend(waiting.Body);
        insert.Bind(1, head.Institution);
        insert.Bind(2, sequence);
        insert.Bind(3, entry.At.ToUnixTimeMilliseconds());
        insert.Bind(4, entry.PatientKey);
        insert.Bind(5, entry.StudyKey);
        insert.Bind(6, entry.Actor);
        insert.Bind(7, previous);
        insert.Bind(8, waiting.Body);
        insert.Bind(9, hash);
        insert.Bind(10, AuditChain.Mac(head.Key, hash));
        insert.Run();
        return sequence;
    }

    private void Move(SqliteConnection connection)
    {
        // An entry whose place somebody has taken stays where it is: the trail then shows both.
        SqliteDatabase.Run(connection, """
            INSERT OR IGNORE INTO audit SELECT * FROM audit_recent;
            DELETE FROM audit_recent WHERE EXISTS(SELECT 1 FROM audit a WHERE a.pk=audit_recent.pk AND a.seq=audit_recent.seq AND a.hash=audit_recent.hash);
            """);
        _recent = 0;
    }

    /// <summary>On the writer thread, after the commit: everybody goes on elsewhere.</summary>
    private void Done(Exception? error)
    {
        if (error is null)
        {
            foreach (var waiting in _batch) waiting.Head.Commit();
            foreach (var waiting in _batch) waiting.SetResult(waiting.Sequence);
        }
        else
        {
            // A move may have been undone with the rest. Where the transaction never began, everybody who waits is told.
            _recent = Moved;
            lock (_lock)
            {
                if (_batch.Count == 0) (_batch, _waiting) = (_waiting, _batch);
            }

            foreach (var waiting in _batch) waiting.SetException(error);
        }

        _batch.Clear();
        lock (_lock)
        {
            _writing = _waiting.Count > 0;
            if (!_writing) return;
        }

        Post();
    }

    private sealed class Waiting(ChainHead head, AuditEvent entry, byte[] body) : TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public ChainHead Head => head;

        public AuditEvent Entry => entry;

        public byte[] Body => body;

        public long Sequence { get; set; }
    }
}
