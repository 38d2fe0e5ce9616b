using Azure.Core.Cryptography;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Core.Audit;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Queues;

namespace Skylight.Conformance.Faults;

/// <summary>Draws for one call of a port, and does what was drawn around it.</summary>
internal static class FaultyCall
{
    private static readonly Fault[] Reading = [Fault.Throttled, Fault.LostBefore];
    private static readonly Fault[] Writing = [Fault.Throttled, Fault.LostBefore, Fault.LostAfter];

    public static async ValueTask<T> ReadAsync<T>(FaultPlan plan, Func<ValueTask<T>> call)
    {
        var fault = plan.Next(Reading);
        return fault == Fault.None ? await call() : throw new InjectedFaultException(fault);
    }

    public static async ValueTask<T> WriteAsync<T>(FaultPlan plan, Func<ValueTask<T>> call)
    {
        var fault = plan.Next(Writing);
        if (fault is Fault.Throttled or Fault.LostBefore) throw new InjectedFaultException(fault);
        var answer = await call();
        return fault == Fault.LostAfter ? throw new InjectedFaultException(fault) : answer;
    }

    public static async ValueTask WriteAsync(FaultPlan plan, Func<ValueTask> call) => await WriteAsync(plan, async () =>
    {
        await call();
        return true;
    });
}

/// <summary>An object store whose calls fail before or after their effect, and whose writers break off in the middle.</summary>
public sealed class FaultyObjectStore(IObjectStore inner, FaultPlan plan) : IObjectStore
{
    public async ValueTask<ObjectWriter> CreateAsync(string name, CancellationToken cancellationToken) => new FaultyWriter(await inner.CreateAsync(name, cancellationToken), plan);

    public ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken) =>
        FaultyCall.ReadAsync(plan, () => inner.ReadAsync(name, offset, destination, cancellationToken));

    public ValueTask<long?> GetLengthAsync(string name, CancellationToken cancellationToken) => FaultyCall.ReadAsync(plan, () => inner.GetLengthAsync(name, cancellationToken));

    public ValueTask<bool> DeleteAsync(string name, CancellationToken cancellationToken) => FaultyCall.WriteAsync(plan, () => inner.DeleteAsync(name, cancellationToken));

    public IAsyncEnumerable<string> ListAsync(string prefix, CancellationToken cancellationToken) => inner.ListAsync(prefix, cancellationToken);

    public ValueTask SetTierAsync(string name, ObjectTier tier, CancellationToken cancellationToken) => FaultyCall.WriteAsync(plan, () => inner.SetTierAsync(name, tier, cancellationToken));

    public ValueTask<ObjectStatus?> GetStatusAsync(string name, CancellationToken cancellationToken) => FaultyCall.ReadAsync(plan, () => inner.GetStatusAsync(name, cancellationToken));

    private sealed class FaultyWriter(ObjectWriter inner, FaultPlan plan) : ObjectWriter
    {
        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
        {
            if (plan.Next(Fault.Partial) == Fault.Partial)
            {
                await inner.WriteAsync(bytes[..(bytes.Length / 2)], cancellationToken);
                throw new InjectedFaultException(Fault.Partial);
            }

            await inner.WriteAsync(bytes, cancellationToken);
        }

        public override ValueTask CommitAsync(CancellationToken cancellationToken) => FaultyCall.WriteAsync(plan, () => inner.CommitAsync(cancellationToken));

        public override ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}

/// <summary>Key records whose calls fail before or after their effect.</summary>
public sealed class FaultyKeyRecords(IKeyRecordStore inner, FaultPlan plan) : IKeyRecordStore
{
    public ValueTask<StoredKeyRecord?> GetAsync(string institution, string subject, CancellationToken cancellationToken) =>
        FaultyCall.ReadAsync(plan, () => inner.GetAsync(institution, subject, cancellationToken));

    public ValueTask<bool> TryAddAsync(KeyRecord record, CancellationToken cancellationToken) => FaultyCall.WriteAsync(plan, () => inner.TryAddAsync(record, cancellationToken));

    public ValueTask<bool> TryReplaceAsync(KeyRecord record, string etag, CancellationToken cancellationToken) =>
        FaultyCall.WriteAsync(plan, () => inner.TryReplaceAsync(record, etag, cancellationToken));

