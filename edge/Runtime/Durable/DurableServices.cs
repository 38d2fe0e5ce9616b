using System.Reflection;
using System.Text.Json;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Skylight.Edge.Hosting;

namespace Skylight.Edge.Runtime.Durable;

public static class DurableServices
{
    /// <summary>
    /// Registers the durable engine on <c>durable.db</c> in <paramref name="dataDir"/> as a hosted service, and its client for <c>[DurableClient]</c> parameters.
    /// Settings: <c>Skylight:Durable</c>, and host.json's <c>extensions.durableTask</c> beside the application for the concurrency.
    /// </summary>
    public static IServiceCollection AddDurableEngine(this IServiceCollection services, string dataDir, IReadOnlyCollection<Assembly> assemblies)
    {
        services.AddOptions<DurableOptions>()
            .Configure(options => ReadHostJson(Path.Combine(AppContext.BaseDirectory, "host.json"), options))
            .BindConfiguration(DurableOptions.Section)
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<DurableOptions>, DurableOptionsValidator>();
        services.AddSingleton(provider =>
        {
            Directory.CreateDirectory(dataDir);
            return new DurableEngine(Path.Combine(dataDir, "durable.db"), assemblies, provider, provider.GetRequiredService<IOptions<DurableOptions>>().Value);
        });
        services.AddSingleton(provider => provider.GetRequiredService<DurableEngine>().Client);
        services.AddHostedService(provider => provider.GetRequiredService<DurableEngine>());
        return services;
    }

    /// <exception cref="StartupException">host.json is not JSON, or a limit in it is not a whole number above 0.</exception>
    internal static void ReadHostJson(string path, DurableOptions options)
    {
        if (!File.Exists(path)) return;
        using var document = Parse(path);
        if (!document.RootElement.TryGetProperty("extensions", out var extensions) || !extensions.TryGetProperty("durableTask", out var durable)) return;
        options.MaxConcurrentActivities = Limit(durable, "maxConcurrentActivityFunctions") ?? options.MaxConcurrentActivities;
        options.MaxConcurrentOrchestrators = Limit(durable, "maxConcurrentOrchestratorFunctions") ?? options.MaxConcurrentOrchestrators;
    }

    private static JsonDocument Parse(string path)
    {
        try
        {
            return JsonDocument.Parse(File.ReadAllBytes(path), new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
        }
        catch (JsonException error)
        {
            throw new StartupException([$"host.json is not JSON: {error.Message}"]);
        }
    }

    private static int? Limit(JsonElement durable, string name)
    {
        if (!durable.TryGetProperty(name, out var value)) return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var limit) && limit > 0
            ? limit
            : throw new StartupException([$"host.json: extensions.durableTask.{name} must be a whole number above 0."]);
    }
}
