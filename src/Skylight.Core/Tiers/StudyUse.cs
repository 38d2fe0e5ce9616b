using System.Collections.Concurrent;
using Skylight.Core.Documents;

namespace Skylight.Core.Tiers;

/// <summary>
/// When studies were last read. A read only notes it in memory; a timer writes what was read since, at most once a study and day: a crash loses minutes of
/// it, which no policy notices.
/// </summary>
public sealed class StudyUse(IDocuments documents, TimeProvider time)
{
    private const string Type = "study-use";
    private const int MaxWaiting = 100_000;

    private readonly ConcurrentDictionary<(string Institution, string StudyKey), DateTimeOffset> _waiting = new();
    private readonly ConcurrentDictionary<(string Institution, string StudyKey), DateOnly> _written = new();

    /// <summary>Notes that a study is being read. Costs a dictionary entry.</summary>
    public void Touch(string institution, string studyKey)
    {
        var now = time.GetUtcNow();
        if (_written.TryGetValue((institution, studyKey), out var day) && day == DateOnly.FromDateTime(now.UtcDateTime)) return;
        if (_waiting.Count < MaxWaiting) _waiting[(institution, studyKey)] = now;
    }

    /// <summary>Writes what was noted; answers how many studies that were.</summary>
    public async Task<int> FlushAsync(CancellationToken cancellationToken)
    {
        var written = 0;
        foreach (var (key, at) in _waiting)
        {
            await documents.PutAsync(Key(key.Institution, key.StudyKey), new Use(1, at), Match.Any, [], cancellationToken);
            if (_written.Count >= MaxWaiting) _written.Clear();
            _written[key] = DateOnly.FromDateTime(at.UtcDateTime);
            _waiting.TryRemove(KeyValuePair.Create(key, at));
            written++;
        }

        return written;
    }

    /// <summary>When a study was last read; null when it never was, or not since this is noted.</summary>
    public async ValueTask<DateTimeOffset?> LastAsync(string institution, string studyKey, CancellationToken cancellationToken) =>
        _waiting.TryGetValue((institution, studyKey), out var at) ? at : (await documents.GetAsync<Use>(Key(institution, studyKey), cancellationToken))?.Value.At;

    private static DocumentKey Key(string institution, string studyKey) => new(institution, Type, studyKey);

    private sealed record Use(int V, DateTimeOffset At);
}
