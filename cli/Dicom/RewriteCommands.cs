using System.CommandLine;
using System.Text.Json;
using Skylight.Dicom;
using Skylight.Imaging;

namespace Skylight.Cli.Dicom;

/// <summary>Commands that write files anew: one file to one file, or a folder to a folder with the same names in it.</summary>
internal static class RewriteCommands
{
    private static readonly ReadOptions s_whole = new() { MaxDatasetBytes = 2L << 30 };

    public static Command Convert()
    {
        var (input, output) = (Input(), new Option<string>("--output", "-o") { Description = "File to write; for a folder, the folder to write to.", Required = true });
        var to = new Option<string>("--to") { Description = $"Transfer syntax: {string.Join(", ", SyntaxNames.All)}, or a UID.", Required = true };
        var quality = new Option<int>("--quality") { Description = "Of jpeg, 1 to 100.", DefaultValueFactory = _ => 90 };
        var command = new Command("convert", "Write files in another transfer syntax. Lossless ones are decoded again and compared first.") { input, to, quality, output };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            if (parsed.GetValue(quality) is < 1 or > 100) throw new CliException(ExitCode.Usage, "--quality is 1 to 100.");
            var target = SyntaxNames.Parse(parsed.GetValue(to)!);
            return await EachAsync(parsed.GetValue(input)!, parsed.GetValue(output), async (_, file, path) =>
                await WriteAsync(path!, Transcoder.Convert(await DicomFile.ReadAsync(file, s_whole, cancellationToken), target, parsed.GetValue(quality)), cancellationToken));
        });
        return command;
    }

    public static Command Repair()
    {
        var (input, output) = (Input(), new Option<string?>("--output", "-o") { Description = "File to write, or folder for a folder; without it the repairs are only proposed." });
        var yes = new Option<bool>("--yes") { Description = "Replace a file that is there already." };
        var command = new Command("repair", "Propose repairs (meta header, lengths, VRs, wrongly declared character set) and show what they change; write the repaired file with -o.") { input, output, yes };
        command.SetAction(async (parsed, cancellationToken) => await EachAsync(parsed.GetValue(input)!, parsed.GetValue(output), async (name, file, path) =>
        {
            if (path is not null && File.Exists(path) && !parsed.GetValue(yes)) throw new CliException(ExitCode.Usage, $"'{path}' is there already; --yes replaces it.");
            var proposal = await FileRepair.ProposeAsync(file, cancellationToken);
            Show(name, proposal, parsed.GetValue(Connection.Json));
            if (path is not null) await WriteAsync(path, proposal.Repaired, cancellationToken);
        }));
        return command;
    }

    private static Argument<string> Input() => new("FILE") { Description = "A file, a folder (every file below it), or - for standard input." };

    private static void Show(string name, RepairProposal proposal, bool json)
    {
        if (json)
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(new { file = name, repairs = proposal.Repairs.Select(r => new { r.Code, r.Path, r.Text, r.TextZh, r.Detail }), changes = proposal.Changes }, JsonText.Options));
            return;
        }

        foreach (var r in proposal.Repairs) Console.Out.WriteLine($"{name}: {r.Code} {r.Path} {r.Text} {r.TextZh} {r.Detail}");
        foreach (var c in proposal.Changes) Console.Out.WriteLine($"{name}:   {c.Path} {c.Keyword}: {c.Before} → {c.After}");
        if (proposal.Repairs.Count == 0) Console.Out.WriteLine($"{name}: nothing to repair");
    }

    /// <summary>A bad file is reported and the others go on; exit code 1 when one failed.</summary>
    private static async Task<int> EachAsync(string input, string? output, Func<string, Stream, string?, Task> work)
    {
        var isFolder = Directory.Exists(input);
        if (isFolder && output is not null && File.Exists(output)) throw new CliException(ExitCode.Usage, $"'{output}' is a file; a folder is written to a folder.");
        // Collected first: the folder that is written to may lie within the one that is read.
        var inputs = DicomInputs.Of([input]).ToList();
        var failed = 0;
        foreach (var (name, open) in inputs)
        {
            var path = isFolder && output is not null ? Path.Combine(output, Path.GetRelativePath(input, name)) : output;
            try
            {
                using var file = open();
                await work(name, file, path);
            }
            catch (Exception error) when (error is DicomFormatException or PixelDataException)
            {
                failed++;
                Console.Error.WriteLine($"{name}: {error.Message}");
            }
        }

        return failed == 0 ? ExitCode.Done : ExitCode.Partial;
    }

    /// <summary>The whole new file or none: written beside its place, then renamed.</summary>
    private static async Task WriteAsync(string path, DicomFile file, CancellationToken cancellationToken)
    {
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder) Directory.CreateDirectory(folder);
        var beside = path + ".part";
        try
        {
            await using (var stream = new FileStream(beside, FileMode.Create, FileAccess.Write)) await DicomWriter.WriteAsync(stream, file, null, cancellationToken);
            File.Move(beside, path, overwrite: true);
        }
        catch
        {
            File.Delete(beside);
            throw;
        }
    }
}
