using System.Text.Json;
using Azure.Core.Cryptography;
using Skylight.Archive.Objects;
using Skylight.Core.Audit;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Queues;
using Xunit;

namespace Skylight.Conformance.Faults;

/// <summary>What callers do about a port whose calls fail: they call again, and look first where they cannot know whether it was done. Under it a suite must not notice the faults.</summary>
public static class Persistent
{
    private const int Most = 1000;

    public static async ValueTask<T> RepeatAsync<T>(Func<ValueTask<T>> call)
    {
        for (var tries = 0; ; tries++)
        {
            Assert.True(tries < Most, "the faults do not end");
            try
            {
                return await call();
            }
            catch (Exception error) when (error is InjectedFaultException || error.InnerException is InjectedFaultException)
            {
                // What a retry policy does.
                continue;
            }
        }
    }

    public static async ValueTask RepeatAsync(Func<ValueTask> call) => await RepeatAsync(async () =>
    {
        await call();
        return true;
    });
}

/// <summary>Writes an object again from its beginning when its writer breaks off, and takes one that is there with its bytes for stored.</summary>
public sealed class PersistentObjectStore(IObjectStore inner) : IObjectStore
{
    public async ValueTask<ObjectWriter> CreateAsync(string name, CancellationToken cancellationToken) => new Writer(this, name, await inner.CreateAsync(name, cancellationToken));

    public ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken) =>
        Persistent.RepeatAsync(() => inner.ReadAsync(name, offset, destination, cancellationToken));

    public ValueTask<long?> GetLengthAsync(string name, CancellationToken cancellationToken) => Persistent.RepeatAsync(() => inner.GetLengthAsync(name, cancellationToken));

    public async ValueTask<bool> DeleteAsync(string name, CancellationToken cancellationToken)
    {
        var there = await GetLengthAsync(name, cancellationToken) is not null;
        await Persistent.RepeatAsync(() => inner.DeleteAsync(name, cancellationToken));
        return there;
    }

    public IAsyncEnumerable<string> ListAsync(string prefix, CancellationToken cancellationToken) => inner.ListAsync(prefix, cancellationToken);

    public ValueTask SetTierAsync(string name, ObjectTier tier, CancellationToken cancellationToken) => Persistent.RepeatAsync(() => inner.SetTierAsync(name, tier, cancellationToken));

    public ValueTask<ObjectStatus?> GetStatusAsync(string name, CancellationToken cancellationToken) => Persistent.RepeatAsync(() => inner.GetStatusAsync(name, cancellationToken));

    private async ValueTask<bool> HoldsAsync(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        if (await GetLengthAsync(name, cancellationToken) != bytes.Length) return false;
        var stored = new byte[bytes.Length];
        return await ReadAsync(name, 0, stored, cancellationToken) == stored.Length && stored.AsSpan().SequenceEqual(bytes.Span);
    }

    private sealed class Writer(PersistentObjectStore store, string name, ObjectWriter first) : ObjectWriter
    {
        private readonly MemoryStream _written = new();
        private ObjectWriter? _current = first;

        private ReadOnlyMemory<byte> Written => _written.GetBuffer().AsMemory(0, (int)_written.Length);

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
        {
            _written.Write(bytes.Span);
            var next = bytes;
            await Persistent.RepeatAsync(async () =>
            {
                var again = _current is null;
                await SpendAsync(async writer => await writer.WriteAsync(again ? Written : next, cancellationToken), cancellationToken);
            });
        }

        public override ValueTask CommitAsync(CancellationToken cancellationToken) => Persistent.RepeatAsync(async () =>
        {
            if (_current is null && await store.HoldsAsync(name, Written, cancellationToken)) return;
            var again = _current is null;
            await SpendAsync(
                async writer =>
                {
                    if (again) await writer.WriteAsync(Written, cancellationToken);
                    await writer.CommitAsync(cancellationToken);
                },
                cancellationToken);
        });

        public override async ValueTask DisposeAsync()
        {
            if (_current is not null) await _current.DisposeAsync();
            await _written.DisposeAsync();
        }

        /// <summary>A writer that has failed is spent.</summary>
        private async ValueTask SpendAsync(Func<ObjectWriter, ValueTask> use, CancellationToken cancellationToken)
        {
            _current ??= await store.CreateAnewAsync(name, cancellationToken);
            try
            {
                await use(_current);
            }
            catch (InjectedFaultException)
            {
                await _current.DisposeAsync();
                _current = null;
                throw;
            }
        }
    }

    private ValueTask<ObjectWriter> CreateAnewAsync(string name, CancellationToken cancellationToken) => inner.CreateAsync(name, cancellationToken);
}

