using System.Net;
using System.Text.Json;
using Microsoft.Azure.Cosmos;
using Skylight.Azure.Costs;
using Skylight.Core.Documents;

namespace Skylight.Azure.Cosmos;

/// <summary>An item as read, with the service's ETag.</summary>
internal sealed record CosmosItem<T>(T Value, string ETag) where T : class;

/// <summary>An item that carries the ids of its last writes.</summary>
internal interface ITrailed
{
    IReadOnlyList<string> Writes { get; }
}

/// <summary>
/// Point operations and queries on one container: streams in and out, transient failures repeated, charges counted. A write tells "applied" from "refused"
/// also when answers are lost, by the item's <see cref="WriteTrail"/>.
/// </summary>
internal sealed class CosmosItems(Container container, AzureCosts costs, CosmosOptions options, TimeProvider time)
{
    /// <summary>404/1002: no replica that was asked has come as far as this client has seen.</summary>
    private const int ReplicaBehind = 1002;

    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(5);

    public async ValueTask<CosmosItem<T>?> ReadAsync<T>(string pk, string id, CancellationToken cancellationToken) where T : class
    {
        using var answer = await SendAsync("read", () => container.ReadItemStreamAsync(id, new PartitionKey(pk), cancellationToken: cancellationToken), cancellationToken);
        if (IsMissing(answer)) return null;
        Check(answer);
        return new CosmosItem<T>(await ParseAsync<T>(answer.Content, cancellationToken), answer.Headers.ETag);
    }

    /// <summary>Creates the item (<paramref name="etag"/> null) or replaces the version with that ETag. False when another state was met: nothing was written.</summary>
    /// <exception cref="CosmosUnavailableException">No answer; or one that was lost, and so many other writes since that the item no longer tells whose it was.</exception>
    public async ValueTask<bool> TryPutAsync<T>(string pk, string id, T item, string? etag, CancellationToken cancellationToken) where T : class, ITrailed
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(item, DocumentJson.Options);
        using var answer = await SendAsync(etag is null ? "create" : "replace", () => PutAsync(pk, id, body, etag, cancellationToken), cancellationToken, body.Length);
        if (answer.IsSuccessStatusCode) return true;
        if (answer.StatusCode is not (HttpStatusCode.Conflict or HttpStatusCode.PreconditionFailed) && !IsMissing(answer)) Check(answer);

