using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Skylight.Archive.Keys;
using Skylight.Core.Audit;
using Skylight.Local;
using Skylight.Local.Audit;
using Skylight.Local.Journal;

namespace Skylight.Cli.Audit;

/// <summary>Checks the trail of a data folder without a host; needs read access to the folder and its key ring.</summary>
internal static class OfflineAudit
{
    public static async Task<AuditVerification> VerifyAsync(DirectoryInfo data, DirectoryInfo? anchors, string institution, AuditHead? kept, CancellationToken cancellationToken)
    {
        if (!File.Exists(Path.Combine(data.FullName, "audit.db"))) throw new CliException(ExitCode.NotFound, $"{data.FullName} has no audit trail.");
        if (institution != "platform" && !Core.Institutions.InstitutionRules.IsCode(institution)) throw new CliException(ExitCode.Usage, "--institution is a code such as hospital-a, or platform.");
        var configuration = new ConfigurationBuilder().AddDataFolder(data.FullName).Build();
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(configuration);
        services.AddLogging();
        services.AddLocalAdapters(data.FullName);
        await using var provider = services.BuildServiceProvider();
        if (await provider.GetRequiredService<IKeyRecordStore>().GetAsync(institution, KeyRecord.InstitutionSubject, cancellationToken) is null)
            throw new CliException(ExitCode.NotFound, $"The folder has no institution '{institution}'.");
        var secrets = provider.GetRequiredService<InstitutionSecrets>();
        try
        {
            await using var log = LocalAudit.OpenForReading(
                data.FullName, anchors?.FullName ?? configuration[LocalAudit.AnchorFolderSetting], secrets.GetAsync, TimeProvider.System, NullLogger<SqliteAuditLog>.Instance);
            return await log.VerifyAsync(institution, kept, cancellationToken);
        }
        catch (JournalException error)
        {
            throw CliException.Of(error);
        }
        catch (KeyUnavailableException)
        {
            throw new CliException(ExitCode.Partial, "The institution's key cannot be had from this folder's key ring; without it entries cannot be told from forgeries.");
        }
    }
}
