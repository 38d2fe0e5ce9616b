using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Xml;
using Skylight.Dicom;
using Skylight.Imaging;
using Skylight.Imaging.Display;

namespace Skylight.Cli.Dicom;

/// <summary><c>skylight dicom …</c>: look into, check and convert files on this machine. Nothing is sent anywhere.</summary>
public static class DicomCommands
{
    public static Command Build()
    {
        // A file that ends this process by its damage ends a command of one file only.
        AppContext.SetSwitch(FrameCodec.HighThroughputSwitch, true);
        return new("dicom", "Look into, check and convert DICOM files on this machine.")
        {
            Json(),
            Xml(),
            Dump(),
            Validate(),
            Pixels(),
            Render(),
            RewriteCommands.Convert(),
            RewriteCommands.Repair(),
        };
    }

    private static Argument<string[]> Inputs() => new("FILE") { Description = "Files, folders (every file below them), or - for standard input.", Arity = ArgumentArity.OneOrMore };

    private static Argument<string> Input() => new("FILE") { Description = "A file, or - for standard input." };

    private static Option<string> Output(string description) => new("--output", "-o") { Description = description, Required = true };

    private static Option<int> Frame() => new("--frame") { Description = "Frame, from 1.", DefaultValueFactory = _ => 1 };

    private static Command Json()
    {
        var inputs = Inputs();
        var command = new Command("json", "DICOM JSON (PS3.18 annex F), one dataset a line. Pixel data are left out.") { inputs };
        command.SetAction((parsed, cancellationToken) => EachAsync(parsed.GetValue(inputs)!, parsed, async (_, file) =>
        {
            var dataset = await WithoutPixelsAsync(file, cancellationToken);
            using var output = Console.OpenStandardOutput();
            output.Write(DicomJson.ToUtf8(dataset));
            output.WriteByte((byte)'\n');
            return true;
        }));
        return command;
    }

    /// <summary>Everything but pixel data: elements may follow it (signatures, private groups).</summary>
    private static async Task<DicomDataset> WithoutPixelsAsync(Stream file, CancellationToken cancellationToken)
    {
        var dataset = (await DicomFile.ReadAsync(file, new ReadOptions { MaxInlineBytes = 16 << 20, AllowTruncated = true }, cancellationToken)).Dataset;
        foreach (var tag in (DicomTag[])[DicomTags.PixelData, DicomTags.FloatPixelData, DicomTags.DoubleFloatPixelData]) dataset.Remove(tag);
        return dataset;
    }

    private static Command Xml()
    {
        var inputs = Inputs();
        var command = new Command("xml", "Native DICOM Model (PS3.19 annex A.1), one document a line. Pixel data are left out.") { inputs };
        command.SetAction((parsed, cancellationToken) => EachAsync(parsed.GetValue(inputs)!, parsed, async (_, file) =>
        {
            var dataset = await WithoutPixelsAsync(file, cancellationToken);
            await using var output = Console.OpenStandardOutput();
            await using (var writer = XmlWriter.Create(output, new XmlWriterSettings { Async = true, Encoding = new UTF8Encoding(false), CloseOutput = false })) DicomXml.Write(writer, dataset);
            output.WriteByte((byte)'\n');
            return true;
        }));
        return command;
    }

    private static Command Dump()
    {
        var inputs = Inputs();
        var command = new Command("dump", "Every element as text: tag, VR, length, value, keyword.") { inputs };
        command.SetAction((parsed, cancellationToken) => EachAsync(parsed.GetValue(inputs)!, parsed, async (name, file) =>
        {
            var read = await DicomFile.ReadAsync(file, new ReadOptions { MaxInlineBytes = 64 << 10, AllowTruncated = true }, cancellationToken);
            Console.Out.WriteLine($"# {name}: {read.Syntax.Name}");
            DatasetText.Write(Console.Out, read.FileMeta, 0);
            DatasetText.Write(Console.Out, read.Dataset, 0);
            return true;
        }));
        return command;
    }

    private static Command Validate()
    {
        var inputs = Inputs();
        var strict = new Option<bool>("--strict") { Description = "Warnings fail as well, and what is merely worth knowing is listed." };
        var command = new Command("validate", "Check files against the standard: every element, the attributes of their SOP class, and whether contents agree. Exit code 1 when a file has an error.") { inputs, strict };
        command.SetAction((parsed, cancellationToken) => EachAsync(parsed.GetValue(inputs)!, parsed, async (name, file) =>
        {
            var findings = await FileFindings.OfAsync(file, parsed.GetValue(strict), cancellationToken);
            var bar = parsed.GetValue(strict) ? FindingSeverity.Warning : FindingSeverity.Error;
            if (parsed.GetValue(Connection.Json)) Console.Out.WriteLine(JsonSerializer.Serialize(new { file = name, findings = findings.Select(f => new { f.Code, severity = f.Severity.ToString(), f.Path, f.Position, f.Clause, f.Text, f.TextZh, f.Detail }) }, JsonText.Options));
            else
            {
                foreach (var f in findings) Console.Out.WriteLine($"{name}: {f.Severity.ToString().ToLowerInvariant()} {f.Code} {f.Path} {f.Text} {f.TextZh} {f.Detail} [{f.Clause}]");
                if (findings.Count == 0) Console.Out.WriteLine($"{name}: ok");
            }

            return findings.All(f => f.Severity < bar);
        }));
        return command;
    }

