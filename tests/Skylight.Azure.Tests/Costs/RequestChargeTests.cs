using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Azure.Costs;
using Skylight.Azure.Cosmos;
using Skylight.Conformance;
using Skylight.Core.Documents;

namespace Skylight.Azure.Tests.Costs;

/// <summary>What the service says that a request cost is what is counted, by kind of operation; the stand-in's own figure, always 1, is replaced on the way by charges as the service names them.</summary>
public sealed class RequestChargeTests(AzureServices services)
{
    public sealed record Note(string Text);

    [Fact]
    public async Task Charges_OfEveryAnswer_AreSummedByOperation()
    {
        using var provider = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var meters = provider.GetRequiredService<IMeterFactory>();
        var measured = new ConcurrentDictionary<string, double>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (ReferenceEquals(instrument.Meter.Scope, meters) && instrument.Name is "skylight.azure.cosmos.request_units" or "skylight.azure.throttled") listener.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<double>((_, charge, tags, _) => measured.AddOrUpdate((string)tags[0].Value!, charge, (_, sum) => sum + charge));
        listener.SetMeasurementEventCallback<long>((_, count, tags, _) => measured.AddOrUpdate($"asked to wait by {tags[0].Value}", count, (_, sum) => sum + count));
        listener.Start();

        var costs = new AzureCosts(meters);
        var charges = new Charges();
        using var database = await services.DatabaseAsync(costs, _ => charges);
        var documents = new CosmosDocuments(database.Items(CosmosDatabase.Documents));
        var key = new DocumentKey("hospital-a", "note", "n1");
        var etag = await documents.PutAsync(key, new Note("a"), Match.None, [], default);
        charges.Throttle = true;
        await documents.PutAsync(key, new Note("b"), Match.Version(etag), [], default);
        Assert.Equal("b", (await documents.GetAsync<Note>(key, default))!.Value.Text);
        Assert.Single((await documents.ListAsync<Note>("hospital-a", "note", null, 10, null, default)).Items);
        Assert.True(await documents.DeleteAsync(key, Match.Any, default));

        Assert.True(charges.Throttled);
        Assert.True(charges.Total > Charges.Write);
        Assert.Equal(charges.Total, costs.Snapshot().RequestUnits, 6);
        Assert.Equal(1, measured["asked to wait by cosmos"]);
        Assert.True(measured.TryRemove("asked to wait by cosmos", out _));
        Assert.Equal(charges.Total, measured.Values.Sum(), 6);
        Assert.Equal(Charges.Refusal, measured["throttled"], 6);
        Assert.Equal(Charges.Query, measured["query"], 6);
        Assert.Equal(charges.Reads, measured["read"], 6);
    }

    /// <summary>Puts charges as the service names them into the answers of the stand-in.</summary>
    private sealed class Charges() : DelegatingHandler(new SocketsHttpHandler())
    {
        public const double Read = 2;
        public const double Query = 2.83;
        public const double Write = 10.67;
        public const double Refusal = 0.38;

        private readonly Lock _lock = new();

        public double Total { get; private set; }

        public double Reads { get; private set; }

        /// <summary>The next request is asked to wait.</summary>
        public bool Throttle { get; set; }

        public bool Throttled { get; private set; }

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (!request.RequestUri!.AbsolutePath.Contains("/docs", StringComparison.Ordinal) || request.Headers.Contains("x-ms-cosmos-is-query-plan-request")) return await base.SendAsync(request, cancellationToken);
            if (Throttle)
            {
                (Throttle, Throttled) = (false, true);
                var wait = new HttpResponseMessage(HttpStatusCode.TooManyRequests) { RequestMessage = request, Content = new ByteArrayContent([]) };
                wait.Headers.TryAddWithoutValidation("x-ms-retry-after-ms", "1");
                return Charged(wait, Refusal, isRead: false);
            }

            var answer = await base.SendAsync(request, cancellationToken);
            var isQuery = request.Headers.Contains("x-ms-documentdb-query") || request.Headers.Contains("x-ms-documentdb-isquery");
            return Charged(answer, isQuery ? Query : request.Method == HttpMethod.Get ? Read : Write, request.Method == HttpMethod.Get);
        }

        private HttpResponseMessage Charged(HttpResponseMessage answer, double charge, bool isRead)
        {
            lock (_lock)
            {
                Total += charge;
                if (isRead) Reads += charge;
            }

            answer.Headers.Remove("x-ms-request-charge");
            answer.Headers.TryAddWithoutValidation("x-ms-request-charge", charge.ToString(CultureInfo.InvariantCulture));
            return answer;
        }
    }
}
