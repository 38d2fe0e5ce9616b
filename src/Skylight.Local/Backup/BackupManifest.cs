using System.Text.Json;
using Skylight.Core.Documents;
using Skylight.Local.Objects;

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
    int V, string Id, DateTimeOffset At, DateTimeOffset EndedAt, IReadOnlyList<BackupFile> Files, long Objects, long ObjectBytes, long NewObjects, long NewBytes)
{
    /// <summary>Faults that a manifest carries at most; <see cref="FaultCount"/> counts all.</summary>
    public const int MaxFaults = 1000;

    /// <summary>Objects of the pool that were read again, and authenticated where their key is to be had.</summary>
    public long Checked { get; init; }

    /// <summary>Their bytes.</summary>
    public long CheckedBytes { get; init; }

    /// <summary>The last of their names: the next generation goes on behind it. Null before the first.</summary>
    public string? CheckedTo { get; init; }

    /// <summary>Objects that were copied or read again, and that nobody could authenticate: their key is destroyed or lost, or the key ring could not be opened.</summary>
    public long Unproved { get; init; }

    /// <summary>Objects of the data folder that are not what they were when they were written.</summary>
    public IReadOnlyList<BackupFault> Faults { get; init; } = [];

    public long FaultCount { get; init; }
}

/// <summary>An object that is damaged.</summary>
/// <param name="Code"><see cref="Damaged"/>, <see cref="Source"/>, <see cref="Missing"/> or, of a restore, <see cref="Pool"/>.</param>
/// <param name="Detail">What is wrong, in words.</param>
public sealed record BackupFault(string Name, string Code, string Detail)
{
    /// <summary>The backup has no whole copy; the damaged bytes, where they could be read, are kept apart, and later backups try again.</summary>
    public const string Damaged = "damaged";

    /// <summary>The data folder's copy is damaged; the backup's is whole.</summary>
    public const string Source = "damaged-in-data";

    /// <summary>A study names it, and neither the data folder nor the places that its host was told of have it.</summary>
    public const string Missing = "missing";

    /// <summary>The backup's copy was whole and is not any more.</summary>
    public const string Pool = "damaged-in-backup";
}

/// <param name="Name">Path within the generation.</param>
/// <param name="Sha256">Lower-case hex.</param>
public sealed record BackupFile(string Name, long Length, string Sha256);

/// <summary>The backup cannot be made or restored. The message says what to do and carries no key material.</summary>
public sealed class BackupException(string message, Exception? inner = null) : Exception(message, inner)
{
    public BackupCause Cause { get; init; }
}

/// <summary>Why nothing came of a backup or restore.</summary>
public enum BackupCause
{
    /// <summary>Something of what is there is damaged or not to be used.</summary>
    Content,

    /// <summary>There is nothing to back up, or to restore.</summary>
    Missing,

    /// <summary>It cannot be done as asked, or not now; nothing was begun.</summary>
    Request,
}

/// <summary>A folder of backups: <c>objects/</c>, the pool that all generations share, and <c>generations/{id}/</c>.</summary>
internal sealed class BackupSet(string folder)
{
    public const string ManifestName = "manifest.json";
    public const string ListName = "objects.list";
    public const string KeysName = "keys.backup";
    public const string DamagedListName = "objects.damaged";
    public const string ErasuresName = "erasures.json";
    public const string Partial = ".partial";

    internal const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    public string Folder { get; } = Path.GetFullPath(folder);

    public string Pool => Path.Combine(Folder, "objects");

    /// <summary>Bytes of objects that were damaged when they were to be copied, under their names.</summary>
    public string Damaged => Path.Combine(Folder, "damaged");

    public string GenerationsFolder => Path.Combine(Folder, "generations");

    public string Of(string id) => Path.Combine(GenerationsFolder, id);

    /// <summary>A set inside of what it backs up would grow with every run, and go with it.</summary>
    /// <exception cref="BackupException">The folder lies in one of these.</exception>
    public void DemandOutside(IEnumerable<string> folders)
    {
        foreach (var folder in folders)
            if (Folders.IsWithin(Folder, folder)) throw new BackupException($"{Folder} lies inside {folder}, which is backed up into it: choose a folder elsewhere, best on another machine.") { Cause = BackupCause.Request };
    }

    public void Create()
    {
        foreach (var path in (string[])[Folder, Pool, Damaged, GenerationsFolder]) Directory.CreateDirectory(path, OwnerOnly);
    }

    /// <summary>One backup into a set at a time: a second one would clear what the first is writing.</summary>
    /// <exception cref="BackupException">Another backup runs.</exception>
    public FileStream Lock()
    {
        try
        {
            return new FileStream(Path.Combine(Folder, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException error)
        {
            throw new BackupException($"Another backup into {Folder} is going on.", error) { Cause = BackupCause.Request };
        }
    }

    /// <summary>Held while somebody restores, so that no generation is destroyed under the reader. Null where the set is older, or cannot be locked (a medium that is only read).</summary>
    public FileStream? Reading()
    {
        try
        {
            return File.Exists(ReadingName) ? new FileStream(ReadingName, FileMode.Open, FileAccess.Read, FileShare.Read) : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Held while generations are destroyed. Null while somebody restores.</summary>
    public FileStream? Destroying()
    {
        try
        {
            return new FileStream(ReadingName, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            return null;
        }
    }

    private string ReadingName => Path.Combine(Folder, "reading");

    /// <summary>A generation's list; empty where it has none of that name (it is older than the list).</summary>
    public IEnumerable<BackupObject> Objects(string id, string list) => Path.Combine(Of(id), list) is var path && File.Exists(path) ? BackupObject.Read(path) : [];

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
