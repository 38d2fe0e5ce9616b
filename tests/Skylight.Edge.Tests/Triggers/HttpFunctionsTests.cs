using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Conformance;

namespace Skylight.Edge.Tests.Triggers;

public sealed class HttpFunctionsTests : IAsyncLifetime
{
    private readonly Waiting _waiting = new();
    private readonly TestClock _clock = new();
    private TestHost _host = null!;

    private HttpClient Client => _host.Client;

    public async ValueTask InitializeAsync() => _host = await TestHost.StartAsync(
        settings: new Dictionary<string, string?> { ["Skylight:Edge:FunctionTimeoutSecondsOf:Wait"] = "30", ["Skylight:Http:MaxBodyBytesOf:Copy"] = "5000000" },
        configure: b =>
        {
            b.Services.AddScoped<IGreeting>(_ => new Greeting("hello"));
            b.Services.AddSingleton(_waiting);
            b.Services.AddSingleton<TimeProvider>(_clock);
        },
        functions: [typeof(EchoHttp), typeof(WaitHttp)]);

    public async ValueTask DisposeAsync()
    {
        _waiting.Release.TrySetResult();
        await _host.DisposeAsync();
        _waiting.Dispose();
    }

    [Fact]
    public async Task Function_ClassWithConstructor_GetsScopedServices()
    {
        var answer = await Client.GetFromJsonAsync<JsonElement>("/test/greet");
        Assert.Equal("hello", answer.GetProperty("text").GetString());
    }

    [Fact]
    public async Task Route_Absent_IsTheFunctionsName() => Assert.Equal("no route GET", await Client.GetStringAsync("/NoRoute"));

    [Theory]
    [InlineData("/test/items/7", """{"id":7,"function":"Typed","same":true}""")]
    [InlineData("/TEST/Items/7/CT%20%E5%A4%B4", """{"id":7,"name":"CT 头","function":"Typed","same":true}""")]
    public async Task RouteValues_TypedParameters_AreConverted(string path, string expected) => Assert.Equal(expected, await Client.GetStringAsync(path));

