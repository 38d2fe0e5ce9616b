using System.Text.Json;
using Skylight.Core.Documents;

namespace Skylight.Local.Backup;

/// <summary>What one generation of a backup holds: a data folder at one moment. Written last; a generation without it is none.</summary>
/// <param name="V">Version of this record, 1.</param>
/// <param name="Id">Its folder's name: the moment in UTC, so that names sort by time.</param>
/// <param name="At">The moment that it can be restored to: everything acknowledged before is in it.</param>
/// <param name="EndedAt">When it was complete.</param>
/// <param name="Files">The generation's own files with their SHA-256.</param>
/// <param name="Objects">Objects that belong to it, in the set's common pool.</param>
/// <param name="ObjectBytes">Their bytes.</param>
/// <param name="NewObjects">Those that this generation added to the pool.</param>
public sealed record BackupManifest(
    int V, string Id, DateTimeOffset At, DateTimeOffset EndedAt, IReadOnlyList<BackupFile> Files, long Objects, long ObjectBytes, long NewObjects, long NewBytes);

/// <param name="Name">Path within the generation.</param>
/// <param name="Sha256">Lower-case hex.</param>
public sealed record BackupFile(string Name, long Length, string Sha256);

/// <summary>The backup cannot be made or restored. The message says what to do and carries no key material.</summary>
public sealed class BackupException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>A folder of backups: <c>objects/</c>, the pool that all generations share, and <c>generations/{id}/</c>.</summary>
internal sealed class BackupSet(string folder)
{
    public const string ManifestName = "manifest.json";
    public const string ListName = "objects.list";
    public const string KeysName = "keys.backup";
    public const string ErasuresName = "erasures.json";
    public const string Partial = ".partial";

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    public string Folder { get; } = Path.GetFullPath(folder);

    public string Pool => Path.Combine(Folder, "objects");

    public string GenerationsFolder => Path.Combine(Folder, "generations");

    public string Of(string id) => Path.Combine(GenerationsFolder, id);

    public void Create()
    {
        foreach (var path in (string[])[Folder, Pool, GenerationsFolder]) Directory.CreateDirectory(path, OwnerOnly);
    }

    /// <summary>Whole generations, oldest first.</summary>
    public IReadOnlyList<BackupManifest> Generations()
    {
        if (!Directory.Exists(GenerationsFolder)) return [];
        var found = new List<BackupManifest>();
        foreach (var path in Directory.EnumerateDirectories(GenerationsFolder))
        {
            var manifest = Path.Combine(path, ManifestName);
            if (path.EndsWith(Partial, StringComparison.Ordinal) || !File.Exists(manifest)) continue;
            found.Add(JsonSerializer.Deserialize<BackupManifest>(File.ReadAllBytes(manifest), DocumentJson.Options) ?? throw new BackupException($"{manifest} is empty."));
        }

        return [.. found.OrderBy(item => item.Id, StringComparer.Ordinal)];
    }
}

/// <summary>A line of a generation's list of objects.</summary>
/// <param name="Tier">Folder of the data folder that it lies in: <c>objects</c>, <c>objects-cool</c> …</param>
internal sealed record BackupObject(string Sha256, long Length, string Tier, string Name)
{
    public override string ToString() => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Sha256} {Length} {Tier} {Name}");

    public static IEnumerable<BackupObject> Read(string path)
    {
        foreach (var line in File.ReadLines(path))
        {
            if (line.Split(' ') is not [{ Length: 64 } sha, var length, var tier, var name]) throw new BackupException($"{path} has a line that is none of ours.");
            yield return new BackupObject(sha, long.Parse(length, System.Globalization.CultureInfo.InvariantCulture), tier, name);
        }
    }
}
