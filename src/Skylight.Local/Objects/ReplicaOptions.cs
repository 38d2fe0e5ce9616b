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
