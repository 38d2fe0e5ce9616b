using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Text.Json;
using Skylight.Core.Retrieve;

namespace Skylight.Cli.Query;

/// <summary><c>skylight get</c>: a study, a series or an instance as DICOM files, by WADO-RS. Files are streamed; nothing is held whole in memory.</summary>
public static class GetCommand
{
    private static readonly TimeSpan s_longestPause = TimeSpan.FromMinutes(5);

    public static Command Create() => new("get", "Fetch DICOM files.")
    {
        Level("study", "All files of a study.", 1),
        Level("series", "All files of a series.", 2),
        Level("instance", "One file.", 3),
    };

    private static Command Level(string name, string description, int depth)
    {
        var study = new Argument<string>("study") { Description = "Study Instance UID." };
        var series = new Argument<string>("series") { Description = "Series Instance UID." };
        var instance = new Argument<string>("instance") { Description = "SOP Instance UID." };
        var output = new Option<DirectoryInfo>("--output", "-o") { Description = "Folder to write to; made when it is not there.", Required = true };
        var explicitVr = new Option<bool>("--uncompressed") { Description = "Explicit VR Little Endian for every file, instead of the transfer syntax that it is stored in." };
        var command = new Command(name, description) { study };
        if (depth > 1) command.Add(series);
        if (depth > 2) command.Add(instance);
        var wait = new Option<bool>("--wait") { Description = "Where the study is archived: wait until it has been brought back. Otherwise the command ends with exit code 1 and says when it will be ready; it is being brought back all the same." };
        command.Add(output);
        command.Add(explicitVr);
        command.Add(wait);
        command.SetAction((parsed, cancellationToken) =>
        {
            var path = $"dicomweb/studies/{Uri.EscapeDataString(parsed.GetRequiredValue(study))}";
            if (depth > 1) path += $"/series/{Uri.EscapeDataString(parsed.GetRequiredValue(series))}";
            if (depth > 2) path += $"/instances/{Uri.EscapeDataString(parsed.GetRequiredValue(instance))}";
            return GetAsync(parsed, path, parsed.GetRequiredValue(output), parsed.GetValue(explicitVr), parsed.GetValue(wait), cancellationToken);
        });
        return command;
    }

    private static async Task<int> GetAsync(ParseResult parsed, string path, DirectoryInfo output, bool explicitVr, bool wait, CancellationToken cancellationToken)
    {
        using var client = Connection.Open(parsed);
        client.Timeout = Timeout.InfiniteTimeSpan;
        using var response = await AskAsync(client, path, explicitVr, wait, cancellationToken);
        if (!MediaRange.TryParse(response.Content.Headers.TryGetValues("Content-Type", out var types) ? types.First() : null, out var type)
            || type.Parameter("boundary") is not { } boundary)
            throw new CliException(ExitCode.Server, "The host's answer is not multipart/related.");

        output.Create();
        var files = new List<string>();
        long bytes = 0;
        try
        {
            await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
            using var reader = new MultipartReader(body, boundary, new MultipartLimits { MaxParts = int.MaxValue });
            while (await reader.ReadPartAsync(cancellationToken) is { } part)
            {
                var file = Path.Combine(output.FullName, FileName(part));
                bytes += await WriteAsync(part.Content, file, cancellationToken);
                files.Add(file);
            }
        }
        catch (Exception error) when (error is MultipartFormatException or HttpIOException)
        {
            throw new CliException(ExitCode.Network, $"The answer broke off after {files.Count} whole files: {error.Message}");
        }

        if (parsed.GetValue(Connection.Json)) Console.WriteLine(JsonSerializer.Serialize(new { folder = output.FullName, files, bytes }, Output.Json));
        else Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{files.Count} files, {bytes / 1e6:F1} MB, in {output.FullName}"));
        return ExitCode.Done;
    }

    /// <summary>The answer with the files. One that says that the study is archived is waited for, or ends the command.</summary>
    private static async Task<HttpResponseMessage> AskAsync(HttpClient client, string path, bool explicitVr, bool wait, CancellationToken cancellationToken)
    {
        while (true)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.TryAddWithoutValidation("Accept", "multipart/related; type=\"application/dicom\"; transfer-syntax=" + (explicitVr ? Negotiation.ExplicitVrLittleEndian : "*"));
            var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            if (response.StatusCode == HttpStatusCode.OK) return response;
            using (response)
            {
                if (response.StatusCode != HttpStatusCode.Accepted) throw await CliException.FromAsync(response, cancellationToken);
                var archived = JsonSerializer.Deserialize<JsonElement>(await response.Content.ReadAsByteArrayAsync(cancellationToken));
                string Text(string name) => archived.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
                if (!wait) throw new CliException(ExitCode.Partial, $"{Text("title")} {Text("titleZh")} Ready at about {Text("readyAt")}; --wait waits for it. [{Text("code")}]");
                await Task.Delay(response.Headers.RetryAfter?.Delta is { } pause && pause < s_longestPause ? pause : s_longestPause, cancellationToken);
            }
        }
    }

    /// <summary>A file appears under its name only when it is whole.</summary>
    private static async Task<long> WriteAsync(Stream content, string file, CancellationToken cancellationToken)
    {
        var partial = file + ".partial";
        try
        {
            long length;
            await using (var stream = new FileStream(partial, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20, FileOptions.Asynchronous))
            {
                await content.CopyToAsync(stream, cancellationToken);
                length = stream.Length;
            }
            File.Move(partial, file, overwrite: true);
            return length;
        }
        catch
        {
            File.Delete(partial);
            throw;
        }
    }

    /// <summary>The SOP Instance UID that the part's location ends with, where it can be a file name; else the part's number.</summary>
    private static string FileName(MultipartPart part)
    {
        var uid = part.ContentLocation is { } location ? Uri.UnescapeDataString(location[(location.LastIndexOf('/') + 1)..]) : "";
        return uid.Length is > 0 and <= 64 && uid.All(c => char.IsAsciiDigit(c) || c == '.') && uid.Any(char.IsAsciiDigit)
            ? uid + ".dcm"
            : string.Create(CultureInfo.InvariantCulture, $"{part.Number:D6}.dcm");
    }
}
