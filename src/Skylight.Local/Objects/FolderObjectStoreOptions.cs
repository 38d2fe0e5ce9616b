using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Skylight.Local.Objects;

/// <summary>Settings of the object folder, section <c>Skylight:Objects</c>.</summary>
public sealed record FolderObjectStoreOptions
{
    public const string Section = "Skylight:Objects";

    /// <summary>New objects are refused (507 upstream) while the file system has less free space than this, in bytes. Default 1 GiB; 0 for no floor.</summary>
    [Range(typeof(long), "0", "1125899906842624")]
    public long MinFreeBytes { get; init; } = 1L << 30;

    /// <summary>Folder of objects in the cool tier; may lie on another file system. Default: the object folder's path with <c>-cool</c> appended.</summary>
    public string? CoolFolder { get; init; }

    /// <summary>Folder of objects in the cold tier. Default: with <c>-cold</c> appended.</summary>
    public string? ColdFolder { get; init; }

    /// <summary>Folder of objects in the archive tier: offline media, read only after a rehydration. Default: with <c>-archive</c> appended.</summary>
    public string? ArchiveFolder { get; init; }

    /// <summary>How long a rehydration takes at least, in seconds: the time that loading a medium takes. Default 0: at once. Up to a week.</summary>
    [Range(0, 604_800)]
    public int RehydrationDelaySeconds { get; init; }

    /// <summary>
    /// Default false: what is archived is read after a rehydration only. True for tools that have the folder to themselves and want every byte: the files are read where they are.
    /// </summary>
    public bool ReadArchived { get; init; }

    /// <summary>Default true. False only where the objects are thrown away anyway, as in tests.</summary>
    public bool Fsync { get; init; } = true;
}

[OptionsValidator]
internal sealed partial class FolderObjectStoreOptionsValidator : IValidateOptions<FolderObjectStoreOptions>;