    private static Command Pixels()
    {
        var (input, frame, output) = (Input(), Frame(), Output("File for the stored values: little endian, colour by pixel."));
        var command = new Command("pixels", "Decode one frame to stored values.") { input, frame, output };
        command.SetAction(async (parsed, cancellationToken) => await OneAsync(parsed.GetValue(input)!, async file =>
        {
            using var image = DicomImage.Open(file);
            var pixels = new byte[image.Layout.FrameBytes];
            var layout = image.ReadFrame(FrameIndex(parsed.GetValue(frame), image), pixels);
            await File.WriteAllBytesAsync(parsed.GetValue(output)!, pixels, cancellationToken);
            var facts = new { layout.Rows, layout.Columns, samples = layout.SamplesPerPixel, layout.BitsAllocated, layout.BitsStored, layout.Signed, layout.Photometric, layout.Frames, bytes = pixels.Length };
            if (parsed.GetValue(Connection.Json)) Console.Out.WriteLine(JsonSerializer.Serialize(facts, JsonText.Options));
            else Console.Out.WriteLine($"{layout.Rows} x {layout.Columns} x {layout.SamplesPerPixel}, {layout.BitsStored} of {layout.BitsAllocated} bit{(layout.Signed ? " signed" : "")}, {layout.Photometric}, frame {parsed.GetValue(frame)} of {layout.Frames}, {pixels.Length} bytes");
        }));
        return command;
    }

    private static Command Render()
    {
        var (input, frame, output) = (Input(), Frame(), Output("Picture to write: .png or .jpg."));
        var window = new Option<string?>("--window") { Description = "CENTER,WIDTH instead of the file's own window." };
        var size = new Option<int>("--size") { Description = "Longest side in pixels (1 to 16384); the frame's own size without it." };
        var quality = new Option<int>("--quality") { Description = "Of .jpg, 1 to 100.", DefaultValueFactory = _ => 85 };
        var bare = new Option<bool>("--no-overlays") { Description = "Leave the overlays of the file out." };
        var command = new Command("render", "Show one frame as a picture.") { input, frame, window, size, quality, bare, output };
        command.SetAction(async (parsed, cancellationToken) => await OneAsync(parsed.GetValue(input)!, async file =>
        {
            var to = parsed.GetValue(output)!;
            var extension = Path.GetExtension(to).ToLowerInvariant();
            if (extension is not (".png" or ".jpg" or ".jpeg")) throw new CliException(ExitCode.Usage, "--output must end in .png or .jpg.");
            var side = parsed.GetValue(size);
            if (side is < 0 or > 16384) throw new CliException(ExitCode.Usage, "--size is 1 to 16384.");
            if (parsed.GetValue(quality) is < 1 or > 100) throw new CliException(ExitCode.Usage, "--quality is 1 to 100.");
            using var image = DicomImage.Open(file);
            var options = new RenderOptions { Window = ParseWindow(parsed.GetValue(window)), MaxWidth = side, MaxHeight = side, Overlays = !parsed.GetValue(bare) };
            var shown = image.Render(FrameIndex(parsed.GetValue(frame), image), options);
            await File.WriteAllBytesAsync(to, extension == ".png" ? shown.ToPng() : shown.ToJpeg(parsed.GetValue(quality)), cancellationToken);
        }));
        return command;
    }

    private static int FrameIndex(int frame, DicomImage image) =>
        frame >= 1 && frame <= image.Layout.Frames ? frame - 1 : throw new CliException(ExitCode.Usage, $"--frame is 1 to {image.Layout.Frames}, not {frame}.");

    private static VoiWindow? ParseWindow(string? text)
    {
        if (text is null) return null;
        var parts = text.Split(',');
        return parts.Length == 2 && double.TryParse(parts[0], CultureInfo.InvariantCulture, out var center) && double.TryParse(parts[1], CultureInfo.InvariantCulture, out var width) && width > 0
            ? new VoiWindow(center, width)
            : throw new CliException(ExitCode.Usage, "--window is CENTER,WIDTH with a width above 0, such as 40,400.");
    }

    private static async Task<int> OneAsync(string path, Func<Stream, Task> work)
    {
        var inputs = DicomInputs.Of([path]).ToList();
        if (inputs.Count != 1 || Directory.Exists(path)) throw new CliException(ExitCode.Usage, "This command takes one file.");
        using var file = inputs[0].Open();
        try
        {
            await work(file);
            return ExitCode.Done;
        }
        catch (Exception error) when (error is DicomFormatException or PixelDataException)
        {
            throw new CliException(ExitCode.Partial, $"{path}: {error.Message}");
        }
    }

    /// <summary>A bad file is reported and the others go on; exit code 1 when one failed.</summary>
    private static async Task<int> EachAsync(string[] paths, ParseResult parsed, Func<string, Stream, Task<bool>> work)
    {
        var failed = 0;
        foreach (var (name, open) in DicomInputs.Of(paths))
        {
            try
            {
                using var file = open();
                if (!await work(name, file)) failed++;
            }
            catch (DicomFormatException error)
            {
                failed++;
                Console.Error.WriteLine(parsed.GetValue(Connection.Json) ? JsonSerializer.Serialize(new { file = name, error = error.Message }, JsonText.Options) : $"{name}: {error.Message}");
            }
        }

        return failed == 0 ? ExitCode.Done : ExitCode.Partial;
    }
}
