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

    /// <summary>Default true. False only where the objects are thrown away anyway, as in tests.</summary>
    public bool Fsync { get; init; } = true;
}

[OptionsValidator]
internal sealed partial class FolderObjectStoreOptionsValidator : IValidateOptions<FolderObjectStoreOptions>;