    [Theory]
    [InlineData("GET", "/test/items/seven")]
    [InlineData("GET", "/test/guided/not-a-guid")]
    [InlineData("GET", "/nothing/here")]
    [InlineData("DELETE", "/test/greet")]
    [InlineData("HEAD", "/test/greet")]
    public async Task Request_NothingMatches_IsNotFound(string method, string path)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using var response = await Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
    }

    [Theory]
    [InlineData("/test/rest/a/b%20c/d", "GET [a/b c/d]")]
    [InlineData("/test/rest/", "GET []")]
    public async Task RouteValues_CatchAll_HoldTheRest(string path, string expected) => Assert.Equal(expected, await Client.GetStringAsync(path));

    [Fact]
    public async Task Body_OfAnySize_IsStreamedBothWays()
    {
        var bytes = new byte[4_000_000];
        new Random(3).NextBytes(bytes);
        using var response = await Client.PostAsync("/test/copy", new ByteArrayContent(bytes));
        Assert.Equal(bytes, await response.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Body_StillArriving_IsAnsweredAlready()
    {
        using var socket = await RawAsync("POST /test/copy HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        await ReadUntilAsync(socket, "hello");
        await socket.SendAsync("5\r\nworld\r\n0\r\n\r\n"u8.ToArray());
        await ReadUntilAsync(socket, "world");
    }

    [Theory]
    [InlineData("/test/small", 1_048_577, true)]
    [InlineData("/test/small", 1_048_577, false)]
    [InlineData("/test/copy", 5_000_001, true)]
    public async Task Body_LargerThanAllowed_Is413(string path, int size, bool lengthKnown)
    {
        using var content = new StreamContent(new MemoryStream(new byte[size]));
        content.Headers.ContentLength = lengthKnown ? size : null;
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = content };
        request.Headers.TransferEncodingChunked = !lengthKnown;
        request.Headers.ExpectContinue = true;
        using var response = await Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
        Assert.Equal("body-too-large", await CodeAsync(response));
    }

    [Fact]
    public async Task Function_Fails_SaysNothingButTheCorrelationId()
    {
        using var response = await Client.GetAsync("/test/fail");
        Assert.Equal(HttpStatusCode.InternalServerError, response.StatusCode);
        var text = await response.Content.ReadAsStringAsync();
        Assert.DoesNotContain("张三", text, StringComparison.Ordinal);
        var problem = JsonDocument.Parse(text).RootElement;
        Assert.Equal("internal-error", problem.GetProperty("code").GetString());
        Assert.NotEmpty(problem.GetProperty("titleZh").GetString()!);
        Assert.Equal(Assert.Single(response.Headers.GetValues("X-Correlation-Id")), problem.GetProperty("correlationId").GetString());
    }

    [Fact]
    public async Task Answer_FailsInTheMiddle_IsCutOff()
    {
        using var response = await Client.GetAsync("/test/broken", HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        await Assert.ThrowsAnyAsync<Exception>(() => response.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Client_GoesAway_CancelsTheFunction()
    {
        using (await RawAsync("GET /test/wait/x HTTP/1.1\r\nHost: localhost\r\n\r\n")) Assert.True(await _waiting.Entered.WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.True(await _waiting.Cancelled.WaitAsync(TimeSpan.FromSeconds(20)), "the function was not told");
    }

    [Fact]
    public async Task Function_TakesTooLong_IsCancelledAndAnswered()
    {
        var answer = Client.GetAsync("/test/wait/x");
        Assert.True(await _waiting.Entered.WaitAsync(TimeSpan.FromSeconds(20)));
        _clock.Advance(TimeSpan.FromSeconds(31));
        using var response = await answer;
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal("time-limit", await CodeAsync(response));
    }

    [Fact]
    public async Task Headers_OfEveryAnswer_AreTheSafeOnes()
    {
        foreach (var path in new[] { "/test/greet", "/nothing", "/health/live", "/test/fail" })
        {
            using var response = await Client.GetAsync(path);
            Assert.Equal("no-store, private", response.Headers.CacheControl!.ToString());
            Assert.Equal(["nosniff"], response.Headers.GetValues("X-Content-Type-Options"));
            Assert.Equal(["no-referrer"], response.Headers.GetValues("Referrer-Policy"));
            Assert.True(response.Headers.Contains("Content-Security-Policy"));
            Assert.False(response.Headers.Contains("Server"));
            Assert.False(response.Headers.Contains("Access-Control-Allow-Origin"));
        }
    }

    [Fact]
    public async Task Headers_SetByTheFunction_Stay()
    {
        using var response = await Client.GetAsync("/test/cached");
        Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);
        Assert.Equal("public, max-age=60", response.Headers.CacheControl!.ToString());
    }

    [Theory]
    [InlineData("GET /test/greet HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400")]
    [InlineData("GET /test/greet HTTP/9.9\r\nHost: a\r\n\r\n", "505")]
    [InlineData("POST /test/small HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400")]
    [InlineData("garbage\r\n\r\n", "400")]
    public async Task Request_NotHttp_IsRefused(string request, string status)
    {
        using var socket = await RawAsync(request);
        await ReadUntilAsync(socket, status);
    }

    [Fact]
    public async Task Request_PathTraversal_StaysInItsRoute()
    {
        using var socket = await RawAsync("GET /test/rest/..%2f..%2fetc/passwd HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        await ReadUntilAsync(socket, "GET [..%2f..%2fetc/passwd]");
    }

    private static async Task<string?> CodeAsync(HttpResponseMessage response) =>
        (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString();

    private static async Task ReadUntilAsync(Socket socket, string text)
    {
        var buffer = new byte[8192];
        var seen = "";
        while (!seen.Contains(text, StringComparison.Ordinal))
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            var read = await socket.ReceiveAsync(buffer, limit.Token);
            Assert.True(read > 0, $"the connection ended after: {seen}");
            seen += Encoding.UTF8.GetString(buffer, 0, read);
        }
    }

    private async Task<Socket> RawAsync(string request)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, _host.Edge.Address.Port);
        await socket.SendAsync(Encoding.ASCII.GetBytes(request));
        return socket;
    }

    private sealed record Greeting(string Text) : IGreeting;
}