/// <summary>Commits again; a conflict with its own change, whose answer was lost, is none.</summary>
public sealed class PersistentCommit(ICommit inner, ICatalog catalog) : ICommit
{
    public bool MergesAsItDrains => inner.MergesAsItDrains;

    public async Task<CommitOutcome> CommitAsync(CommitBatch batch, CancellationToken cancellationToken)
    {
        var lost = false;
        var outcome = await Persistent.RepeatAsync(async () =>
        {
            try
            {
                return await inner.CommitAsync(batch, cancellationToken);
            }
            catch (InjectedFaultException error)
            {
                lost |= error.Fault == Fault.LostAfter;
                throw;
            }
        });
        if (outcome == CommitOutcome.Committed || !lost) return outcome;
        var study = batch.Change.Document;
        var stored = await catalog.GetStudyByKeyAsync(study.Institution, study.StudyKey, cancellationToken);
        return stored is not null && Text(stored.Value) == Text(study) ? CommitOutcome.Committed : outcome;
    }

    public async Task<CommitOutcome> RemoveAsync(string institution, string studyKey, string etag, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken) =>
        await Persistent.RepeatAsync(async () => await inner.RemoveAsync(institution, studyKey, etag, sopInstanceUids, cancellationToken));

    public Task PurgeAsync(CancellationToken cancellationToken) => inner.PurgeAsync(cancellationToken);

    private static string Text(StudyDocument study) => JsonSerializer.Serialize(study, DocumentJson.Options);
}

/// <summary>Asks again. Of changes only those that were not made: a caller cannot tell its own from another's that looks the same.</summary>
public sealed class PersistentCatalog(ICatalog inner) : ICatalog
{
    public ValueTask<Stored<StudyDocument>?> GetStudyAsync(string institution, string studyInstanceUid, CancellationToken cancellationToken) =>
        Persistent.RepeatAsync(() => inner.GetStudyAsync(institution, studyInstanceUid, cancellationToken));

    public ValueTask<Stored<StudyDocument>?> GetStudyByKeyAsync(string institution, string studyKey, CancellationToken cancellationToken) =>
        Persistent.RepeatAsync(() => inner.GetStudyByKeyAsync(institution, studyKey, cancellationToken));

    public ValueTask<IReadOnlyList<InstanceIndexRow>> FindInstancesAsync(string institution, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken) =>
        Persistent.RepeatAsync(() => inner.FindInstancesAsync(institution, sopInstanceUids, cancellationToken));

    public ValueTask<IReadOnlyList<InstanceIndexRow>> ListInstancesAsync(string institution, string after, int limit, CancellationToken cancellationToken) =>
        Persistent.RepeatAsync(() => inner.ListInstancesAsync(institution, after, limit, cancellationToken));

    public ValueTask<IReadOnlyList<string>> ListStudyKeysAsync(string institution, string after, int limit, CancellationToken cancellationToken) =>
        Persistent.RepeatAsync(() => inner.ListStudyKeysAsync(institution, after, limit, cancellationToken));

    public ValueTask<StudyPage> QueryStudiesAsync(string institution, StudyQuery query, int limit, int offset, string? continuation, CancellationToken cancellationToken) =>
        Persistent.RepeatAsync(() => inner.QueryStudiesAsync(institution, query, limit, offset, continuation, cancellationToken));

    public ValueTask<IReadOnlyList<StudyReference>> ListDueAsync(StudyDue due, DateTimeOffset now, int limit, CancellationToken cancellationToken) =>
        Persistent.RepeatAsync(() => inner.ListDueAsync(due, now, limit, cancellationToken));

    public ValueTask ApplyAsync(StudyChange change, CancellationToken cancellationToken) => Persistent.RepeatAsync(() => inner.ApplyAsync(change, cancellationToken));

    public ValueTask<bool> RemoveAsync(string institution, string studyKey, string etag, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken) =>
        Persistent.RepeatAsync(() => inner.RemoveAsync(institution, studyKey, etag, sopInstanceUids, cancellationToken));
}

