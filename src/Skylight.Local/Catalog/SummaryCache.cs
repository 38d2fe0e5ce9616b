using Skylight.Core.Catalog;

namespace Skylight.Local.Catalog;

/// <summary>
/// Summaries as they were read, by the study's number, which is never given again, and revision: a search compares both with the row it has found, so nothing
/// here can be out of date. Thread-safe.
/// </summary>
internal sealed class SummaryCache
{
    /// <summary>In each of two generations; about 1 KB each.</summary>
    private const int MaxSummaries = 10_000;

    private readonly Lock _lock = new();
    private Dictionary<long, (long Revision, StudySummary Summary)> _young = [];
    private Dictionary<long, (long Revision, StudySummary Summary)> _old = [];

    public StudySummary? Get(long n, long revision)
    {
        lock (_lock)
        {
            if (!_young.TryGetValue(n, out var found))
            {
                if (!_old.Remove(n, out found)) return null;
                Add(n, found);
            }

            return found.Revision == revision ? found.Summary : null;
        }
    }

    public void Put(long n, long revision, StudySummary summary)
    {
        lock (_lock) Add(n, (revision, summary));
    }

    /// <summary>What nobody has asked for while the younger generation filled up goes.</summary>
    private void Add(long n, (long, StudySummary) entry)
    {
        _young[n] = entry;
        if (_young.Count < MaxSummaries) return;
        (_old, _young) = (_young, []);
    }
}
