using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Skylight.Dicom;

namespace Skylight.Cli.Demo;

/// <summary><c>skylight demo make</c>: writes the invented studies as DICOM files.</summary>
public static class DemoCommand
{
    public static Command Create()
    {
        var output = new Option<DirectoryInfo>("--output", "-o") { Description = "Folder to write to; made when it is not there.", Required = true };
        var seed = new Option<ulong>("--seed") { Description = "Another seed makes other studies; the same one always makes the same files.", DefaultValueFactory = _ => 1 };
        var scale = new Option<double>("--scale") { Description = "1 for full sizes; 0.25 makes a quarter of the slices with a quarter of the rows.", DefaultValueFactory = _ => 1 };
        scale.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<double>() is not (>= 0.05 and <= 1)) result.AddError("--scale is from 0.05 to 1.");
        });
        var make = new Command("make", "Write four invented studies (two CT, one MR, one radiograph) with names in Chinese, pinyin and Latin letters.") { output, seed, scale };
        make.SetAction((parsed, cancellationToken) => MakeAsync(
            parsed.GetRequiredValue(output), parsed.GetValue(seed), parsed.GetValue(scale), parsed.GetValue(Connection.Json), cancellationToken));
        return new Command("demo", "Synthetic studies to try things with.") { make };
    }

    private static async Task<int> MakeAsync(DirectoryInfo output, ulong seed, double scale, bool json, CancellationToken cancellationToken)
    {
        var files = new List<(string Path, DemoFile File)>();
        foreach (var study in DemoStudy.All(seed, scale))
        {
            foreach (var file in study.Files()) files.Add((Path.Combine(output.FullName, study.Name, file.Path), file));
        }
        foreach (var folder in files.Select(f => Path.GetDirectoryName(f.Path)!).Distinct()) Directory.CreateDirectory(folder);

        long bytes = 0;
        await Parallel.ForEachAsync(files, cancellationToken, async (item, token) =>
        {
            await using var stream = new FileStream(item.Path, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20, FileOptions.Asynchronous);
            await DicomWriter.WriteAsync(stream, DicomFile.Of(item.File.Dataset(), TransferSyntax.ExplicitLittle), null, token);
            Interlocked.Add(ref bytes, stream.Length);
        });

        if (json) Console.WriteLine(JsonSerializer.Serialize(new { folder = output.FullName, studies = 4, files = files.Count, bytes }));
        else Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{files.Count} files of 4 studies, {bytes / 1e6:F0} MB, in {output.FullName}"));
        return ExitCode.Done;
    }
}
