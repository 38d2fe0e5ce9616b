using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Cli.Maintenance;
using Skylight.Core.Documents;
using Skylight.Core.Integrity;

namespace Skylight.Cli.Integrity;

/// <summary><c>skylight verify</c>: catalog, index rows, series indexes, metadata, packs and key records agree, and every byte is what it was.</summary>
public static class VerifyCommand
{
    public static Command Create()
    {
        var data = new Option<DirectoryInfo?>("--data") { Description = "Data folder of an edge host that is not running. It is opened as at a start: the journal is replayed. Without it the running host is asked, as security-admin." };
        var quick = new Option<bool>("--quick") { Description = "Structure only: documents, rows, indexes, metadata, keys, presence and length of packs." };
        var deep = new Option<bool>("--deep") { Description = "Every byte too: packs authenticate, instances have the SHA-256 that the index names. The default." };
        var institution = new Option<string[]>("--institution") { Description = "With --data: only this institution (may be repeated)." };
        var command = new Command("verify", "Checks the archive. Exit code 0 only when everything that is named is there, whole, readable, and agrees.") { data, quick, deep, institution };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            if (parsed.GetValue(quick) && parsed.GetValue(deep)) throw new CliException(ExitCode.Usage, "--quick or --deep, not both.");
            var depth = parsed.GetValue(quick) ? VerifyDepth.Quick : VerifyDepth.Deep;
            if (parsed.GetValue(data) is not { } folder) return await MaintenanceClient.RunAsync(parsed, new { kind = "verification", depth = parsed.GetValue(quick) ? "quick" : "deep" }, cancellationToken);
            var report = await VerifyAsync(folder, parsed.GetValue(institution) ?? [], depth, cancellationToken);
            Print(report, parsed.GetValue(Connection.Json));
            return report.Ok ? ExitCode.Done : ExitCode.Partial;
        });
        return command;
    }

    /// <summary>Verifies a folder that no host has open.</summary>
    public static async Task<VerifyReport> VerifyAsync(DirectoryInfo folder, IReadOnlyList<string> institutions, VerifyDepth depth, CancellationToken cancellationToken)
    {
        await using var archive = await OfflineArchive.OpenAsync(folder, cancellationToken);
        var verifier = archive.Services.GetRequiredService<ArchiveVerifier>();
        return institutions.Count > 0 ? await verifier.VerifyAsync(institutions, depth, cancellationToken) : await verifier.VerifyAsync(depth, cancellationToken);
    }

    public static void Print(VerifyReport report, bool json)
    {
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(report, DocumentJson.Options));
            return;
        }

        foreach (var finding in report.Findings)
            Console.WriteLine($"{(finding.IsError ? "ERROR" : "note")} {finding.Code} {finding.Institution}{(finding.StudyKey is null ? "" : "/" + finding.StudyKey)} {finding.Object} {finding.Detail}".TrimEnd());
        var seconds = (report.EndedAt - report.StartedAt).TotalSeconds;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{report.Studies} studies, {report.Instances} instances, {report.Objects} objects, {report.Bytes / 1e6:0.0} MB read in {seconds:0.0} s"));
        if (report.NotRead > 0) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{report.NotRead} archived packs ({report.NotReadBytes / 1e6:0.0} MB) were not read: they are there and as long as they have to be"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{report.Errors} errors, {report.Notes} notes: {(report.Ok ? "whole" : "NOT whole")}"));
    }
}
