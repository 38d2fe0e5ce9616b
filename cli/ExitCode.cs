using System.Text.Json;
using Skylight.Local.Backup;
using Skylight.Local.Journal;
using Skylight.Local.Keys;

namespace Skylight.Cli;

/// <summary>Exit codes of every command; <c>skylight --help</c> lists them.</summary>
public static class ExitCode
{
    public const int Done = 0;

    /// <summary>The work ran, but not all of it succeeded (rejected or held items, a failed check).</summary>
    public const int Partial = 1;

    /// <summary>It cannot be done as asked, or not now (a folder that a host has open, a wrong passphrase): nothing was begun.</summary>
    public const int Usage = 2;

    /// <summary>No token, or the host refused it.</summary>
    public const int Unauthorized = 3;
    public const int NotFound = 4;

    /// <summary>The host could not be reached, or the connection broke for good.</summary>
    public const int Network = 5;

    /// <summary>The host answered with an error of its own.</summary>
    public const int Server = 6;
    public const int Interrupted = 130;

    /// <summary>A fault of this program.</summary>
    public const int Fault = 70;
}

/// <summary>An expected failure: its message is printed as it is, its code becomes the exit code.</summary>
public sealed class CliException(int exitCode, string message) : Exception(message)
{
    public int ExitCode { get; } = exitCode;

    /// <summary>What kept a tool from a data folder or a backup: only damage is a finding.</summary>
    public static CliException Of(Exception error) => new(
        error switch
        {
            BackupException { Cause: BackupCause.Missing } or KeyRingException { Fault: KeyRingFault.Missing } => Cli.ExitCode.NotFound,
            BackupException { Cause: BackupCause.Request } or JournalException { Fault: JournalFault.InUse } or KeyRingException { Fault: not KeyRingFault.Damaged } => Cli.ExitCode.Usage,
            _ => Cli.ExitCode.Partial,
        },
        error is JournalException { Fault: JournalFault.InUse } ? "A host has this folder open. Stop it first, or ask the host itself (without --data)." : error.Message);

    /// <summary>The failure that an error answer (problem+json) means.</summary>
    public static async Task<CliException> FromAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var status = (int)response.StatusCode;
        var detail = "";
        if (response.Content.Headers.ContentType?.MediaType == "application/problem+json")
        {
            try
            {
                using var problem = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(cancellationToken));
                var root = problem.RootElement;
                string Text(string name) => root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
                detail = $": {Text("title")} {Text("titleZh")} [{Text("code")}]".Replace("  ", " ", StringComparison.Ordinal);
            }
            catch (JsonException)
            {
                detail = ": the error body is not valid JSON";
            }
        }

        var code = status switch
        {
            401 or 403 => Cli.ExitCode.Unauthorized,
            404 => Cli.ExitCode.NotFound,
            >= 500 => Cli.ExitCode.Server,
            _ => Cli.ExitCode.Partial,
        };
        return new CliException(code, $"The host answered {status}{detail}");
    }
}
