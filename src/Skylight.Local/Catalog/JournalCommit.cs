using System.Collections.Concurrent;
using System.Text.Json;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;

namespace Skylight.Local.Catalog;

/// <summary>
/// <see cref="ICommit"/> of the edge: small objects and change in one journal record, durable with its group's one fsync, applied to the catalog at once.
/// The ETag is checked before the record is written, under a lock of the study, so that a durable record always applies. The host owns the data folder
/// alone, so a lock within the process is enough.
/// </summary>
public sealed class JournalCommit(Journal.Journal journal, SqliteCatalog catalog) : ICommit
{
    private const int Stripes = 256;

    private readonly SemaphoreSlim[] _locks = [.. Enumerable.Range(0, Stripes).Select(_ => new SemaphoreSlim(1, 1))];

    public async Task<CommitOutcome> CommitAsync(CommitBatch batch, CancellationToken cancellationToken)
    {
        var study = batch.Change.Document;
        var gate = _locks[(uint)string.GetHashCode(study.StudyKey, StringComparison.Ordinal) % Stripes];
        await gate.WaitAsync(cancellationToken);
        try
        {
            if (catalog.ETagOf(study.Institution, study.StudyKey) != batch.Change.ExpectedETag) return CommitOutcome.Conflict;
            SqliteCatalog.CheckSize(study);
            // Past this point the outcome must be known: a record that is being written is not taken back.
            await journal.AppendAsync([.. batch.Objects.Select(item => (item.Name, item.Bytes))], JsonSerializer.SerializeToUtf8Bytes(batch.Change, DocumentJson.Options), CancellationToken.None);
            return CommitOutcome.Committed;
        }
        finally
        {
            gate.Release();
        }
    }
}
