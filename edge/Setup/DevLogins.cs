using System.Text.Json;
using Skylight.Core.Access;
using Skylight.Core.Documents;
using Skylight.Edge.Hosting;

namespace Skylight.Edge.Setup;

/// <summary>The development accounts of a data folder with their passwords: <c>dev-accounts.json</c>, mode 0600. Only <c>--dev</c> makes it.</summary>
internal sealed record DevLogins(int V, string Institution, IReadOnlyList<DevLogin> Accounts)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    public static string PathIn(string dataFolder) => Path.Combine(dataFolder, "dev-accounts.json");

    /// <summary>Null when the folder has none.</summary>
    /// <exception cref="StartupException">The file is there but not readable.</exception>
    public static async Task<DevLogins?> LoadAsync(string dataFolder, CancellationToken cancellationToken)
    {
        var path = PathIn(dataFolder);
        if (!File.Exists(path)) return null;
        try
        {
            return JsonSerializer.Deserialize<DevLogins>(await File.ReadAllBytesAsync(path, cancellationToken), DocumentJson.Options);
        }
        catch (Exception error) when (error is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new StartupException([$"{path} cannot be read: {error.GetType().Name}."]);
        }
    }

    public async Task SaveAsync(string dataFolder, CancellationToken cancellationToken)
    {
        var path = PathIn(dataFolder);
        await using (var file = new FileStream(path + ".new", new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = OwnerOnly }))
        {
            await JsonSerializer.SerializeAsync(file, this, DocumentJson.Options, cancellationToken);
            file.Flush(flushToDisk: true);
        }

        File.Move(path + ".new", path, overwrite: true);
    }
}

/// <param name="User">Sign-in name (<c>login@institution</c>).</param>
/// <param name="Password">Password, or client secret of the upload node.</param>
internal sealed record DevLogin(Role Role, string User, string Name, string Password);
