using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Skylight.Edge.Tests.Triggers;

public sealed class HttpFunctionsTests : IAsyncLifetime
{
    private TestHost _host = null!;

    private HttpClient Client => _host.Client;

    public async ValueTask InitializeAsync() => _host = await TestHost.StartAsync(
        configure: b => b.Services.AddScoped<IGreeting>(_ => new Greeting("hello")),
        functions: [typeof(EchoHttp)]);

    public ValueTask DisposeAsync() => _host.DisposeAsync();

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

    private sealed record Greeting(string Text) : IGreeting;
}
