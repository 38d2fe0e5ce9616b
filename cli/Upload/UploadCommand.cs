using System.CommandLine;
using System.Net.Http.Json;
using System.Text.Json;
using Azure;
using Azure.Storage.Blobs;
using Spectre.Console;

namespace Skylight.Cli.Upload;

/// <summary><c>skylight upload FOLDER</c>: sends a folder's files through an upload session and waits for the ingest report.</summary>
public static class UploadCommand
{
    public static Command Create()
    {
        var folder = new Argument<string>("FOLDER") { Description = "Folder with the files to send, all folders below included; or one file (a DICOM file, ZIP, TAR)." };
        var days = new Option<int?>("--days") { Description = "Length of the session in days, for long deliveries. Default: the host's own (a day)." };
        var parallel = new Option<int>("--parallel") { Description = "Requests at a time, 1 to 64.", DefaultValueFactory = _ => 8 };
        var blockMib = new Option<int>("--block-mib") { Description = "Size of a block in MiB, 1 to 100.", DefaultValueFactory = _ => 8 };
        var noWait = new Option<bool>("--no-wait") { Description = "Do not wait for the ingest report; ask later with: skylight status UPLOAD" };
        var fresh = new Option<bool>("--fresh") { Description = "Begin anew instead of resuming an interrupted upload of the same folder." };
        parallel.Validators.Add(r => Between(r, "--parallel", 1, 64));
        blockMib.Validators.Add(r => Between(r, "--block-mib", 1, 100));
        var command = new Command(
            "upload",
            """
            Send a folder of DICOM files and print the ingest report.

            An interrupted upload is resumed by the same command: nothing that has arrived is sent again.
            File names and paths travel in the manifest only; the blobs have opaque names.
            """)
        {
            folder, days, parallel, blockMib, noWait, fresh,
        };
        command.SetAction((parsed, cancellationToken) => RunAsync(
            parsed,
            new UploadSettings(parsed.GetValue(folder)!, parsed.GetValue(days), parsed.GetValue(parallel), parsed.GetValue(blockMib) << 20, !parsed.GetValue(noWait), parsed.GetValue(fresh)),
            cancellationToken));
        return command;
    }

    private static void Between(System.CommandLine.Parsing.OptionResult result, string name, int low, int high)
    {
        var value = result.GetValueOrDefault<int>();
        if (value < low || value > high) result.AddError($"{name} is {low} to {high}.");
    }

    private static async Task<int> RunAsync(ParseResult parsed, UploadSettings settings, CancellationToken cancellationToken)
    {
        var files = UploadFiles.Find(settings.Folder);
        if (files.Count == 0) throw new CliException(ExitCode.Usage, "There is no file to send.");
        using var client = Connection.Open(parsed);
        var json = parsed.GetValue(Connection.Json);
        var progress = new UploadProgress(json, files.Sum(f => f.Length), files.Count);
        using var journal = UploadJournal.Open(client.BaseAddress!, settings.Folder, settings.Days, settings.Fresh);
        var api = new UploadApi(client);
        try
        {
            var session = await api.OpenAsync(journal, settings.Days, files.All(f => journal.DigestOf(f) is not null), cancellationToken);
            if (session.Url is { } url)
            {
                var options = new BlobClientOptions { Retry = { NetworkTimeout = TimeSpan.FromMinutes(10) }, RetryPolicy = new UploadRetry(fresh: !journal.Resumed) };
                using var sender = new UploadSender(new BlobContainerClient(url, options), journal, settings, Math.Min(settings.BlockBytes, session.MaxBlockBytes));
                var manifest = await progress.RunAsync(
                    report => SendAsync(api, sender, session.Id, files, journal, report, cancellationToken));
                await api.CompleteAsync(session.Id, manifest, cancellationToken);
            }

            if (!settings.Wait)
            {
                journal.Delete();
                if (json) Console.WriteLine(JsonSerializer.Serialize(new { uploadId = session.Id, status = "running" }, Query.Output.Json));
                else Console.WriteLine($"upload {session.Id} is complete; its report: skylight status {session.Id}");
                return ExitCode.Done;
            }

            var status = await UploadReport.WaitAsync(api, session.Id, json, cancellationToken);
            // A failed run keeps it: the same command runs the ingest again.
            if (status.Status != "failed") journal.Delete();
            UploadReport.Print(session.Id, status, json);
            return UploadReport.ExitCodeOf(status);
        }
        catch (RequestFailedException error)
        {
            throw Failure(error);
        }
        catch (AggregateException error) when (error.InnerExceptions.OfType<RequestFailedException>().FirstOrDefault() is { } inner)
        {
            throw Failure(inner);
        }
    }

    private static async Task<IReadOnlyList<ManifestLine>> SendAsync(
        UploadApi api, UploadSender sender, string id, IReadOnlyList<UploadFile> files, UploadJournal journal, IUploadObserver observer, CancellationToken cancellationToken)
    {
        var arrived = journal.Resumed ? await api.ArrivedAsync(id, cancellationToken) : new Dictionary<string, Arrived>(StringComparer.Ordinal);
        return await sender.SendAsync(files, arrived, observer, cancellationToken);
    }

    private static CliException Failure(RequestFailedException error) => error.Status switch
    {
        0 => new CliException(ExitCode.Network, "The connection broke and could not be made again. The same command resumes the upload."),
        401 or 403 => new CliException(ExitCode.Unauthorized, $"The upload address was refused ({error.ErrorCode}): it has expired or the upload was closed. The same command with --fresh begins anew."),
        507 => new CliException(ExitCode.Server, "The host has no space left for uploads. The same command resumes the upload once there is some."),
        _ => new CliException(ExitCode.Server, $"The host refused a block: {error.Status} {error.ErrorCode}. The same command resumes the upload."),
    };
}

internal sealed record UploadSettings(string Folder, int? Days, int Parallel, int BlockBytes, bool Wait, bool Fresh);
