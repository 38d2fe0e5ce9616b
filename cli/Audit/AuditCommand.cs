using System.CommandLine;
using System.Net.Http.Json;
using System.Text.Json;
using Skylight.Core.Audit;
using Skylight.Core.Documents;

namespace Skylight.Cli.Audit;

/// <summary><c>skylight audit verify</c>: checks that nobody changed, removed, reordered or cut off entries of the audit trail.</summary>
internal static class AuditCommand
{
    public static Command Create()
    {
        var data = new Option<DirectoryInfo?>("--data") { Description = "Check the data folder of an edge host directly instead of asking a host. The host may be running." };
        var anchors = new Option<DirectoryInfo?>("--anchors") { Description = "With --data: folder of the anchors. Default: audit-anchors in the data folder." };
        var institution = new Option<string?>("--institution") { Description = "With --data: code of the institution (needed)." };
        var head = new Option<string?>("--head") { Description = "A head that was kept elsewhere (sequence:hash, as an earlier check printed it); the trail must still contain it." };
        var verify = new Command("verify", "Recomputes the audit trail's hash chain and holds it against its anchors. Exit code 1 when something is wrong.") { data, anchors, institution, head };
        verify.SetAction(async (parsed, cancellationToken) =>
        {
            AuditHead? kept = null;
            if (parsed.GetValue(head) is { } text) kept = AuditHead.TryParse(text, out var read) ? read : throw new CliException(ExitCode.Usage, "--head has the form sequence:hash.");
            var verification = parsed.GetValue(data) is { } folder
                ? await OfflineAudit.VerifyAsync(folder, parsed.GetValue(anchors), parsed.GetValue(institution) ?? throw new CliException(ExitCode.Usage, "--data needs --institution CODE."), kept, cancellationToken)
                : await AskAsync(parsed, kept, cancellationToken);
            Print(verification, parsed.GetValue(Connection.Json));
            return verification.Ok ? ExitCode.Done : ExitCode.Partial;
        });
        return new Command("audit", "The audit trail (for the audit administrator).") { verify };
    }

    private static async Task<AuditVerification> AskAsync(ParseResult parsed, AuditHead? kept, CancellationToken cancellationToken)
    {
        using var client = Connection.Open(parsed);
        using var response = await client.GetAsync(new Uri("api/audit/verification" + (kept is { } head ? $"?head={head}" : ""), UriKind.Relative), cancellationToken);
        if (!response.IsSuccessStatusCode) throw await CliException.FromAsync(response, cancellationToken);
        return await response.Content.ReadFromJsonAsync<AuditVerification>(DocumentJson.Options, cancellationToken) ?? throw new CliException(ExitCode.Server, "The host's answer is empty.");
    }

    private static void Print(AuditVerification verification, bool json)
    {
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(verification, DocumentJson.Options));
            return;
        }

        foreach (var finding in verification.Findings) Console.WriteLine($"entry {finding.Sequence}: {finding.Code}: {finding.Detail}");
        var entries = $"{verification.Entries} entries ({verification.Entries - verification.InJournal} in the trail, {verification.InJournal} in its journal)";
        Console.WriteLine(verification.Ok ? $"{verification.Institution}: {entries}, whole." : $"{verification.Institution}: {entries}, NOT whole ({verification.Findings.Count} findings).");
        if (verification.Head is { } head) Console.WriteLine($"head {head}");
    }
}