        // A lost answer of an earlier try looks the same. The item itself knows.
        if (await ReadAsync<T>(pk, id, cancellationToken) is not { } met) return false;
        return WriteTrail.Applied(met.Value.Writes, item.Writes) ?? throw Fault(answer);
    }

    /// <summary>Deletes the version with that ETag, which the caller has read. False when another version is there.</summary>
    public async ValueTask<bool> TryDeleteAsync(string pk, string id, string etag, CancellationToken cancellationToken)
    {
        using var answer = await SendAsync(
            "delete", () => container.DeleteItemStreamAsync(id, new PartitionKey(pk), new ItemRequestOptions { IfMatchEtag = etag }, cancellationToken), cancellationToken);
        if (answer.StatusCode == HttpStatusCode.PreconditionFailed) return false;

        // Not found: it was there when the caller read it, so a try of ours whose answer was lost, or another deletion, has done it.
        if (!IsMissing(answer)) Check(answer);
        return true;
    }

    /// <summary>Deletes the item, whatever its version, if it is there.</summary>
    public async ValueTask DeleteAsync(string pk, string id, CancellationToken cancellationToken)
    {
        using var answer = await SendAsync("delete", () => container.DeleteItemStreamAsync(id, new PartitionKey(pk), cancellationToken: cancellationToken), cancellationToken);
        if (!IsMissing(answer)) Check(answer);
    }

    /// <summary>All results of a query, which limits itself. A failure on the way begins it again, so it is a snapshot no better and no worse than its pages.</summary>
    /// <param name="pk">The one partition that it asks (also named in its WHERE); null asks all.</param>
    public async ValueTask<List<T>> QueryAsync<T>(string? pk, QueryDefinition query, int expected, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            var results = new List<T>();
            var requestOptions = new QueryRequestOptions { PartitionKey = pk is null ? null : new PartitionKey(pk), MaxItemCount = Math.Clamp(expected, 1, 1000) };
            using var pages = container.GetItemQueryStreamIterator(query, requestOptions: requestOptions);
            var (delay, failure) = await ReadAllAsync(pages, results, attempt, cancellationToken);
            if (failure is null) return results;
            if (attempt >= options.Tries) throw failure;
            await Task.Delay(delay, time, cancellationToken);
        }
    }

    private async ValueTask<(TimeSpan Delay, CosmosUnavailableException? Failure)> ReadAllAsync<T>(FeedIterator pages, List<T> results, int attempt, CancellationToken cancellationToken)
    {
        while (pages.HasMoreResults)
        {
            try
            {
                using var answer = await pages.ReadNextAsync(cancellationToken);
                Count("query", answer, 0);
                if (CosmosFaults.IsTransient(answer.StatusCode)) return (Delay(attempt, answer.Headers), Fault(answer));
                Check(answer);
                using var page = await JsonDocument.ParseAsync(answer.Content, cancellationToken: cancellationToken);
                foreach (var item in page.RootElement.GetProperty("Documents").EnumerateArray())
                    results.Add(item.Deserialize<T>(DocumentJson.Options) ?? throw new InvalidDataException("A stored item is empty."));
            }
            catch (Exception error) when (error is not CosmosUnavailableException && CosmosFaults.IsTransient(error, cancellationToken))
            {
                return (Delay(attempt, null), CosmosFaults.Of(error));
            }
        }

        return default;
    }

    private Task<ResponseMessage> PutAsync(string pk, string id, byte[] body, string? etag, CancellationToken cancellationToken)
    {
        var content = new MemoryStream(body, writable: false);
        return etag is null
            ? container.CreateItemStreamAsync(content, new PartitionKey(pk), cancellationToken: cancellationToken)
            : container.ReplaceItemStreamAsync(content, id, new PartitionKey(pk), new ItemRequestOptions { IfMatchEtag = etag }, cancellationToken);
    }

    /// <summary>Sends until there is an answer that repeating would not change.</summary>
    private async ValueTask<ResponseMessage> SendAsync(string operation, Func<Task<ResponseMessage>> send, CancellationToken cancellationToken, int sent = 0)
    {
        for (var attempt = 1; ; attempt++)
        {
            TimeSpan delay;
            try
            {
                var answer = await send();
                Count(operation, answer, sent);
                if (!CosmosFaults.IsTransient(answer.StatusCode) && SubStatus(answer) != ReplicaBehind) return answer;
                delay = Delay(attempt, answer.Headers);
                using (answer)
                {
                    if (attempt >= options.Tries) throw Fault(answer);
                }
            }
            catch (Exception error) when (error is not CosmosUnavailableException && CosmosFaults.IsTransient(error, cancellationToken))
            {
                if (attempt >= options.Tries) throw CosmosFaults.Of(error);
                delay = Delay(attempt, null);
            }

            await Task.Delay(delay, time, cancellationToken);
        }
    }

    private TimeSpan Delay(int attempt, Headers? headers)
    {
        if (headers?.GetValueOrDefault("x-ms-retry-after-ms") is { } named && double.TryParse(named, System.Globalization.CultureInfo.InvariantCulture, out var ms)) return TimeSpan.FromMilliseconds(ms);
        var delay = TimeSpan.FromMilliseconds(options.RetryDelayMs * Math.Pow(2, attempt - 1));
        return delay < LongestDelay ? delay : LongestDelay;
    }

    private void Count(string operation, ResponseMessage answer, int sent)
    {
        // With a gateway each of these was counted where it came in.
        var throttled = (int)answer.StatusCode is 429 or 503;
        if (throttled && !options.Gateway) costs.CosmosThrottled(answer.Headers.RequestCharge);
        costs.Cosmos(operation, throttled ? 0 : answer.Headers.RequestCharge, sent, answer.Content is { CanSeek: true } content ? content.Length : 0, throttled);
    }

    /// <summary>The item is not there. With a sub-status the container is not, or a replica that is up to date: faults, not answers.</summary>
    private static bool IsMissing(ResponseMessage answer) => answer.StatusCode == HttpStatusCode.NotFound && SubStatus(answer) == 0;

    private static void Check(ResponseMessage answer)
    {
        if (!answer.IsSuccessStatusCode) throw Fault(answer);
    }

    private static CosmosUnavailableException Fault(ResponseMessage answer) => new((int)answer.StatusCode, SubStatus(answer));

    private static int SubStatus(ResponseMessage answer) =>
        int.TryParse(answer.Headers.GetValueOrDefault("x-ms-substatus"), System.Globalization.CultureInfo.InvariantCulture, out var sub) ? sub : 0;

    private static async ValueTask<T> ParseAsync<T>(Stream content, CancellationToken cancellationToken) =>
        await JsonSerializer.DeserializeAsync<T>(content, DocumentJson.Options, cancellationToken) ?? throw new InvalidDataException("A stored item is empty.");
}
