using System.Net.Http.Json;
using System.Text.Json;
using Skylight.Core.Access;

namespace Skylight.Edge.Setup;

/// <summary>Development: signs in to the running host over HTTP with the accounts that <c>--dev</c> made.</summary>
internal static class DevToken
{
    public static async Task<int> TokenAsync(string roleName, Arguments arguments, CancellationToken cancellationToken)
    {
        if (!RoleNames.TryParse(roleName, out var role))
            throw new SetupException($"'{roleName}' is not a role. Roles: {string.Join(", ", Enum.GetValues<Role>().Select(r => r.Wire()))}.", 64);
        var login = (await LoadAsync(arguments, cancellationToken)).Accounts.FirstOrDefault(a => a.Role == role)
            ?? throw new SetupException($"The data folder has no development account with the role {roleName}.");
        if (!ushort.TryParse(arguments["port"] ?? "7071", out var port)) throw new SetupException("--port is a number from 1 to 65535.", 64);
        var address = new Uri($"http://127.0.0.1:{port}/");
        using var client = new HttpClient { BaseAddress = address, Timeout = TimeSpan.FromSeconds(30) };
        try
        {
            using var response = role == Role.Uploader
                ? await client.PostAsync(
                    "api/identity/token",
                    new FormUrlEncodedContent([new("grant_type", "client_credentials"), new("client_id", login.User), new("client_secret", login.Password)]),
                    cancellationToken)
                : await client.PostAsJsonAsync("api/login", new { user = login.User, password = login.Password }, cancellationToken);
            var body = await response.Content.ReadFromJsonAsync<JsonElement>(cancellationToken);
            if (!response.IsSuccessStatusCode)
                throw new SetupException($"The host at {address} refused the sign-in ({(int)response.StatusCode} {(body.TryGetProperty("code", out var code) ? code.GetString() : "")}). Does it serve this data folder?");
            Console.WriteLine(body.GetProperty(role == Role.Uploader ? "access_token" : "accessToken").GetString());
            return 0;
        }
        catch (Exception error) when (error is HttpRequestException or TaskCanceledException or JsonException)
        {
            throw new SetupException($"No Skylight host answers at {address}. Start it first (./dev run), or name its --port.");
        }
    }

    public static async Task<int> LoginsAsync(Arguments arguments, CancellationToken cancellationToken)
    {
        var logins = await LoadAsync(arguments, cancellationToken);
        Console.WriteLine($"{"role",-18} {"user",-26} password");
        foreach (var login in logins.Accounts) Console.WriteLine($"{login.Role.Wire(),-18} {login.User,-26} {login.Password}");
        return 0;
    }

    private static async Task<DevLogins> LoadAsync(Arguments arguments, CancellationToken cancellationToken) =>
        await DevLogins.LoadAsync(arguments.DataFolder, cancellationToken)
        ?? throw new SetupException($"{arguments.DataFolder} has no development accounts. They are made when the host starts with --dev (./dev run does).");
}
