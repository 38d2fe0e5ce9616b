using System.Diagnostics.Metrics;

namespace Skylight.Azure.Costs;

/// <summary>The classes in which Blob and Queue storage charge for requests.</summary>
public enum StorageClass
{
    /// <summary>Put Blob, Put Block, Put Block List, Set Blob Tier, Put Message and the like.</summary>
    Write,

    /// <summary>Get Blob, properties, metadata, block lists.</summary>
    Read,

    /// <summary>List Blobs and List Containers; charged like writes.</summary>
    List,

    /// <summary>Deletes (free of charge) and everything else.</summary>
    Other,
}

/// <summary>What this process has asked of the cloud since it started. Differences of two of them are the cost of what happened in between.</summary>
/// <param name="BytesUp">Bytes of request bodies to storage.</param>
/// <param name="BytesDown">Bytes of answers' bodies from storage.</param>
/// <param name="CatalogReads">Point reads from Cosmos, retries by the adapter included.</param>
/// <param name="CatalogQueries">Pages of queries.</param>
/// <param name="CatalogWrites">Creations, replacements, deletions.</param>
/// <param name="RequestUnits">RU as the service charged them.</param>
/// <param name="EstimatedRequestUnits">RU by the documented table of item sizes, for stand-ins that charge one for everything; low.</param>
/// <param name="CatalogBytes">Bytes of the items and queries sent and received.</param>
public sealed record CostSnapshot(
    long Writes, long Reads, long Lists, long Others, long BytesUp, long BytesDown, long CatalogReads, long CatalogQueries, long CatalogWrites, double RequestUnits, double EstimatedRequestUnits,
    long CatalogBytes)
{
    /// <summary>Requests to Cosmos of all kinds.</summary>
    public long CatalogRequests => CatalogReads + CatalogQueries + CatalogWrites;

    /// <summary>Storage requests of all classes.</summary>
    public long Transactions => Writes + Reads + Lists + Others;

    public static CostSnapshot operator -(CostSnapshot left, CostSnapshot right) => new(
        left.Writes - right.Writes,
        left.Reads - right.Reads,
        left.Lists - right.Lists,
        left.Others - right.Others,
        left.BytesUp - right.BytesUp,
        left.BytesDown - right.BytesDown,
        left.CatalogReads - right.CatalogReads,
        left.CatalogQueries - right.CatalogQueries,
        left.CatalogWrites - right.CatalogWrites,
        left.RequestUnits - right.RequestUnits,
        left.EstimatedRequestUnits - right.EstimatedRequestUnits,
        left.CatalogBytes - right.CatalogBytes);

    public static CostSnapshot Subtract(CostSnapshot left, CostSnapshot right) => left - right;
}

/// <summary>Counts every request that the adapters send, each try of a retried one too: that is what the bill counts. Also a meter, <c>Skylight.Azure</c>.</summary>
public sealed class AzureCosts
{
    public const string MeterName = "Skylight.Azure";

    private readonly Lock _lock = new();
    private readonly Counter<long>? _transactions;
    private readonly Counter<long>? _bytes;
    private readonly Counter<double>? _requestUnits;
    private readonly Counter<long>? _throttled;
    private CostSnapshot _total = new(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

    public AzureCosts(IMeterFactory? meters = null)
    {
        var meter = meters?.Create(MeterName);
        _transactions = meter?.CreateCounter<long>("skylight.azure.storage.transactions", null, "Requests to Blob and Queue storage by class of charge.");
        _bytes = meter?.CreateCounter<long>("skylight.azure.storage.bytes", "By", "Bytes sent to and received from storage.");
        _requestUnits = meter?.CreateCounter<double>("skylight.azure.cosmos.request_units", null, "Request units that Cosmos charged, by kind of operation.");
        _throttled = meter?.CreateCounter<long>("skylight.azure.throttled", null, "Answers 429 and 503: the service asked to wait.");
    }

    /// <summary>Everything so far.</summary>
    public CostSnapshot Snapshot()
    {
        lock (_lock) return _total;
    }

    internal void Storage(StorageClass kind, long up, long down, bool throttled)
    {
        lock (_lock)
        {
            _total = _total with
            {
                Writes = _total.Writes + (kind == StorageClass.Write ? 1 : 0),
                Reads = _total.Reads + (kind == StorageClass.Read ? 1 : 0),
                Lists = _total.Lists + (kind == StorageClass.List ? 1 : 0),
                Others = _total.Others + (kind == StorageClass.Other ? 1 : 0),
                BytesUp = _total.BytesUp + up,
                BytesDown = _total.BytesDown + down,
            };
        }

        _transactions?.Add(1, new KeyValuePair<string, object?>("class", kind.ToString()));
        _bytes?.Add(up, new KeyValuePair<string, object?>("direction", "up"));
        _bytes?.Add(down, new KeyValuePair<string, object?>("direction", "down"));
        if (throttled) _throttled?.Add(1, new KeyValuePair<string, object?>("service", "storage"));
    }

    internal void Cosmos(string operation, double requestUnits, long sent, long received, bool throttled)
    {
        var (reads, queries) = (operation == "read" ? 1 : 0, operation == "query" ? 1 : 0);
        var estimate = throttled ? 0 : reads + queries > 0 ? RequestUnitEstimate.Read(received) : RequestUnitEstimate.Write(sent);
        lock (_lock)
        {
            _total = _total with
            {
                CatalogReads = _total.CatalogReads + reads,
                CatalogQueries = _total.CatalogQueries + queries,
                CatalogWrites = _total.CatalogWrites + 1 - reads - queries,
                RequestUnits = _total.RequestUnits + requestUnits,
                EstimatedRequestUnits = _total.EstimatedRequestUnits + estimate,
                CatalogBytes = _total.CatalogBytes + sent + received,
            };
        }

        _requestUnits?.Add(requestUnits, new KeyValuePair<string, object?>("operation", operation));
    }

    /// <summary>An answer of Cosmos that asks to wait; it is charged too.</summary>
    internal void CosmosThrottled(double requestUnits)
    {
        lock (_lock) _total = _total with { RequestUnits = _total.RequestUnits + requestUnits };
        _requestUnits?.Add(requestUnits, new KeyValuePair<string, object?>("operation", "throttled"));
        _throttled?.Add(1, new KeyValuePair<string, object?>("service", "cosmos"));
    }
}
