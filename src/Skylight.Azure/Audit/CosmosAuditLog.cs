using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Microsoft.Azure.Cosmos;
using Microsoft.Extensions.Logging;
using Skylight.Azure.Cosmos;
using Skylight.Core.Audit;
using Skylight.Core.Identity;

namespace Skylight.Azure.Audit;

/// <summary>
/// <see cref="IAuditLog"/> in container <c>audit</c>. Entries that arrive together in one process share an item; the item's id is its first sequence, so of two
/// processes that extend a chain at once one is refused, reads what the other wrote and follows it. Heads are anchored in a blob container, every ten
/// minutes and at the end.
/// </summary>
internal sealed class CosmosAuditLog : IAuditLog, IAsyncDisposable
{
    private const int ItemsPerRead = 100;

    private static readonly TimeSpan AnchorEvery = TimeSpan.FromMinutes(10);

    private readonly CosmosItems _items;
    private readonly AnchorBlobs _anchors;
    private readonly InstitutionSecret _secret;
    private readonly TimeProvider _time;
    private readonly ILogger<CosmosAuditLog> _log;
    private readonly ConcurrentDictionary<string, AuditAppender> _chains = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _anchoring;

    public CosmosAuditLog(CosmosItems items, AnchorBlobs anchors, InstitutionSecret secret, TimeProvider time, ILogger<CosmosAuditLog> log)
    {
        (_items, _anchors, _secret, _time, _log) = (items, anchors, secret, time, log);
        _anchoring = AnchorLoopAsync();
    }

    public async ValueTask<long> AppendAsync(string institution, AuditEvent entry, CancellationToken cancellationToken)
    {
        var key = await _secret(institution, AuditChain.KeyPurpose, cancellationToken);
        if (!_chains.TryGetValue(institution, out var chain))
        {
            await CheckAnchorsAsync(institution, key, cancellationToken);
            chain = _chains.GetOrAdd(institution, (code, secret) => new AuditAppender(_items, code, secret), key);
        }

        return await chain.AppendAsync(AuditChain.Encode(entry), cancellationToken);
    }

    public async ValueTask<AuditPage> ReadAsync(string institution, AuditQuery query, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(query.Limit, 1);
        var found = new List<AuditEntry>();
        var after = query.After;
        while (true)
        {
            var items = await _items.QueryAsync<AuditItem>(institution, Select(institution, query, after), ItemsPerRead, cancellationToken);
            foreach (var entry in items.SelectMany(item => item.Entries).Where(entry => entry.Sequence > query.After))
            {
                var recorded = AuditChain.Decode(Encoding.UTF8.GetBytes(entry.Body));
                if (!Matches(query, recorded)) continue;
                if (found.Count == query.Limit) return new AuditPage(found, found[^1].Sequence.ToString(CultureInfo.InvariantCulture));
                found.Add(new AuditEntry(institution, entry.Sequence, Hex(entry.Previous), Hex(entry.Hash), Hex(entry.Mac), recorded));
            }

            if (items.Count < ItemsPerRead) return new AuditPage(found, null);
            after = items[^1].Last;
        }
    }

    public async ValueTask<AuditVerification> VerifyAsync(string institution, AuditHead? expectedHead, CancellationToken cancellationToken)
    {
        var key = await _secret(institution, AuditChain.KeyPurpose, cancellationToken);

        // Anchors before entries: one written meanwhile would name an entry that was not read.
        var verifier = new ChainVerifier(institution, key, await _anchors.ReadAsync(institution, cancellationToken), expectedHead);
        var everything = new AuditQuery(null, null, null, null, null, 0, int.MaxValue);
        var after = 0L;
        while (true)
        {
            var items = await _items.QueryAsync<AuditItem>(institution, Select(institution, everything, after), ItemsPerRead, cancellationToken);
            foreach (var item in items)
            {
                foreach (var entry in item.Entries)
                {
                    var body = Encoding.UTF8.GetBytes(entry.Body);
                    verifier.Add(new StoredAuditEntry(entry.Sequence, entry.Previous, body, entry.Hash, entry.Mac), item.Columns(AuditChain.Decode(body)));
                }
            }

            if (items.Count < ItemsPerRead) return verifier.Complete();
            after = items[^1].Last;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_stop.IsCancellationRequested) return;
        await _stop.CancelAsync();
        await _anchoring;
        await AnchorAsync();
        foreach (var chain in _chains.Values) chain.Dispose();
        _stop.Dispose();
    }

