using Skylight.Archive.Keys;

namespace Skylight.Conformance;

/// <summary>Key records in memory, with a place to step in between two calls.</summary>
public sealed class MemoryKeyRecords : IKeyRecordStore
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Institution, string Subject), StoredKeyRecord> _records = [];
    private int _version;

    /// <summary>Asked before every call of one record, with its name; what it throws is the call's answer.</summary>
    public Func<string, Task>? Before { get; set; }

    public async ValueTask<StoredKeyRecord?> GetAsync(string institution, string subject, CancellationToken cancellationToken)
    {
        await StepAsync(nameof(GetAsync));
        lock (_lock) return _records.GetValueOrDefault((institution, subject));
    }

    public async ValueTask<bool> TryAddAsync(KeyRecord record, CancellationToken cancellationToken)
    {
        await StepAsync(nameof(TryAddAsync));
        lock (_lock) return _records.TryAdd((record.Institution, record.Subject), new StoredKeyRecord(record, $"{++_version}"));
    }

    public async ValueTask<bool> TryReplaceAsync(KeyRecord record, string etag, CancellationToken cancellationToken)
    {
        await StepAsync(nameof(TryReplaceAsync));
        lock (_lock)
        {
            if (!_records.TryGetValue((record.Institution, record.Subject), out var known) || known.ETag != etag) return false;
            _records[(record.Institution, record.Subject)] = new StoredKeyRecord(record, $"{++_version}");
            return true;
        }
    }

    public async ValueTask<bool> DeleteAsync(string institution, string subject, CancellationToken cancellationToken)
    {
        await StepAsync(nameof(DeleteAsync));
        lock (_lock) return _records.Remove((institution, subject));
    }

    public ValueTask<KeyRecordPage> ListAsync(string institution, int limit, string? continuation, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            var rest = _records.Values.Where(stored => stored.Record.Institution == institution && string.CompareOrdinal(stored.Record.Subject, continuation) > 0)
                .OrderBy(stored => stored.Record.Subject, StringComparer.Ordinal).ToArray();
            return ValueTask.FromResult(new KeyRecordPage([.. rest.Take(limit)], rest.Length > limit ? rest[limit - 1].Record.Subject : null));
        }
    }

    private Task StepAsync(string call) => Before?.Invoke(call) ?? Task.CompletedTask;
}
