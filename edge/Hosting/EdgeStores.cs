using System.Runtime.CompilerServices;
using Skylight.Azure;
using Skylight.Edge.Blobs;
using Skylight.Local;

namespace Skylight.Edge.Hosting;

/// <summary>
/// Where an edge host keeps its archive: setting <c>Skylight:Store</c>, <c>local</c> (default: the data folder) or <c>azure</c> (Blob storage, Cosmos, Storage Queues).
/// The durable engine, timers, events and the key ring lie in the data folder either way.
/// </summary>
internal static class EdgeStores
{
    public const string Setting = "Skylight:Store";

    /// <exception cref="StartupException">The setting is neither.</exception>
    public static void Add(WebApplicationBuilder builder, string dataFolder)
    {
        switch (builder.Configuration[Setting] ?? "local")
        {
            case "local":
                builder.Services.AddLocalAdapters(dataFolder);
                builder.Services.AddBlobEndpoint(dataFolder);
                break;
            case "azure":
                AddAzure(builder, dataFolder);
                break;
            default:
                throw new StartupException([$"{Setting} must be local or azure."]);
        }
    }

    /// <summary>A method of its own: the assemblies of Azure's clients are loaded when it is compiled, and by a local host never.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void AddAzure(WebApplicationBuilder builder, string dataFolder)
    {
        builder.Services.AddLocalRuntime(dataFolder);
        builder.Services.AddLocalKeys(dataFolder);
        builder.Services.AddAzureStores(builder.Configuration);
    }
}
