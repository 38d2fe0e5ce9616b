using System.Globalization;
using Skylight.Archive.Objects;

namespace Skylight.Local.Objects;

/// <summary>An object on its way out of the archive tier.</summary>
/// <param name="Due">Its time has come: it can be moved now.</param>
internal readonly record struct Rehydration(ObjectTier Target, bool Due);

/// <summary>
/// Which archived objects are being rehydrated, to which tier, and from when on they can be moved: a small file each, beside the archived objects, so that
/// a restart forgets none. Callers hold the object's lock for everything but <see cref="Of"/>.
/// </summary>
internal sealed class Rehydrations(string archive, FolderObjectStoreOptions options, TimeProvider time)
{
    private readonly string _root = Path.Combine(archive, ".rehydrating");

    public Rehydration? Of(string name)
    {
        try
        {
            var parts = File.ReadAllText(PathOf(name)).Split(' ');
            if (parts.Length != 2 || !Enum.TryParse<ObjectTier>(parts[0], out var target) || !long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var readyAt)) return null;
            return new Rehydration(target, time.GetUtcNow().ToUnixTimeMilliseconds() >= readyAt);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Starts a rehydration, or answers the one that is under way. A torn note, left by a crash, counts as none: it is written again.</summary>
    public Rehydration Start(string name, ObjectTier target)
    {
        if (Of(name) is { } pending) return pending;
        if (options.RehydrationDelaySeconds == 0) return new Rehydration(target, Due: true);
        var path = PathOf(name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var readyAt = time.GetUtcNow().AddSeconds(options.RehydrationDelaySeconds).ToUnixTimeMilliseconds();
        File.WriteAllText(path, string.Create(CultureInfo.InvariantCulture, $"{target} {readyAt}"));
        return new Rehydration(target, Due: false);
    }

    public void Forget(string name) => LibC.Remove(PathOf(name));

    private string PathOf(string name) => Path.Combine(_root, name);
}
