using System.Text.Json;

namespace Skylight.Cli;

/// <summary>Exit codes of every command; <c>skylight --help</c> lists them.</summary>
public static class ExitCode
{
    public const int Done = 0;

    /// <summary>The work ran, but not all of it succeeded (rejected or held items, a failed check).</summary>
    public const int Partial = 1;
    public const int Usage = 2;

    /// <summary>No token, or the host refused it.</summary>
    public const int Unauthorized = 3;
    public const int NotFound = 4;

    /// <summary>The host could not be reached, or the connection broke for good.</summary>
    public const int Network = 5;

    /// <summary>The host answered with an error of its own.</summary>
    public const int Server = 6;
    public const int Interrupted = 130;
}

/// <summary>An expected failure: its message is printed as it is, its code becomes the exit code.</summary>
public sealed class CliException(int exitCode, string message) : Exception(message)
{
    public int ExitCode { get; } = exitCode;

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
