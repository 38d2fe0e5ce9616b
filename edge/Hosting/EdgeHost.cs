using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Skylight.Core.Hosting;
using Skylight.Edge.Runtime.Triggers;
using Skylight.Edge.Runtime.Triggers.Http;
using Skylight.Functions;
using Skylight.Local;
using Skylight.Local.Journal;
using Skylight.Local.Keys;

namespace Skylight.Edge.Hosting;

/// <summary>
/// The edge host: the functions app, its adapters for this machine, and the triggers, in one process. Start it with <see cref="StartAsync"/>;
/// several may run in one process on different data folders.
/// </summary>
public sealed class EdgeHost : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly DataFolder _data;
    private bool _disposed;

    private EdgeHost(WebApplication app, DataFolder data)
    {
        (_app, _data) = (app, data);
        var listening = new Uri(app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.First());
        Address = listening.Host is "0.0.0.0" or "[::]" ? new UriBuilder(listening) { Host = "localhost" }.Uri : listening;
    }

    /// <summary>Where the host listens, with the port that the system chose when 0 was asked for.</summary>
    public Uri Address { get; }

    public IServiceProvider Services => _app.Services;

    /// <summary>Takes the data folder, checks every setting, and serves when the task completes.</summary>
    /// <exception cref="StartupException">Names every reason why the host cannot start.</exception>
    public static async Task<EdgeHost> StartAsync(EdgeSetup setup, CancellationToken cancellationToken)
    {
        var data = DataFolder.Open(setup.DataFolder);
        WebApplication? app = null;
        try
        {
            app = Build(setup with { DataFolder = data.Path });
            HostPlaces.Write(data.Path, app.Configuration);
            Announce(app.Services);
            await app.StartAsync(cancellationToken);
            var host = new EdgeHost(app, data);
            app.Services.GetRequiredService<PublicAddress>().Announce(host.Address);
            app.Services.GetRequiredService<TriggerGate>().Open();
            return host;
        }
        catch (Exception error)
        {
            if (app is not null) await app.DisposeAsync();
            data.Dispose();
            if (Reasons(error) is { } reasons) throw new StartupException(reasons);
            throw;
        }
    }

    /// <summary>Completes when the process is asked to end (SIGTERM, Ctrl-C) and the host has drained.</summary>
    public Task WaitForShutdownAsync(CancellationToken cancellationToken) => _app.WaitForShutdownAsync(cancellationToken);

    /// <summary>Takes no new work, lets what runs finish within the drain time, and gives the data folder back.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed) return;
        _disposed = true;
        await _app.StopAsync();
        await _app.DisposeAsync();
        _data.Dispose();
    }

    /// <summary>With a fixed port the address is known before anything runs that may need it; a port of 0 is announced once it listens.</summary>
    private static void Announce(IServiceProvider services)
    {
        var edge = services.GetRequiredService<IOptions<EdgeOptions>>().Value;
        if (edge.Port == 0) return;
        var address = IPAddress.Parse(edge.Address);
        var host = address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any) ? "localhost" : address.ToString();
        services.GetRequiredService<PublicAddress>().Announce(new UriBuilder(edge.CertificateFile is null ? "http" : "https", host, edge.Port).Uri);
    }

    private static WebApplication Build(EdgeSetup setup)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "skylight-edge", ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration.AddJsonFile(Path.Combine(setup.DataFolder, "settings.json"), optional: true, reloadOnChange: false);
        builder.Configuration.AddEnvironmentVariables();
        builder.Configuration.AddInMemoryCollection(setup.Settings);
        EdgeComposition.AddEdge(builder, setup);
        setup.Configure?.Invoke(builder);
        SettingsCheck.Run(builder);
        var app = builder.Build();
        EdgePipeline.Use(app);
        return app;
    }

    private static IReadOnlyList<string>? Reasons(Exception error) => error switch
    {
        StartupException startup => startup.Reasons,
        OptionsValidationException options => [.. options.Failures],
        KeyRingException or JournalException { Fault: not JournalFault.Poisoned } => [error.Message],
        IOException { InnerException: Microsoft.AspNetCore.Connections.AddressInUseException } => ["The port is in use by another program; choose another one with --port N."],
        System.Net.Sockets.SocketException socket => [$"The listener cannot be opened: {socket.SocketErrorCode}."],
        _ => null,
    };
}
