using System.Globalization;
using System.Text.Json;
using Spectre.Console;

namespace Skylight.Cli.Upload;

/// <summary>The ingest report: waiting for it, printing it, and what it means for the exit code.</summary>
internal static class UploadReport
{
    private const int MaxListed = 50;

    public static async Task<UploadStatus> WaitAsync(UploadApi api, string id, bool json, CancellationToken cancellationToken)
    {
        var delay = TimeSpan.FromMilliseconds(200);
        while (true)
        {
            var status = await api.StatusAsync(id, cancellationToken);
            if (status.Status is not ("running" or "open")) return status;
            if (!json && !Console.IsErrorRedirected) Console.Error.Write(string.Create(CultureInfo.InvariantCulture, $"\ringest: {status.Received} files "));
            await Task.Delay(delay, cancellationToken);
            if (delay < TimeSpan.FromSeconds(2)) delay *= 1.5;
        }
    }

    public static void Print(string id, UploadStatus status, bool json)
    {
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(
                new { uploadId = id, status.Status, status.Received, status.Stored, status.Duplicates, status.Revisions, status.Held, status.Ignored, status.Rejected, status.Studies, status.Failure }, Query.Output.Json));
            return;
        }

        if (!Console.IsErrorRedirected) Console.Error.Write("\r                                        \r");
        Console.WriteLine($"upload {id}: {status.Status}{(status.Failure is { } failure ? $" ({failure})" : "")}");
        foreach (var (name, count) in (ReadOnlySpan<(string, int)>)
            [
                ("received", status.Received), ("stored", status.Stored), ("duplicates", status.Duplicates), ("revisions", status.Revisions), ("held", status.Held), ("ignored", status.Ignored),
                ("rejected", status.Rejected.Count),
            ])
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {name,-11}{count,8}"));
        }

        foreach (var item in status.Rejected.Take(MaxListed)) Console.WriteLine($"  rejected: {item.Name}: {item.Code}: {item.Reason}");
        if (status.Rejected.Count > MaxListed) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  … and {status.Rejected.Count - MaxListed} more (--json lists all)"));
        if (status.Studies.Count == 0) return;
        if (Console.IsOutputRedirected) AnsiConsole.Profile.Width = 200;
        var table = new Table().Border(TableBorder.Simple).AddColumn("Study Instance UID").AddColumn(new TableColumn("Series").RightAligned()).AddColumn(new TableColumn("Images").RightAligned());
        foreach (var study in status.Studies)
            table.AddRow(Markup.Escape(study.StudyInstanceUid), study.Series.ToString(CultureInfo.InvariantCulture), study.Instances.ToString(CultureInfo.InvariantCulture));
        AnsiConsole.Write(table);
    }

    /// <summary>0 when everything is in the archive or needs not be; 1 when something was held or rejected; 6 when the run failed.</summary>
    public static int ExitCodeOf(UploadStatus status) => status.Status switch
    {
        "failed" => ExitCode.Server,
        "cancelled" or "expired" => ExitCode.Partial,
        _ => status.Held > 0 || status.Rejected.Count > 0 ? ExitCode.Partial : ExitCode.Done,
    };
}
