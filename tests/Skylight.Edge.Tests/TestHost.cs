using Microsoft.AspNetCore.Builder;
using Skylight.Edge.Hosting;

namespace Skylight.Edge.Tests;

/// <summary>A real edge host on a free loopback port and a data folder of its own, which goes with it.</summary>
public sealed class TestHost : IAsyncDisposable
{
    private TestHost(EdgeHost edge, string data, bool ownsData)
    {
        (Edge, Data, OwnsData) = (edge, data, ownsData);
        Client = new HttpClient { BaseAddress = edge.Address };
    }

    public EdgeHost Edge { get; }

    public IServiceProvider Services => Edge.Services;

    public string Data { get; }

    public HttpClient Client { get; }

    private bool OwnsData { get; }

    /// <param name="data">A folder to keep (for restarts); null: a new one, deleted at the end.</param>
    /// <param name="settings">Configuration keys such as <c>Skylight:Edge:DrainSeconds</c>.</param>
    /// <param name="functions">More classes with functions.</param>
    public static async Task<TestHost> StartAsync(
        string? data = null,
        IReadOnlyDictionary<string, string?>? settings = null,
        Action<WebApplicationBuilder>? configure = null,
        params Type[] functions)
    {
        var folder = data ?? Directory.CreateTempSubdirectory("skylight-").FullName;
        var all = new Dictionary<string, string?> { ["Skylight:Edge:Port"] = "0", ["Skylight:Edge:MinFreeSpaceMiB"] = "0" };
        foreach (var (key, value) in settings ?? new Dictionary<string, string?>()) all[key] = value;
        try
        {
            var edge = await EdgeHost.StartAsync(
                new EdgeSetup { DataFolder = folder, Settings = all, Configure = configure, MoreFunctions = functions, Quiet = true },
                CancellationToken.None);
            return new TestHost(edge, folder, data is null);
        }
        catch when (data is null)
        {
            Directory.Delete(folder, recursive: true);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Edge.DisposeAsync();
        if (OwnsData) Directory.Delete(Data, recursive: true);
    }
}
