using System.Threading.Channels;
using Azure.Storage;
using Azure.Storage.Blobs;
using Azure.Storage.Sas;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Core.Events;
using Skylight.Core.Uploads;

namespace Skylight.Edge.Tests.Blobs;

/// <summary>A real edge host with what the Blob endpoint's tests need: a clock that can be set forward, the account's key, and the events it announces.</summary>
public sealed class BlobHost : IAsyncDisposable
{
    private readonly TestHost _host;

    private BlobHost(TestHost host, Clock clock, Events events) => (_host, Time, Published) = (host, clock, events);

    public Clock Time { get; }

    public Events Published { get; }

    public HttpClient Client => _host.Client;

    public IServiceProvider Services => _host.Services;

    public IIngress Ingress => _host.Services.GetRequiredService<IIngress>();

    public string Data => _host.Data;

    public static async Task<BlobHost> StartAsync(string? data = null, params (string Key, string Value)[] settings)
    {
        var (clock, events) = (new Clock(), new Events());
        var host = await TestHost.StartAsync(
            data,
            settings.Append(("Skylight:Uploads:FreeSpaceFloorBytes", "0")).DistinctBy(s => s.Item1).ToDictionary(s => s.Item1, s => (string?)s.Item2),
            builder =>
            {
                builder.Services.AddSingleton<TimeProvider>(clock);
                builder.Services.AddSingleton<IEventPublisher>(events);
            });
        return new BlobHost(host, clock, events);
    }

    /// <summary>A new container and its upload URL.</summary>
    public async Task<(string Container, Uri Url)> GrantAsync()
    {
        var container = UploadId.Container(UploadId.New());
        return (container, await Ingress.GrantAsync(container, Time.GetUtcNow().AddHours(1), default));
    }

    public async Task<BlobContainerClient> ContainerAsync() => new((await GrantAsync()).Url, Options);

    public static BlobClientOptions Options => new() { Retry = { MaxRetries = 0 } };

    /// <summary>A SAS that no session would ever get, signed with the host's own key.</summary>
    public Uri Sign(string container, string permissions, Action<BlobSasBuilder>? change = null)
    {
        var builder = new BlobSasBuilder { BlobContainerName = container, Resource = "c", ExpiresOn = Time.GetUtcNow().AddHours(1) };
        builder.SetPermissions(permissions, normalize: true);
        change?.Invoke(builder);
        var credential = Services.GetRequiredService<StorageSharedKeyCredential>();
        return new UriBuilder(new Uri(Client.BaseAddress!, $"/{credential.AccountName}/{container}")) { Query = builder.ToSasQueryParameters(credential).ToString() }.Uri;
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    public sealed class Clock : TimeProvider
    {
        public TimeSpan Ahead { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Ahead;
    }

    public sealed class Events : IEventPublisher
    {
        private readonly Channel<SkylightEvent> _all = Channel.CreateUnbounded<SkylightEvent>();

        public int Failures { get; set; }

        public ValueTask PublishAsync(IReadOnlyList<SkylightEvent> events, CancellationToken cancellationToken)
        {
            if (Failures-- > 0) throw new IOException("The event store is away.");
            foreach (var one in events) _all.Writer.TryWrite(one);
            return ValueTask.CompletedTask;
        }

        public ValueTask<SkylightEvent> NextAsync() => _all.Reader.ReadAsync(new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token);
    }
}
