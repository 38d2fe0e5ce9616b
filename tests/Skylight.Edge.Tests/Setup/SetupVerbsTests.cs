using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Skylight.Edge.Hosting;
using Skylight.Edge.Setup;
using Skylight.Local;

namespace Skylight.Edge.Tests.Setup;

[Collection("console")]
public sealed class SetupVerbsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly TextWriter _out = Console.Out;
    private readonly TextWriter _error = Console.Error;
    private readonly StringWriter _written = new();

    public SetupVerbsTests()
    {
        Console.SetOut(_written);
        Console.SetError(_written);
    }

    public void Dispose()
    {
        Console.SetOut(_out);
        Console.SetError(_error);
        _written.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task PublishedHost_HasNoAccount_UntilSetupMakesAnAdministrator_WhoMakesTheRest()
    {
        await using (var empty = await StartAsync(dev: false))
        {
            using var client = new HttpClient { BaseAddress = empty.Address };
            Assert.Equal(HttpStatusCode.Unauthorized, (await client.PostAsJsonAsync("api/login", new { user = "radiologist@demo", password = "anything at all" })).StatusCode);
            Assert.Equal(78, await CodeAsync(() => RunAsync("setup", "admin", "--data", _folder, "--institution", "hospital-a", "--name", "安全")));
        }

        Assert.Equal(0, await RunAsync("setup", "admin", "--data", _folder, "--institution", "hospital-a", "--name", "安全", "--institution-name", "第一医院"));
        var password = _written.ToString().Split('\n').Single(l => l.StartsWith("password", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        Assert.Equal(1, await RunAsync("setup", "admin", "--data", _folder, "--institution", "hospital-a", "--name", "安全"));
        await using var host = await StartAsync(dev: false);
        using var administrator = new HttpClient { BaseAddress = host.Address };
        using var login = await administrator.PostAsJsonAsync("api/login", new { user = "security-admin@hospital-a", password });
        var token = (await login.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("accessToken").GetString();
        administrator.DefaultRequestHeaders.Authorization = new("Bearer", token);
        using var created = await administrator.PostAsJsonAsync("api/accounts", new { login = "lin", name = "林", roles = new[] { "radiologist" } });
        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await administrator.GetAsync("dicomweb/studies")).StatusCode);
    }

    [Fact]
    public async Task Setup_OfAFolderWhoseHostWasToldOfPlacesElsewhere_UsesThem()
    {
        var elsewhere = Directory.CreateTempSubdirectory("skylight-").FullName;
        HostPlaces.Write(_folder, new ConfigurationBuilder().AddInMemoryCollection(
        [
            new("Skylight:KeyRing:Path", Path.Combine(elsewhere, "ring.json")), new("Skylight:Replica:KeyFolder", Path.Combine(elsewhere, "keys")),
            new("Skylight:Audit:AnchorFolder", Path.Combine(elsewhere, "anchors")),
        ]).Build());
        Assert.Equal(0, await RunAsync("setup", "admin", "--data", _folder, "--institution", "hospital-a", "--name", "安全"));
        Assert.False(File.Exists(Path.Combine(_folder, "keys.json")));
        Assert.True(File.Exists(Path.Combine(elsewhere, "ring.json")));
        Assert.True(File.Exists(Path.Combine(elsewhere, "keys", "keys.db")));
        Assert.False(Directory.Exists(Path.Combine(_folder, "audit-anchors")));
        Directory.Delete(elsewhere, recursive: true);
    }

    [Theory]
    [InlineData("--institution", "hospital-a", "--name", "x", "--role", "radiologist")]
    [InlineData("--institution", "hospital-a", "--name", "x", "--role", "system-admin")]
    [InlineData("--institution", "Not A Code", "--name", "x")]
    [InlineData("--institution", "../up", "--name", "x")]
    [InlineData("--name", "x")]
    [InlineData("--institution", "hospital-a", "--unknown", "x")]
    public async Task Setup_WithBadArguments_MakesNothing(params string[] arguments) =>
        Assert.Equal(64, await RunAsync(["setup", "admin", "--data", _folder, .. arguments]));

    [Fact]
    public async Task DevAccounts_SignInByTheTokenVerb_WithEveryRole_AndStayOverARestart()
    {
        string before;
        await using (var host = await StartAsync(dev: true))
        {
            foreach (var role in new[] { "system-admin", "institution-admin", "security-admin", "audit-admin", "radiologist", "clinician", "technician", "uploader", "patient" })
            {
                _written.GetStringBuilder().Clear();
                Assert.True(await RunAsync("token", role, "--data", _folder, "--port", $"{host.Address.Port}") == 0, _written.ToString());
                using var client = new HttpClient { BaseAddress = host.Address };
                client.DefaultRequestHeaders.Authorization = new("Bearer", _written.ToString().TrimEnd().Split('\n')[^1]);
                Assert.Equal(role, (await client.GetFromJsonAsync<JsonElement>("api/me")).GetProperty("roles")[0].GetString());
            }

            before = await File.ReadAllTextAsync(Path.Combine(_folder, "dev-accounts.json"));
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(_folder, "dev-accounts.json")));
        }

        await using var again = await StartAsync(dev: true);
        Assert.Equal(before, await File.ReadAllTextAsync(Path.Combine(_folder, "dev-accounts.json")));
        Assert.True(await RunAsync("token", "radiologist", "--data", _folder, "--port", $"{again.Address.Port}") == 0, _written.ToString());
        Assert.Equal(64, await RunAsync("token", "emperor", "--data", _folder, "--port", $"{again.Address.Port}"));
    }

    [Fact]
    public async Task TokenVerb_WithoutHostOrAccounts_SaysSo()
    {
        Assert.Equal(1, await RunAsync("token", "radiologist", "--data", _folder, "--port", "9"));
        Assert.Contains("--dev", _written.ToString(), StringComparison.Ordinal);
        await using (await StartAsync(dev: true))
        {
        }

        Assert.Equal(1, await RunAsync("token", "radiologist", "--data", _folder, "--port", "9"));
        Assert.Contains("No Skylight host answers", _written.ToString(), StringComparison.Ordinal);
    }

    private static async Task<int> CodeAsync(Func<Task<int>> run)
    {
        try
        {
            return await run();
        }
        catch (StartupException)
        {
            // What Program answers with for it.
            return 78;
        }
    }

    private static Task<int> RunAsync(params string[] arguments) => SetupVerbs.RunAsync(arguments[0], arguments[1..], CancellationToken.None);

    private Task<EdgeHost> StartAsync(bool dev) => EdgeHost.StartAsync(
        new EdgeSetup
        {
            DataFolder = _folder,
            Dev = dev,
            Quiet = true,
            Settings = new Dictionary<string, string?> { ["Skylight:Edge:Port"] = "0", ["Skylight:Edge:MinFreeSpaceMiB"] = "0", ["Skylight:Identity:HashIterations"] = "1000" },
        },
        CancellationToken.None);
}
