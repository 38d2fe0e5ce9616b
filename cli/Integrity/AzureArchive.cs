using System.Runtime.CompilerServices;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Skylight.Azure;
using Skylight.Local;

namespace Skylight.Cli.Integrity;

/// <summary>The archive of a host on Azure, opened by a tool with that host's settings. Nobody keeps a running host out: the operator stops it first.</summary>
public sealed class AzureArchive : IAsyncDisposable
{
    private readonly ServiceProvider _provider;

    private AzureArchive(ServiceProvider provider) => _provider = provider;

    public IServiceProvider Services => _provider;

    /// <param name="settings">The host's settings (<c>Skylight:Objects:…</c>, <c>Skylight:Cosmos:…</c> and so on) as JSON; the environment comes over them.</param>
    /// <param name="data">The folder of the host's key ring, for an edge host on the Azure stores; null: Key Vault.</param>
    /// <exception cref="CliException">A setting is wrong, or the account is not fit.</exception>
    public static async Task<AzureArchive> OpenAsync(FileInfo settings, DirectoryInfo? data, CancellationToken cancellationToken)
    {
        var configuration = Read(settings);
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(configuration);
        services.AddLogging();
        services.AddMetrics();
        AddAdapters(services, configuration, data);
        OfflineArchive.AddCapabilities(services, configuration);
        var provider = services.BuildServiceProvider();
        try
        {
            // What a host looks at before it starts: the settings, and the consistency of the account.
            provider.GetService<IStartupValidator>()?.Validate();
            await AzureAdapters.PrepareAsync(provider, cancellationToken);
            return new AzureArchive(provider);
        }
        catch (Exception error) when (Failures(error) is { } failures)
        {
            await provider.DisposeAsync();
            throw new CliException(ExitCode.Usage, string.Join(" ", failures));
        }
    }

    private static IConfigurationRoot Read(FileInfo settings)
    {
        try
        {
            return new ConfigurationBuilder().AddJsonFile(settings.FullName, optional: false).AddEnvironmentVariables().Build();
        }
        catch (InvalidDataException error)
        {
            throw new CliException(ExitCode.Usage, $"{settings.FullName} is no JSON: {error.InnerException?.Message ?? error.Message}");
        }
    }

    /// <summary>Wrong settings; null for every other error.</summary>
    private static IEnumerable<string>? Failures(Exception error) => error switch
    {
        OptionsValidationException one => one.Failures,
        AggregateException many when many.InnerExceptions.All(inner => inner is OptionsValidationException) => many.InnerExceptions.Cast<OptionsValidationException>().SelectMany(inner => inner.Failures),
        _ => null,
    };

    public ValueTask DisposeAsync() => _provider.DisposeAsync();

    /// <summary>A method of its own: the assemblies of Azure's clients are loaded when it is compiled, and by other commands never.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void AddAdapters(IServiceCollection services, IConfiguration configuration, DirectoryInfo? data)
    {
        if (data is null)
        {
            services.AddAzureAdapters(configuration);
            return;
        }

        services.AddLocalKeys(data.FullName);
        services.AddAzureStores(configuration);
    }
}
