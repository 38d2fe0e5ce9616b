using System.CommandLine;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Skylight.Core.Documents;
using Skylight.Core.Maintenance;

namespace Skylight.Cli.Maintenance;

/// <summary>Starts long work on a host and watches it.</summary>
internal static class MaintenanceClient
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>Starts work and follows it to its end. Interrupting the command does not stop the work.</summary>
    public static async Task<int> RunAsync(ParseResult parsed, object body, CancellationToken cancellationToken)
    {
        using var client = Connection.Open(parsed);
        var run = await SendAsync(client, HttpMethod.Post, "api/maintenance", JsonContent.Create(body, options: DocumentJson.Options), cancellationToken);
        var json = parsed.GetValue(Connection.Json);
        if (!json) Console.WriteLine($"started {run.Id}");
        while (run.State == MaintenanceState.Running)
        {
            await Task.Delay(Pause, cancellationToken);
            run = await SendAsync(client, HttpMethod.Get, $"api/maintenance/{run.Id}", null, cancellationToken);
        }

        Print(run, json);
        return Code(run);
    }

    public static async Task<MaintenanceRun> SendAsync(HttpClient client, HttpMethod method, string path, HttpContent? content, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        using var response = await client.SendAsync(request, cancellationToken);
        if (!response.IsSuccessStatusCode) throw await CliException.FromAsync(response, cancellationToken);
        return await response.Content.ReadFromJsonAsync<MaintenanceRun>(DocumentJson.Options, cancellationToken) ?? throw new CliException(ExitCode.Server, "The host's answer is empty.");
    }

    public static int Code(MaintenanceRun run) => run is { State: MaintenanceState.Completed, Errors: 0, Waiting: 0 } ? ExitCode.Done : ExitCode.Partial;

    public static void Print(MaintenanceRun run, bool json)
    {
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(run, DocumentJson.Options));
            return;
        }

        foreach (var finding in run.Findings) Console.WriteLine($"{(finding.IsError ? "ERROR" : "note")} {finding.Code} {finding.StudyKey} {finding.Object} {finding.Detail}".TrimEnd());
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{run.Id} {run.Kind} {run.State}: {run.Done} done, {run.Changed} changed, {run.Waiting} waiting, {run.Errors} errors{(run.Bytes > 0 ? $", {run.Bytes / 1e6:0.0} MB read" : "")}{(run.NotRead > 0 ? $", {run.NotRead} archived packs ({run.NotReadBytes / 1e6:0.0} MB) not read" : "")}{(run.Target is null ? "" : $", {run.Target}")}"));
    }
}
