using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Skylight.Local.Audit;
using Skylight.Local.Backup;
using Skylight.Local.Keys;
using Skylight.Local.Objects;

namespace Skylight.Local;

/// <summary>
/// What a host was told about places outside its data folder, by whatever way (settings file, environment, command line), in a file of the data folder: tools that
/// open the folder without the host, or back it up beside it, would else miss what lies there.
/// </summary>
public static class HostPlaces
{
    public const string FileName = "host-places.json";

    private static readonly string[] s_places =
    [
        $"{FolderObjectStoreOptions.Section}:{nameof(FolderObjectStoreOptions.CoolFolder)}", $"{FolderObjectStoreOptions.Section}:{nameof(FolderObjectStoreOptions.ColdFolder)}",
        $"{FolderObjectStoreOptions.Section}:{nameof(FolderObjectStoreOptions.ArchiveFolder)}", $"{KeyRingOptions.Section}:{nameof(KeyRingOptions.Path)}",
        $"{KeyRingOptions.Section}:{nameof(KeyRingOptions.PassphraseFile)}", $"{ReplicaOptions.Section}:{nameof(ReplicaOptions.Folder)}", $"{ReplicaOptions.Section}:{nameof(ReplicaOptions.KeyFolder)}",
        LocalAudit.AnchorFolderSetting,
    ];

    /// <summary>Written by a host when it starts.</summary>
    public static void Write(string dataFolder, IConfiguration configuration)
    {
        var places = s_places.Where(key => configuration[key] is { Length: > 0 }).ToDictionary(key => key, key => Path.GetFullPath(configuration[key]!));
        var path = Path.Combine(dataFolder, FileName);
        var bytes = JsonSerializer.SerializeToUtf8Bytes(places);

        // Mostly it says so already; then a start needs no room on the disk for it.
        if (File.Exists(path) && File.ReadAllBytes(path).AsSpan().SequenceEqual(bytes)) return;
        BackupFiles.Write(path + ".new", bytes);
        File.Move(path + ".new", path, overwrite: true);
        LibC.SyncDirectory(dataFolder);
    }

    /// <summary>The settings of a data folder as a tool sees them: the settings file, then what its host was told, then the tool's own environment.</summary>
    public static IConfigurationBuilder AddDataFolder(this IConfigurationBuilder builder, string dataFolder) => builder
        .AddJsonFile(Path.Combine(Path.GetFullPath(dataFolder), "settings.json"), optional: true, reloadOnChange: false)
        .AddJsonFile(Path.Combine(Path.GetFullPath(dataFolder), FileName), optional: true, reloadOnChange: false)
        .AddEnvironmentVariables();
}