    public ValueTask<bool> DeleteAsync(string institution, string subject, CancellationToken cancellationToken) =>
        FaultyCall.WriteAsync(plan, () => inner.DeleteAsync(institution, subject, cancellationToken));

    public ValueTask<KeyRecordPage> ListAsync(string institution, int limit, string? continuation, CancellationToken cancellationToken) =>
        FaultyCall.ReadAsync(plan, () => inner.ListAsync(institution, limit, continuation, cancellationToken));
}

/// <summary>A commit whose calls fail before or after their effect.</summary>
public sealed class FaultyCommit(ICommit inner, FaultPlan plan) : ICommit
{
    public async Task<CommitOutcome> CommitAsync(CommitBatch batch, CancellationToken cancellationToken) =>
        await FaultyCall.WriteAsync(plan, async () => await inner.CommitAsync(batch, cancellationToken));

    public Task<CommitOutcome> RemoveAsync(string institution, string studyKey, string etag, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken) =>
        FaultyCall.WriteAsync(plan, async () => await inner.RemoveAsync(institution, studyKey, etag, sopInstanceUids, cancellationToken)).AsTask();

    public Task PurgeAsync(CancellationToken cancellationToken) => inner.PurgeAsync(cancellationToken);
}

/// <summary>A catalog whose calls fail before or after their effect.</summary>
public sealed class FaultyCatalog(ICatalog inner, FaultPlan plan) : ICatalog
{
    public ValueTask<Stored<StudyDocument>?> GetStudyAsync(string institution, string studyInstanceUid, CancellationToken cancellationToken) =>
        FaultyCall.ReadAsync(plan, () => inner.GetStudyAsync(institution, studyInstanceUid, cancellationToken));

    public ValueTask<Stored<StudyDocument>?> GetStudyByKeyAsync(string institution, string studyKey, CancellationToken cancellationToken) =>
        FaultyCall.ReadAsync(plan, () => inner.GetStudyByKeyAsync(institution, studyKey, cancellationToken));

    public ValueTask<IReadOnlyList<InstanceIndexRow>> FindInstancesAsync(string institution, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken) =>
        FaultyCall.ReadAsync(plan, () => inner.FindInstancesAsync(institution, sopInstanceUids, cancellationToken));

    public ValueTask<IReadOnlyList<InstanceIndexRow>> ListInstancesAsync(string institution, string after, int limit, CancellationToken cancellationToken) =>
        FaultyCall.ReadAsync(plan, () => inner.ListInstancesAsync(institution, after, limit, cancellationToken));

    public ValueTask<IReadOnlyList<string>> ListStudyKeysAsync(string institution, string after, int limit, CancellationToken cancellationToken) =>
        FaultyCall.ReadAsync(plan, () => inner.ListStudyKeysAsync(institution, after, limit, cancellationToken));

    public ValueTask<StudyPage> QueryStudiesAsync(string institution, StudyQuery query, int limit, int offset, string? continuation, CancellationToken cancellationToken) =>
        FaultyCall.ReadAsync(plan, () => inner.QueryStudiesAsync(institution, query, limit, offset, continuation, cancellationToken));

    public ValueTask<IReadOnlyList<StudyReference>> ListDueAsync(StudyDue due, DateTimeOffset now, int limit, CancellationToken cancellationToken) =>
        FaultyCall.ReadAsync(plan, () => inner.ListDueAsync(due, now, limit, cancellationToken));

    public ValueTask ApplyAsync(StudyChange change, CancellationToken cancellationToken) => FaultyCall.WriteAsync(plan, () => inner.ApplyAsync(change, cancellationToken));

    public ValueTask<bool> RemoveAsync(string institution, string studyKey, string etag, IReadOnlyCollection<string> sopInstanceUids, CancellationToken cancellationToken) =>
        FaultyCall.WriteAsync(plan, () => inner.RemoveAsync(institution, studyKey, etag, sopInstanceUids, cancellationToken));
}

/// <summary>Documents whose calls fail before or after their effect.</summary>
public sealed class FaultyDocuments(IDocuments inner, FaultPlan plan) : IDocuments
{
    public ValueTask<Stored<T>?> GetAsync<T>(DocumentKey key, CancellationToken cancellationToken) where T : class =>
        FaultyCall.ReadAsync(plan, () => inner.GetAsync<T>(key, cancellationToken));

