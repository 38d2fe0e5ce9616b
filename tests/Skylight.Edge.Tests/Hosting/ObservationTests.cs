using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Skylight.Edge.Tests.Triggers;

namespace Skylight.Edge.Tests.Hosting;

/// <summary>What the host tells of itself: health, metrics, traces; and what it must not tell.</summary>
public sealed class ObservationTests
{
    private const string Personal = "ZhangSan19800101";

    [Fact]
    public async Task Ready_StoresAnswer_IsReady()
    {
        await using var host = await TestHost.StartAsync();
        var report = await host.Client.GetFromJsonAsync<JsonElement>("/health/ready");
        Assert.Equal("ready", report.GetProperty("status").GetString());
        Assert.Contains(report.GetProperty("checks").EnumerateArray(), c => c.GetProperty("name").GetString() == "data-folder" && c.GetProperty("status").GetString() == "pass");
    }

    [Fact]
    public async Task Ready_TooLittleSpace_IsNotReadyButLive()
    {
        await using var host = await TestHost.StartAsync(settings: new Dictionary<string, string?> { ["Skylight:Edge:MinFreeSpaceMiB"] = "1073741824" });
        using var ready = await host.Client.GetAsync("/health/ready");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
        Assert.Contains("free space", await ready.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var live = await host.Client.GetAsync("/health/live");
        Assert.Equal(HttpStatusCode.OK, live.StatusCode);
    }

    [Fact]
    public async Task Metrics_AfterRequests_CountThemByTemplate()
    {
        using var waiting = new Waiting();
        await using var host = await StartAsync(waiting);
        for (var i = 0; i < 3; i++) await host.Client.GetStringAsync("/test/items/7/" + Personal);
        using var missing = await host.Client.GetAsync("/" + Personal);
        var text = await host.Client.GetStringAsync("/metrics");
        Assert.Contains("skylight_http_request_duration_seconds_count{method=\"GET\",route=\"/test/items/{id:int}/{name?}\",status=\"200\"} 3\n", text, StringComparison.Ordinal);
        Assert.Contains("route=\"(none)\",status=\"404\"", text, StringComparison.Ordinal);
        Assert.Contains("dotnet_process_memory_working_set_bytes", text, StringComparison.Ordinal);
        Assert.DoesNotContain(Personal, text, StringComparison.Ordinal);
        Assert.All(text.TrimEnd('\n').Split('\n'), line => Assert.Matches(new Regex("""^(# (HELP|TYPE) [a-z_0-9]+ .*|[a-z_0-9]+(\{[a-z_0-9]+="[^"]*"(,[a-z_0-9]+="[^"]*")*\})? [-+0-9.eE]+|.* \+Inf)$"""), line));
        var types = text.Split('\n').Where(l => l.StartsWith("# TYPE", StringComparison.Ordinal)).ToArray();
        Assert.Equal(types.Distinct().Count(), types.Length);
    }

    [Fact]
    public async Task Metrics_WithAnInstrumentThatThrows_ShowsTheOthers()
    {
        await using var host = await TestHost.StartAsync();
        using var meter = new System.Diagnostics.Metrics.Meter("Skylight.Broken");
        meter.CreateObservableGauge("skylight.broken", new Func<long>(() => throw new InvalidOperationException("its source is gone")));
        meter.CreateObservableGauge("skylight.sound", () => 7L);
        var text = await host.Client.GetStringAsync("/metrics");
        Assert.Contains("skylight_sound 7", text, StringComparison.Ordinal);
        Assert.Contains("dotnet_process_memory_working_set_bytes", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Metrics_Histogram_AddsUp()
    {
        await using var host = await TestHost.StartAsync();
        for (var i = 0; i < 5; i++) await host.Client.GetStringAsync("/health/live");
        var lines = (await host.Client.GetStringAsync("/metrics")).Split('\n')
            .Where(l => l.StartsWith("skylight_http_request_duration_seconds_bucket{method=\"GET\",route=\"/health/live\"", StringComparison.Ordinal)).ToArray();
        var counts = lines.Select(l => long.Parse(l[(l.LastIndexOf(' ') + 1)..], System.Globalization.CultureInfo.InvariantCulture)).ToArray();
        Assert.Equal(counts.Order(), counts);
        Assert.Equal(5, counts[^1]);
        Assert.Contains("le=\"+Inf\"", lines[^1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("X-Forwarded-For")]
    [InlineData("Forwarded")]
    public async Task Metrics_ThroughAProxy_AreNotThere(string header)
    {
        await using var host = await TestHost.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics");
        request.Headers.Add(header, "for=192.0.2.1");
        using var response = await host.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Fact]
    public async Task Traces_WithACollector_CarryTemplatesOnly()
    {
        await using var collector = await Collector.StartAsync();
        using var waiting = new Waiting();
        var parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        await using (var host = await StartAsync(waiting, new() { ["Skylight:Telemetry:OtlpEndpoint"] = collector.Address }))
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"/test/items/7/{Personal}?q={Personal}");
            request.Headers.Add("traceparent", parent);
            using var response = await host.Client.SendAsync(request);
            Assert.Equal("4bf92f3577b34da6a3ce929d0e0e4736", Assert.Single(response.Headers.GetValues("X-Correlation-Id")));
        }

        var traces = Assert.Contains("/v1/traces", (IDictionary<string, byte[]>)collector.Received);
        var metrics = Assert.Contains("/v1/metrics", (IDictionary<string, byte[]>)collector.Received);
        var text = Encoding.UTF8.GetString(traces);
        Assert.Contains("GET /test/items/{id:int}/{name?}", text, StringComparison.Ordinal);
        Assert.True(traces.AsSpan().IndexOf(Convert.FromHexString("4bf92f3577b34da6a3ce929d0e0e4736")) >= 0, "the caller's trace goes on");
        Assert.Contains("skylight.http.request.duration", Encoding.UTF8.GetString(metrics), StringComparison.Ordinal);
        Assert.DoesNotContain(Personal, text + Encoding.UTF8.GetString(metrics), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cors_OriginConfigured_IsAllowedAlone()
    {
        await using var host = await TestHost.StartAsync(settings: new Dictionary<string, string?> { ["Skylight:Edge:CorsOrigins:0"] = "https://viewer.example.org" });
        foreach (var (origin, allowed) in new[] { ("https://viewer.example.org", true), ("https://evil.example.org", false) })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/health/live");
            request.Headers.Add("Origin", origin);
            using var response = await host.Client.SendAsync(request);
            Assert.Equal(allowed, response.Headers.Contains("Access-Control-Allow-Origin"));
        }
    }

    [Fact]
    public async Task Listener_Limits_ShutOutSlowSenders()
    {
        await using var host = await TestHost.StartAsync();
        var limits = host.Services.GetRequiredService<IOptions<KestrelServerOptions>>().Value.Limits;
        Assert.Equal(TimeSpan.FromSeconds(15), limits.RequestHeadersTimeout);
        Assert.Equal(240, limits.MinRequestBodyDataRate!.BytesPerSecond);
        Assert.Equal(240, limits.MinResponseDataRate!.BytesPerSecond);
        Assert.Equal(2000, limits.MaxConcurrentConnections);
    }

    private static Task<TestHost> StartAsync(Waiting waiting, Dictionary<string, string?>? settings = null) => TestHost.StartAsync(
        settings: settings,
        configure: b =>
        {
            b.Services.AddSingleton(waiting);
            b.Services.AddScoped<IGreeting>(_ => throw new InvalidOperationException("not used"));
        },
        functions: [typeof(EchoHttp)]);

    /// <summary>Takes what an OTLP exporter sends, over a real socket.</summary>
    private sealed class Collector : IAsyncDisposable
    {
        private readonly WebApplication _app;

        private Collector(WebApplication app) => _app = app;

        public ConcurrentDictionary<string, byte[]> Received { get; } = new(StringComparer.Ordinal);

        public string Address => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();

        public static async Task<Collector> StartAsync()
        {
            var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
            builder.WebHost.UseKestrelCore();
            builder.Services.Configure<KestrelServerOptions>(o => o.Listen(IPAddress.Loopback, 0));
            var app = builder.Build();
            var collector = new Collector(app);
            app.Run(async http =>
            {
                using var body = new MemoryStream();
                await http.Request.Body.CopyToAsync(body);
                collector.Received.AddOrUpdate(http.Request.Path, body.ToArray(), (_, earlier) => [.. earlier, .. body.ToArray()]);
            });
            await app.StartAsync();
            return collector;
        }

        public ValueTask DisposeAsync() => _app.DisposeAsync();
    }
}