    private static QueryDefinition Select(string institution, AuditQuery query, long after)
    {
        var where = new StringBuilder("c.pk = @pk AND c.last > @after");
        var parameters = new List<(string, object)>();
        void And(string condition, string name, object? value)
        {
            if (value is null) return;
            where.Append(" AND ").Append(condition);
            parameters.Add((name, value));
        }

        And("EXISTS(SELECT VALUE p FROM p IN c.patients WHERE ARRAY_CONTAINS(@patients, p))", "@patients", query.PatientKeys?.ToArray());
        And("ARRAY_CONTAINS(c.studies, @study)", "@study", query.StudyKey);
        And("ARRAY_CONTAINS(c.actors, @actor)", "@actor", query.Actor);
        And("c.atMax >= @from", "@from", query.From?.ToUnixTimeMilliseconds());
        And("c.atMin < @to", "@to", query.To?.ToUnixTimeMilliseconds());
        var text = new QueryDefinition(string.Create(CultureInfo.InvariantCulture, $"SELECT TOP {ItemsPerRead} * FROM c WHERE {where} ORDER BY c.first"))
            .WithParameter("@pk", institution).WithParameter("@after", after);
        foreach (var (name, value) in parameters) text = text.WithParameter(name, value);
        return text;
    }

    /// <summary>An item is found by any of its entries; the others are not what was asked for.</summary>
    private static bool Matches(AuditQuery query, AuditEvent recorded) =>
        (query.PatientKeys is null || (recorded.PatientKey is { } patient && query.PatientKeys.Contains(patient)))
        && (query.StudyKey is null || recorded.StudyKey == query.StudyKey)
        && (query.Actor is null || recorded.Actor == query.Actor)
        && (query.From is null || recorded.At.ToUnixTimeMilliseconds() >= query.From.Value.ToUnixTimeMilliseconds())
        && (query.To is null || recorded.At.ToUnixTimeMilliseconds() < query.To.Value.ToUnixTimeMilliseconds());

    private static string Hex(byte[] bytes) => Convert.ToHexStringLower(bytes);

    /// <summary>First use of a chain since the start: it must reach at least as far as its anchors say.</summary>
    private async ValueTask CheckAnchorsAsync(string institution, byte[] key, CancellationToken cancellationToken)
    {
        var newest = (await _anchors.ReadAsync(institution, cancellationToken)).Where(anchor => anchor.IsGenuine(key)).MaxBy(anchor => anchor.Sequence);
        if (newest is null) return;
        var head = await AuditAppender.HeadAsync(_items, institution, cancellationToken);
        if (head.Sequence < newest.Sequence) Log.AuditTruncated(_log, institution, head.Sequence, newest.Sequence);
    }

    private async Task AnchorLoopAsync()
    {
        using var timer = new PeriodicTimer(AnchorEvery, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token)) await AnchorAsync();
        }
        catch (OperationCanceledException)
        {
            // The host stops; the last heads are anchored by whoever stopped it.
            return;
        }
    }

    private async Task AnchorAsync()
    {
        foreach (var (institution, chain) in _chains)
        {
            if (!chain.TakeForAnchor(out var head)) continue;
            try
            {
                await _anchors.WriteAsync(AuditAnchor.Of(institution, head.Sequence, head.Hash, _time.GetUtcNow(), chain.Key), CancellationToken.None);

                // In the log as well: whoever ships logs elsewhere has the anchor elsewhere.
                Log.AuditHead(_log, institution, head.Sequence, Hex(head.Hash));
            }
            catch (IOException error)
            {
                // The trail itself is intact; the anchor is tried again next time, and the operator hears of it.
                chain.PutBack();
                Log.AuditAnchorFailed(_log, institution, error.GetType().Name);
            }
        }
    }
}