    public ValueTask<string> PutAsync<T>(DocumentKey key, T value, Match match, IReadOnlyCollection<string> terms, CancellationToken cancellationToken) where T : class =>
        FaultyCall.WriteAsync(plan, () => inner.PutAsync(key, value, match, terms, cancellationToken));

    public ValueTask<bool> DeleteAsync(DocumentKey key, Match match, CancellationToken cancellationToken) => FaultyCall.WriteAsync(plan, () => inner.DeleteAsync(key, match, cancellationToken));

    public ValueTask<DocumentPage<T>> ListAsync<T>(string pk, string type, string? term, int limit, string? continuation, CancellationToken cancellationToken) where T : class =>
        FaultyCall.ReadAsync(plan, () => inner.ListAsync<T>(pk, type, term, limit, continuation, cancellationToken));
}

/// <summary>An audit trail whose calls fail before or after their effect.</summary>
public sealed class FaultyAuditLog(IAuditLog inner, FaultPlan plan) : IAuditLog
{
    public ValueTask<long> AppendAsync(string institution, AuditEvent entry, CancellationToken cancellationToken) =>
        FaultyCall.WriteAsync(plan, () => inner.AppendAsync(institution, entry, cancellationToken));

    public ValueTask<AuditPage> ReadAsync(string institution, AuditQuery query, CancellationToken cancellationToken) =>
        FaultyCall.ReadAsync(plan, () => inner.ReadAsync(institution, query, cancellationToken));

    public ValueTask<AuditVerification> VerifyAsync(string institution, AuditHead? expectedHead, CancellationToken cancellationToken) =>
        FaultyCall.ReadAsync(plan, () => inner.VerifyAsync(institution, expectedHead, cancellationToken));
}

/// <summary>A queue that loses answers, and delivers a message twice.</summary>
public sealed class FaultyQueue(IQueue inner, FaultPlan plan) : IQueue
{
    public ValueTask SendAsync(string queue, ReadOnlyMemory<byte> body, TimeSpan delay, CancellationToken cancellationToken) =>
        FaultyCall.WriteAsync(plan, () => inner.SendAsync(queue, body, delay, cancellationToken));

    public async ValueTask<IReadOnlyList<QueueMessage>> ReceiveAsync(string queue, int max, TimeSpan visibility, CancellationToken cancellationToken)
    {
        var fault = plan.Next(Fault.Throttled, Fault.LostBefore, Fault.Twice);
        if (fault is Fault.Throttled or Fault.LostBefore) throw new InjectedFaultException(fault);
        var received = await inner.ReceiveAsync(queue, max, visibility, cancellationToken);
        if (fault == Fault.Twice)
            foreach (var message in received) await inner.SendAsync(queue, message.Body, TimeSpan.Zero, cancellationToken);
        return received;
    }

    public ValueTask<QueueMessage?> ExtendAsync(QueueMessage message, TimeSpan visibility, CancellationToken cancellationToken) => FaultyCall.ReadAsync(plan, () => inner.ExtendAsync(message, visibility, cancellationToken));

    public ValueTask<bool> CompleteAsync(QueueMessage message, CancellationToken cancellationToken) => FaultyCall.WriteAsync(plan, () => inner.CompleteAsync(message, cancellationToken));

    public ValueTask<long> CountAsync(string queue, CancellationToken cancellationToken) => FaultyCall.ReadAsync(plan, () => inner.CountAsync(queue, cancellationToken));
}

/// <summary>A resolver of key-encryption keys that cannot be reached now and then.</summary>
public sealed class FaultyKeyRing(IKeyEncryptionKeyResolver inner, FaultPlan plan) : IKeyEncryptionKeyResolver
{
    public IKeyEncryptionKey Resolve(string keyId, CancellationToken cancellationToken = default) => inner.Resolve(keyId, cancellationToken);

    public async Task<IKeyEncryptionKey> ResolveAsync(string keyId, CancellationToken cancellationToken = default)
    {
        var fault = plan.Next(Fault.Throttled, Fault.LostBefore);
        return fault == Fault.None ? await inner.ResolveAsync(keyId, cancellationToken) : throw new InjectedFaultException(fault);
    }
}
