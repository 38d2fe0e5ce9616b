using System.Buffers;
using System.Text.Json;
using Skylight.Archive.Objects;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;

namespace Skylight.Local.Catalog;

/// <summary>
/// <see cref="ICommit"/> of the edge: small objects and change in one journal record, durable with its group's one fsync, applied to the catalog at once.
/// The ETag is checked before the record is written, under a lock of the study, so that a durable record always applies. The host owns the data folder
/// alone, so a lock within the process is enough.
/// </summary>
/// <param name="purge">Empties the journal and the logs of the database files; null where somebody else does.</param>
public sealed class JournalCommit(Journal.Journal journal, SqliteCatalog catalog, Func<CancellationToken, Task>? purge = null) : ICommit
{
    private const int Stripes = 256;

    private readonly SemaphoreSlim[] _locks = [.. Enumerable.Range(0, Stripes).Select(_ => new SemaphoreSlim(1, 1))];

    public bool MergesAsItDrains => true;

    public async Task<CommitOutcome> CommitAsync(CommitBatch batch, CancellationToken cancellationToken)
    {
        var study = batch.Change.Document;
        var gate = Gate(study.StudyKey);
        await gate.WaitAsync(cancellationToken);
        try
        {
            if (catalog.ETagOf(study.Institution, study.StudyKey) != batch.Change.ExpectedETag) return CommitOutcome.Conflict;
            if (catalog.Full is { } full) throw new StorageFullException(full.Message, full);
            var body = SqliteCatalog.Serialize(study);
            // Past this point the outcome must be known: a record that is being written is not taken back.
            await journal.AppendAsync(
                [.. batch.Objects.Select(item => (item.Name, item.Bytes))],
                Serialize(batch.Change, body),
                sequence => catalog.TakeAsync(batch.Change, body, sequence),
                CancellationToken.None);
            return CommitOutcome.Committed;
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>
    /// Not a journal record: under the study's lock no commit of it is on its way, and the checkpoint makes the removal as durable as the number of the last
    /// journal record applied, so that no replay brings it back.
    /// </summary>
    public async Task<CommitOutcome> RemoveAsync(string institution, string studyKey, string etag, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken)
    {
        var gate = Gate(studyKey);
        await gate.WaitAsync(cancellationToken);
        try
        {
            if (catalog.ETagOf(institution, studyKey) is { } current && current != etag) return CommitOutcome.Conflict;
            await catalog.RemoveAsync(institution, studyKey, etag, sopInstanceUids, CancellationToken.None);
            await catalog.CheckpointAsync(CancellationToken.None);
            return CommitOutcome.Committed;
        }
        finally
        {
            gate.Release();
        }
    }

    public Task PurgeAsync(CancellationToken cancellationToken) => purge?.Invoke(cancellationToken) ?? catalog.CheckpointAsync(cancellationToken);

    /// <summary>The change's JSON around its document, which is not serialised a second time.</summary>
    private static ReadOnlyMemory<byte> Serialize(StudyChange change, byte[] document)
    {
        var output = new ArrayBufferWriter<byte>(document.Length + 1024);
        using var json = new Utf8JsonWriter(output, new JsonWriterOptions { SkipValidation = true });
        json.WriteStartObject();
        json.WriteNumber("v"u8, change.V);
        json.WritePropertyName("document"u8);
        json.WriteRawValue(document, skipInputValidation: true);
        if (change.ExpectedETag is { } etag) json.WriteString("expectedETag"u8, etag);
        json.WritePropertyName("rows"u8);
        JsonSerializer.Serialize(json, change.Rows, DocumentJson.Options);
        json.WriteEndObject();
        json.Flush();
        return output.WrittenMemory;
    }

    private SemaphoreSlim Gate(string studyKey) => _locks[(uint)string.GetHashCode(studyKey, StringComparison.Ordinal) % Stripes];
}