/// <summary>Writes again; a conflict with its own write, whose answer was lost, is none, and one that cannot be told from another's is an error of the store.</summary>
public sealed class PersistentDocuments(IDocuments inner) : IDocuments
{
    public ValueTask<Stored<T>?> GetAsync<T>(DocumentKey key, CancellationToken cancellationToken) where T : class => Persistent.RepeatAsync(() => inner.GetAsync<T>(key, cancellationToken));

    public async ValueTask<string> PutAsync<T>(DocumentKey key, T value, Match match, IReadOnlyCollection<string> terms, CancellationToken cancellationToken) where T : class
    {
        var lost = false;
        return await Persistent.RepeatAsync(async () =>
        {
            try
            {
                return await inner.PutAsync(key, value, match, terms, cancellationToken);
            }
            catch (InjectedFaultException error)
            {
                lost |= error.Fault == Fault.LostAfter;
                throw;
            }
            catch (DocumentConflictException) when (lost)
            {
                var stored = await GetAsync<T>(key, cancellationToken);
                return stored is not null && Text(stored.Value) == Text(value) ? stored.ETag : throw new IOException("Whether the document was written cannot be said.");
            }
        });
    }

    public async ValueTask<bool> DeleteAsync(DocumentKey key, Match match, CancellationToken cancellationToken)
    {
        var lost = false;
        return await Persistent.RepeatAsync(async () =>
        {
            try
            {
                return await inner.DeleteAsync(key, match, cancellationToken) || lost;
            }
            catch (InjectedFaultException error)
            {
                lost |= error.Fault == Fault.LostAfter;
                throw;
            }
        });
    }

    public ValueTask<DocumentPage<T>> ListAsync<T>(string pk, string type, string? term, int limit, string? continuation, CancellationToken cancellationToken) where T : class =>
        Persistent.RepeatAsync(() => inner.ListAsync<T>(pk, type, term, limit, continuation, cancellationToken));

    private static string Text<T>(T value) => JsonSerializer.Serialize(value, DocumentJson.Options);
}

/// <summary>Appends again what was not appended.</summary>
public sealed class PersistentAuditLog(IAuditLog inner) : IAuditLog
{
    public ValueTask<long> AppendAsync(string institution, AuditEvent entry, CancellationToken cancellationToken) =>
        Persistent.RepeatAsync(() => inner.AppendAsync(institution, entry, cancellationToken));

    public ValueTask<AuditPage> ReadAsync(string institution, AuditQuery query, CancellationToken cancellationToken) =>
        Persistent.RepeatAsync(() => inner.ReadAsync(institution, query, cancellationToken));

    public ValueTask<AuditVerification> VerifyAsync(string institution, AuditHead? expectedHead, CancellationToken cancellationToken) =>
        Persistent.RepeatAsync(() => inner.VerifyAsync(institution, expectedHead, cancellationToken));
}

public sealed class PersistentQueue(IQueue inner) : IQueue
{
    public ValueTask SendAsync(string queue, ReadOnlyMemory<byte> body, TimeSpan delay, CancellationToken cancellationToken) =>
        Persistent.RepeatAsync(() => inner.SendAsync(queue, body, delay, cancellationToken));

    public ValueTask<IReadOnlyList<QueueMessage>> ReceiveAsync(string queue, int max, TimeSpan visibility, CancellationToken cancellationToken) =>
        Persistent.RepeatAsync(() => inner.ReceiveAsync(queue, max, visibility, cancellationToken));

    public ValueTask<QueueMessage?> ExtendAsync(QueueMessage message, TimeSpan visibility, CancellationToken cancellationToken) => Persistent.RepeatAsync(() => inner.ExtendAsync(message, visibility, cancellationToken));

    public ValueTask<bool> CompleteAsync(QueueMessage message, CancellationToken cancellationToken) => Persistent.RepeatAsync(() => inner.CompleteAsync(message, cancellationToken));

    public ValueTask<long> CountAsync(string queue, CancellationToken cancellationToken) => Persistent.RepeatAsync(() => inner.CountAsync(queue, cancellationToken));
}

public sealed class PersistentKeyRing(IKeyEncryptionKeyResolver inner) : IKeyEncryptionKeyResolver
{
    public IKeyEncryptionKey Resolve(string keyId, CancellationToken cancellationToken = default) => inner.Resolve(keyId, cancellationToken);

    public async Task<IKeyEncryptionKey> ResolveAsync(string keyId, CancellationToken cancellationToken = default) =>
        await Persistent.RepeatAsync(async () => await inner.ResolveAsync(keyId, cancellationToken));
}
