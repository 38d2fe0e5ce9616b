using System.Globalization;
using Microsoft.Azure.Cosmos;
using Skylight.Azure.Cosmos;

namespace Skylight.Azure.Audit;

/// <summary>Extends one institution's chain. Callers queue up; the first of them writes for all that wait.</summary>
internal sealed class AuditAppender(CosmosItems items, string institution, byte[] key) : IDisposable
{
    /// <summary>Entries of one item: about 100 KB.</summary>
    private const int MostEntries = 100;

    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly Lock _lock = new();
    private readonly Queue<Waiting> _waiting = [];
    private AuditHeadState? _head;
    private long _anchored;

    public byte[] Key => key;

    public async ValueTask<long> AppendAsync(byte[] body, CancellationToken cancellationToken)
    {
        var own = new Waiting(body, new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously));
        lock (_lock) _waiting.Enqueue(own);

        // Not cancellable past this point: the entry may already be on its way, in an item with others.
        await _writing.WaitAsync(CancellationToken.None);
        try
        {
            while (!own.Sequence.Task.IsCompleted) await WriteAsync(CancellationToken.None);
        }
        finally
        {
            _writing.Release();
        }

        return await own.Sequence.Task.WaitAsync(cancellationToken);
    }

    /// <summary>The head, once each time that it has changed.</summary>
    public bool TakeForAnchor(out AuditHeadState head)
    {
        lock (_lock)
        {
            head = _head ?? AuditHeadState.Empty;
            if (head.Sequence == _anchored) return false;
            _anchored = head.Sequence;
            return true;
        }
    }

    /// <summary>The anchor was not written after all.</summary>
    public void PutBack()
    {
        lock (_lock) _anchored = 0;
    }

    public void Dispose() => _writing.Dispose();

    public static async ValueTask<AuditHeadState> HeadAsync(CosmosItems items, string institution, CancellationToken cancellationToken)
    {
        var query = new QueryDefinition("SELECT TOP 1 * FROM c WHERE c.pk = @pk ORDER BY c.first DESC").WithParameter("@pk", institution);
        return await items.QueryAsync<AuditItem>(institution, query, 1, cancellationToken) is [var last] ? last.Head() : AuditHeadState.Empty;
    }

    private async Task WriteAsync(CancellationToken cancellationToken)
    {
        var batch = Take();
        try
        {
            while (true)
            {
                var head = _head ?? await HeadAsync(items, institution, cancellationToken);
                var item = AuditItem.Next(institution, head, [.. batch.Select(entry => entry.Body)], key);
                if (await items.TryPutAsync(institution, item.Id, item, null, cancellationToken))
                {
                    Advance(item.Head());
                    for (var i = 0; i < batch.Count; i++) batch[i].Sequence.SetResult(item.First + i);
                    return;
                }

                // Another process was first. What it wrote is found by the id that we wanted.
                Advance(await items.ReadAsync<AuditItem>(institution, item.Id, cancellationToken) is { } met
                    ? met.Value.Head()
                    : throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"Entry {item.First} of an audit trail was there and is gone.")));
            }
        }
        catch (Exception error)
        {
            // Whether it was written is not known: the head is read anew, and every caller hears that its entry is not sure.
            lock (_lock) _head = null;
            foreach (var entry in batch) entry.Sequence.TrySetException(error);
        }
    }

    private List<Waiting> Take()
    {
        lock (_lock)
        {
            var batch = new List<Waiting>();
            while (batch.Count < MostEntries && _waiting.TryDequeue(out var next)) batch.Add(next);
            return batch;
        }
    }

    private void Advance(AuditHeadState head)
    {
        lock (_lock) _head = head;
    }

    private sealed record Waiting(byte[] Body, TaskCompletionSource<long> Sequence);
}
