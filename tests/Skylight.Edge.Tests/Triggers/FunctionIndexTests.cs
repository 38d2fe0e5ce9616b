using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Skylight.Edge.Tests.Triggers;

public sealed class BadFunctions
{
    [Function("KeyNeeded")]
    public static string KeyNeeded([HttpTrigger("get", Route = "bad/key")] HttpRequest request) => request.Method;

    [Function("Reserved")]
    public static string Reserved([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "admin/x")] HttpRequest request) => request.Method;

    [Function("BadRoute")]
    public static string BadRoute([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "bad/{x")] HttpRequest request) => request.Method;

    [Function("Unbound")]
    public static string Unbound([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "bad/{id}")] HttpRequest request, string other) => request.Method + other;

    [Function("SameRoute")]
    public static string SameRoute([HttpTrigger(AuthorizationLevel.Anonymous, "post", "get", Route = "bad/{name}")] HttpRequest request) => request.Method;

    [Function("BadTrigger")]
    public static string BadTrigger([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "bad/trigger")] Stream body) => body.ToString()!;
}

public sealed class NoTrigger
{
    [Function("Nothing")]
    public static void Nothing(string text) => Assert.NotNull(text);
}

public sealed class FunctionIndexTests
{
    [Fact]
    public async Task Start_FunctionsThatCannotBeServed_NamesEach()
    {
        var refused = await Assert.ThrowsAsync<StartupException>(() => TestHost.StartAsync(functions: [typeof(BadFunctions)]));
        foreach (var name in new[] { "KeyNeeded", "Reserved", "BadRoute", "Unbound", "SameRoute", "BadTrigger" })
            Assert.Contains(refused.Reasons, r => r.Contains($"'{name}'", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Start_FunctionWithoutATrigger_IsRefused()
    {
        var refused = await Assert.ThrowsAsync<StartupException>(() => TestHost.StartAsync(functions: [typeof(NoTrigger)]));
        Assert.Contains("'Nothing'", Assert.Single(refused.Reasons), StringComparison.Ordinal);
    }
}
