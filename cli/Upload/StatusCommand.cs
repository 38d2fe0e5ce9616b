using System.CommandLine;

namespace Skylight.Cli.Upload;

/// <summary><c>skylight status UPLOAD</c>: state and ingest report of an upload.</summary>
public static class StatusCommand
{
    public static Command Create()
    {
        var upload = new Argument<string>("UPLOAD") { Description = "Id of the upload, as 'skylight upload' printed it." };
        var wait = new Option<bool>("--wait") { Description = "Wait until the upload has ended." };
        var command = new Command("status", "Show the state and the ingest report of an upload.") { upload, wait };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var client = Connection.Open(parsed);
            var api = new UploadApi(client);
            var (id, json) = (parsed.GetValue(upload)!, parsed.GetValue(Connection.Json));
            var status = parsed.GetValue(wait) ? await UploadReport.WaitAsync(api, id, json, cancellationToken) : await api.StatusAsync(id, cancellationToken);
            UploadReport.Print(id, status, json);
            return UploadReport.ExitCodeOf(status);
        });
        return command;
    }
}
