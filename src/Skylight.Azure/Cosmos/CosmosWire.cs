using Skylight.Azure.Costs;

namespace Skylight.Azure.Cosmos;

/// <summary>
/// What goes to Cosmos over HTTP: everything with a gateway, else what the client asks about account and partitions. The client waits 65 s for an answer whatever its options say, and repeats what is
/// throttled out of sight: here a try ends after its time, and every answer that asks to wait is counted.
/// </summary>
internal sealed class CosmosWire(AzureCosts costs, TimeSpan tryTimeout, HttpMessageHandler inner) : DelegatingHandler(inner)
{
    private const string Charge = "x-ms-request-charge";

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(tryTimeout);
        var answer = await base.SendAsync(request, limit.Token);
        try
        {
            // The body too: an answer that stops in the middle is none.
            await answer.Content.LoadIntoBufferAsync(limit.Token);
        }
        catch
        {
            answer.Dispose();
            throw;
        }

        if ((int)answer.StatusCode is 429 or 503)
            costs.CosmosThrottled(answer.Headers.TryGetValues(Charge, out var values) && double.TryParse(values.First(), System.Globalization.CultureInfo.InvariantCulture, out var charge) ? charge : 0);
        return answer;
    }
}
