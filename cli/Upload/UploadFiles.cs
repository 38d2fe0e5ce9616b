namespace Skylight.Cli.Upload;

/// <summary>A file to send, as it was when the command began.</summary>
/// <param name="Path">Path relative to the folder, with '/'.</param>
internal sealed record UploadFile(string FullPath, string Path, long Length, long Modified);

internal static class UploadFiles
{
    /// <summary>All files below a folder in the order of their paths. Links to folders are not followed: they may lead in circles.</summary>
    public static IReadOnlyList<UploadFile> Find(string folder)
    {
        if (File.Exists(folder)) return [Of(System.IO.Path.GetFullPath(folder), System.IO.Path.GetFileName(folder))];
        if (!Directory.Exists(folder)) throw new CliException(ExitCode.Usage, $"There is no folder or file '{folder}'.");
        var root = System.IO.Path.GetFullPath(folder);
        var options = new EnumerationOptions { RecurseSubdirectories = false, IgnoreInaccessible = false, AttributesToSkip = 0 };
        var files = new List<UploadFile>();
        var folders = new Stack<string>([root]);
        while (folders.TryPop(out var current))
        {
            foreach (var entry in new DirectoryInfo(current).EnumerateFileSystemInfos("*", options))
            {
                if (entry is not DirectoryInfo) files.Add(Of(entry.FullName, System.IO.Path.GetRelativePath(root, entry.FullName).Replace(System.IO.Path.DirectorySeparatorChar, '/')));
                else if (entry.LinkTarget is null) folders.Push(entry.FullName);
            }
        }

        files.Sort((a, b) => string.CompareOrdinal(a.Path, b.Path));
        return files;
    }

    private static UploadFile Of(string fullPath, string path)
    {
        var info = new FileInfo(fullPath);
        if (info.LinkTarget is not null && info.ResolveLinkTarget(returnFinalTarget: true) is FileInfo target) info = target;
        return new UploadFile(fullPath, path, info.Length, info.LastWriteTimeUtc.Ticks);
    }
}
