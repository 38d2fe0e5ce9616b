namespace Skylight.Cli.Dicom;

/// <summary>Files named on the command line: a file, a folder (all files below it, ordinal order), or <c>-</c> for standard input.</summary>
internal static class DicomInputs
{
    /// <summary>Name to show, and a way to open it as a seekable stream.</summary>
    public static IEnumerable<(string Name, Func<Stream> Open)> Of(IEnumerable<string> paths)
    {
        foreach (var path in paths)
        {
            if (path == "-")
            {
                yield return ("-", StandardInput);
                continue;
            }

            if (Directory.Exists(path))
            {
                foreach (var file in Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
                    yield return (file, () => File.OpenRead(file));
                continue;
            }

            if (!File.Exists(path)) throw new CliException(ExitCode.NotFound, $"There is no file or folder '{path}'.");
            yield return (path, () => File.OpenRead(path));
        }
    }

    private static MemoryStream StandardInput()
    {
        using var input = Console.OpenStandardInput();
        var memory = new MemoryStream();
        input.CopyTo(memory);
        memory.Position = 0;
        return memory;
    }
}
