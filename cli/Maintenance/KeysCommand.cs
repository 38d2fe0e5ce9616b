using System.CommandLine;
using System.Net.Http.Json;
using System.Text.Json;
using Skylight.Core.Documents;
using Skylight.Core.Keys;
using Skylight.Core.Maintenance;

namespace Skylight.Cli.Maintenance;

/// <summary><c>skylight keys</c>: rotation and re-encryption of an institution's keys, for its security administrator.</summary>
internal static class KeysCommand
{
    public static Command Create()
    {
        var rotate = new Command("rotate", "Makes a new version of the institution's key-encryption key and wraps every key record by it. No object is touched.");
        rotate.SetAction((parsed, cancellationToken) => MaintenanceClient.RunAsync(parsed, new { kind = "keyRotation" }, cancellationToken));

        var algorithm = new Option<string?>("--algorithm") { Description = "aes (AES-256-GCM) or sm4 (SM4-GCM); without it the one that the institution has chosen for new objects.", DefaultValueFactory = _ => null };
        algorithm.AcceptOnlyFromAmong("aes", "sm4");
        var keep = new Option<bool>("--keep-keys") { Description = "Change the cipher only; without it every study gets a new key." };
        var reencrypt = new Command("reencrypt", "Seals every study anew, under a new key or with another cipher, while it is read and written.") { algorithm, keep };
        reencrypt.SetAction((parsed, cancellationToken) => MaintenanceClient.RunAsync(
            parsed,
            new { kind = "reencryption", algorithm = Wire(parsed.GetValue(algorithm)), newKeys = !parsed.GetValue(keep) },
            cancellationToken));

        var id = new Argument<string?>("id") { Description = "A run; without it all of them.", Arity = ArgumentArity.ZeroOrOne };
        var status = new Command("status", "How rotations, re-encryptions and verifications go, or went.") { id };
        status.SetAction((parsed, cancellationToken) => StatusAsync(parsed, parsed.GetValue(id), cancellationToken));
        return new Command("keys", "Keys of the archive (for the security administrator).") { rotate, reencrypt, Cipher(), status, PassphraseCommand.Create(), Change("pause", "Halts a run after its present step."), Change("resume", "Lets a paused or failed run go on.") };
    }

    private static Command Cipher()
    {
        var wanted = new Argument<string?>("cipher") { Description = "aes (AES-256-GCM) or sm4 (SM4-GCM); without it the present choice is shown.", Arity = ArgumentArity.ZeroOrOne };
        wanted.AcceptOnlyFromAmong("aes", "sm4");
        var command = new Command("cipher", "With which cipher new objects of the institution are sealed. What is stored stays under its own until 'reencrypt'.") { wanted };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = Connection.Open(parsed);
            var address = new Uri("api/keys/policy", UriKind.Relative);
            using var response = Wire(parsed.GetValue(wanted)) is { } algorithm
                ? await client.PutAsJsonAsync(address, new { algorithm }, DocumentJson.Options, cancellationToken)
                : await client.GetAsync(address, cancellationToken);
            if (!response.IsSuccessStatusCode) throw await CliException.FromAsync(response, cancellationToken);
            var policy = await response.Content.ReadFromJsonAsync<SealPolicy>(DocumentJson.Options, cancellationToken) ?? throw new CliException(ExitCode.Server, "The host's answer is empty.");
            Console.WriteLine(parsed.GetValue(Connection.Json) ? JsonSerializer.Serialize(policy, DocumentJson.Options) : policy.Algorithm.ToString());
            return ExitCode.Done;
        });
        return command;
    }

    private static string? Wire(string? algorithm) => algorithm switch { null => null, "sm4" => "sm4Gcm", _ => "aes256Gcm" };

    private static Command Change(string verb, string description)
    {
        var id = new Argument<string>("id") { Description = "The run, as 'status' lists it." };
        var command = new Command(verb, description) { id };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = Connection.Open(parsed);
            MaintenanceClient.Print(
                await MaintenanceClient.SendAsync(client, HttpMethod.Post, $"api/maintenance/{Uri.EscapeDataString(parsed.GetValue(id)!)}/{verb}", null, cancellationToken), parsed.GetValue(Connection.Json));
            return ExitCode.Done;
        });
        return command;
    }

    private static async Task<int> StatusAsync(ParseResult parsed, string? id, CancellationToken cancellationToken)
    {
        using var client = Connection.Open(parsed);
        var json = parsed.GetValue(Connection.Json);
        if (id is not null)
        {
            var one = await MaintenanceClient.SendAsync(client, HttpMethod.Get, $"api/maintenance/{Uri.EscapeDataString(id)}", null, cancellationToken);
            MaintenanceClient.Print(one, json);
            return one.State == MaintenanceState.Running ? ExitCode.Done : MaintenanceClient.Code(one);
        }

        var runs = new List<MaintenanceRun>();
        string? next = null;
        do
        {
            using var response = await client.GetAsync(new Uri($"api/maintenance?limit=100{(next is null ? "" : "&next=" + Uri.EscapeDataString(next))}", UriKind.Relative), cancellationToken);
            if (!response.IsSuccessStatusCode) throw await CliException.FromAsync(response, cancellationToken);
            var page = await response.Content.ReadFromJsonAsync<Page>(DocumentJson.Options, cancellationToken) ?? throw new CliException(ExitCode.Server, "The host's answer is empty.");
            runs.AddRange(page.Items);
            next = page.Next;
        }
        while (next is not null);
        if (json) Console.WriteLine(JsonSerializer.Serialize(runs, DocumentJson.Options));
        else foreach (var run in runs) MaintenanceClient.Print(run with { Findings = [] }, json: false);
        return ExitCode.Done;
    }

    private sealed record Page(IReadOnlyList<MaintenanceRun> Items, string? Next);
}
