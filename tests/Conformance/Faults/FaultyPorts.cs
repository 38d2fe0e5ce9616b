using Azure.Core.Cryptography;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Core.Catalog;
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
