using Microsoft.Extensions.Options;

namespace Skylight.Local.Objects;

/// <summary>Where second copies lie, section <c>Skylight:Replica</c>.</summary>
public sealed class ReplicaOptions
{
    public const string Section = "Skylight:Replica";

    /// <summary>Folder of the second copy of every object; on another disk or machine. Default: none, there is one copy.</summary>
    public string? Folder { get; set; }

    /// <summary>Folder of a second copy of the key records (wrapped keys), written with every change; on another disk, and not beside the objects. Default: none.</summary>
    public string? KeyFolder { get; set; }
}

/// <summary>A second copy in the place of the first is none.</summary>
internal sealed class ReplicaRules(string dataFolder, IOptions<FolderObjectStoreOptions> objects) : IValidateOptions<ReplicaOptions>
{
    public ValidateOptionsResult Validate(string? name, ReplicaOptions options)
    {
        var faults = new List<string>();
        if (options.Folder is { Length: > 0 } folder && (Folders.AreSame(folder, dataFolder) || Firsts().Any(first => Folders.IsWithin(folder, first) || Folders.IsWithin(first, folder))))
            faults.Add($"{ReplicaOptions.Section}:{nameof(ReplicaOptions.Folder)} is, holds or lies inside a folder of the archive itself.");
        if (options.KeyFolder is { Length: > 0 } keys && (Folders.AreSame(keys, dataFolder) || Firsts().Any(first => Folders.IsWithin(keys, first))))
            faults.Add($"{ReplicaOptions.Section}:{nameof(ReplicaOptions.KeyFolder)} is the data folder, or lies inside a folder of the archive's objects.");
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private IEnumerable<string> Firsts()
    {
        var root = Path.Combine(dataFolder, "objects");
        var (cool, cold, archive) = (objects.Value.CoolFolder, objects.Value.ColdFolder, objects.Value.ArchiveFolder);
        return [root, cool is { Length: > 0 } ? cool : root + "-cool", cold is { Length: > 0 } ? cold : root + "-cold", archive is { Length: > 0 } ? archive : root + "-archive"];
    }
}
