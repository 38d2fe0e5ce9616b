using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using Azure;
using Azure.Messaging.EventGrid;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Azure.Events;
using Skylight.Core.Events;

namespace Skylight.Azure.Tests.Events;

/// <summary>What goes over the wire to Event Grid, taken by a server of the test's own.</summary>
public sealed class EventGridEventsTests : IAsyncLifetime
{
    private readonly ConcurrentQueue<(string ContentType, JsonElement Body)> _received = new();
    private WebApplication _topic = null!;
    private EventGridEvents _events = null!;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.Services.Configure<KestrelServerOptions>(o => o.Listen(IPAddress.Loopback, 0));
        _topic = builder.Build();
        _topic.Run(async http =>
        {
            using var document = await JsonDocument.ParseAsync(http.Request.Body);
            _received.Enqueue((http.Request.ContentType!, document.RootElement.Clone()));
        });
        await _topic.StartAsync();
        var address = _topic.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        _events = new EventGridEvents(new EventGridPublisherClient(new Uri(address + "/api/events"), new AzureKeyCredential("key")));
    }

    public ValueTask DisposeAsync() => _topic.DisposeAsync();

    [Fact]
    public async Task Publish_Events_SendsCloudEvents()
    {
        await _events.PublishAsync([Event("1"), Event("2")], CancellationToken.None);
        var (type, body) = Assert.Single(_received);
        Assert.StartsWith("application/cloudevents-batch+json", type, StringComparison.Ordinal);
        Assert.Equal(2, body.GetArrayLength());
        var first = body[0];
        Assert.Equal("1.0", first.GetProperty("specversion").GetString());
        Assert.Equal("1", first.GetProperty("id").GetString());
        Assert.Equal("/institutions/demo", first.GetProperty("source").GetString());
        Assert.Equal("study.completed", first.GetProperty("type").GetString());
        Assert.Equal("studies/x", first.GetProperty("subject").GetString());
        Assert.Equal("""{"v":1}""", first.GetProperty("data").GetRawText());
    }

    [Fact]
    public async Task Publish_Many_StaysBelowTheLimitOfARequest()
    {
        await _events.PublishAsync([.. Enumerable.Range(0, 65).Select(i => Event($"{i}"))], CancellationToken.None);
        Assert.Equal([30, 30, 5], _received.Select(r => r.Body.GetArrayLength()));
    }

    [Fact]
    public async Task Publish_EventTooLarge_SendsNone()
    {
        var large = Event("1") with { Data = JsonSerializer.SerializeToElement(new string('x', SkylightEvent.MaxBytes)) };
        await Assert.ThrowsAsync<ArgumentException>(() => _events.PublishAsync([Event("0"), large], CancellationToken.None).AsTask());
        Assert.Empty(_received);
    }

    private static SkylightEvent Event(string id) =>
        new(id, "/institutions/demo", "study.completed", "studies/x", DateTimeOffset.UnixEpoch, JsonSerializer.SerializeToElement(new { v = 1 }));
}
