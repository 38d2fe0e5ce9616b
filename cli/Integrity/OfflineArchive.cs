using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Skylight.Core.Catalog;
using Skylight.Core.Identity;
using Skylight.Core.Ingest;
using Skylight.Core.Institutions;
using Skylight.Core.Integrity;
using Skylight.Core.Lifecycle;
using Skylight.Core.Retrieve;
using Skylight.Core.Uploads;
using Skylight.Local;
using Skylight.Local.Catalog;
using Skylight.Local.Journal;
using Skylight.Local.Keys;

namespace Skylight.Cli.Integrity;

/// <summary>
/// The archive in an edge host's data folder, opened without the host: the journal is replayed, as at a host's start. Refused while a host has the folder.
/// What is archived is read where it is, so that nothing is called whole that nobody looked at.
/// </summary>
public sealed class OfflineArchive : IAsyncDisposable
{
    private static readonly KeyValuePair<string, string?>[] s_always = [new("Skylight:Objects:ReadArchived", "true")];

    private static readonly KeyValuePair<string, string?>[] s_byItself =
    [
        new("Skylight:Objects:CoolFolder", ""), new("Skylight:Objects:ColdFolder", ""), new("Skylight:Objects:ArchiveFolder", ""),
        new("Skylight:Replica:Folder", ""), new("Skylight:Replica:KeyFolder", ""), new("Skylight:Audit:AnchorFolder", ""), new("Skylight:KeyRing:Path", ""),
    ];

    private readonly ServiceProvider _provider;

    private OfflineArchive(ServiceProvider provider) => _provider = provider;

    public IServiceProvider Services => _provider;

    /// <exception cref="CliException">There is no archive in the folder, a host has it open, or its journal or key ring cannot be used.</exception>
    public static Task<OfflineArchive> OpenAsync(DirectoryInfo data, CancellationToken cancellationToken) => OpenAsync(data, "catalog.db", cancellationToken);

    /// <summary>
    /// Opens a folder that was restored, by itself: its settings are those of the host that was backed up, which may be running, and the folders that they name for
    /// colder tiers, second copies, key ring and anchors of the trail are that host's.
    /// </summary>
    /// <param name="ringPassphrase">File with the passphrase of the restored key ring; null for the one that the settings name.</param>
    public static Task<OfflineArchive> OpenRestoredAsync(DirectoryInfo data, string? ringPassphrase, CancellationToken cancellationToken, string needed = "catalog.db") =>
        OpenAsync(data, needed, ringPassphrase is null ? s_byItself : [.. s_byItself, new("Skylight:KeyRing:PassphraseFile", ringPassphrase)], cancellationToken);

    /// <inheritdoc cref="OpenAsync(DirectoryInfo, CancellationToken)"/>
    /// <param name="needed">The file or folder that must be there.</param>
    public static Task<OfflineArchive> OpenAsync(DirectoryInfo data, string needed, CancellationToken cancellationToken) => OpenAsync(data, needed, [], cancellationToken);

    private static async Task<OfflineArchive> OpenAsync(DirectoryInfo data, string needed, IEnumerable<KeyValuePair<string, string?>> settings, CancellationToken cancellationToken)
    {
        if (!Path.Exists(Path.Combine(data.FullName, needed))) throw new CliException(ExitCode.NotFound, $"{data.FullName} has no archive.");
        var services = new ServiceCollection();
        var configuration = new ConfigurationBuilder().AddDataFolder(data.FullName).AddInMemoryCollection([.. s_always, .. settings]).Build();
        services.AddSingleton<IConfiguration>(configuration);
        services.AddLogging();
        services.AddMetrics();
        services.AddLocalAdapters(data.FullName);
        services.AddSingleton<IIngress, OfflineIngress>();
        AddCapabilities(services, configuration);
        var provider = services.BuildServiceProvider();
        try
        {
            // The journal first: its lock keeps us out of a folder that a host is writing in.
            var journal = provider.GetRequiredService<Journal>();
            await LocalCatalog.ReplayAsync(journal, provider.GetRequiredService<SqliteCatalog>(), cancellationToken);

            // Now, so that a passphrase that is missing is told in a line.
            provider.GetRequiredService<LocalKeyRing>();
            return new OfflineArchive(provider);
        }
        catch (Exception error) when (error is JournalException or KeyRingException)
        {
            await provider.DisposeAsync();
            throw CliException.Of(error);
        }
        catch (OptionsValidationException error)
        {
            await provider.DisposeAsync();
            throw new CliException(ExitCode.Usage, string.Join(" ", error.Failures));
        }
    }

    /// <summary>What a tool needs of Core, over adapters that the caller adds.</summary>
    internal static void AddCapabilities(IServiceCollection services, IConfiguration configuration)
    {
        services.AddIdentity(configuration);
        services.AddIngest();
        services.AddUploads();
        services.AddLifecycle();
        services.AddRetrieve();
        services.AddInstitutions();
        services.AddIntegrity();
        services.AddSingleton<CatalogRebuild>();
    }

    public ValueTask DisposeAsync() => _provider.DisposeAsync();
}
