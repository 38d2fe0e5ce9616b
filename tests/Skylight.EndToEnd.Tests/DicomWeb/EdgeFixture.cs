using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Skylight.Cli.Demo;
using Skylight.Core.Retrieve;
using Skylight.Edge.Hosting;

namespace Skylight.EndToEnd.Tests.DicomWeb;

/// <summary>A real edge host with its development accounts on a data folder of its own, and small demo studies to send to it.</summary>
public class EdgeFixture : IAsyncLifetime
{
    private EdgeHost? _host;
    private JsonDocument? _logins;

    public string Data { get; } = Directory.CreateTempSubdirectory("skylight-e2e-").FullName;

    /// <summary>Folder of the demo studies, a quarter of the slices at a quarter of the size.</summary>
    public string Demo { get; private set; } = "";

    /// <summary>The host's data folder.</summary>
    public DirectoryInfo Folder => new(Path.Combine(Data, "host"));

    /// <summary>Stops the host; its folder stays.</summary>
    public async Task StopAsync()
    {
        if (_host is not null) await _host.DisposeAsync();
        _host = null;
    }

    public Uri Address => _host!.Address;

    public IServiceProvider Services => _host!.Services;

    /// <summary>Settings of the host besides those of every test.</summary>
    protected virtual IEnumerable<KeyValuePair<string, string?>> Settings => [];

    /// <summary>Ends the test that asks, as skipped, where the host could not be started; and is the fixture.</summary>
    public EdgeFixture Ready()
    {
        Need();
        return this;
    }

    public virtual async ValueTask InitializeAsync()
    {
        Demo = Path.Combine(Data, "demo");
        Assert.Equal(0, await DemoCommand.Create().Parse(["make", "-o", Demo, "--scale", "0.12", "--seed", "7"]).InvokeAsync());
        await StartAsync();
        _logins = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(Data, "host", "dev-accounts.json")));
    }

    /// <summary>Starts the host, on the folder that it had before if it was stopped.</summary>
    public async Task StartAsync() => _host = await EdgeHost.StartAsync(
        new EdgeSetup
        {
            DataFolder = Path.Combine(Data, "host"),
            Dev = true,
            Quiet = true,
            Settings = new Dictionary<string, string?>(Settings)
            {
                ["Skylight:Edge:Port"] = "0", ["Skylight:Edge:MinFreeSpaceMiB"] = "0", ["Skylight:Identity:HashIterations"] = "1000",
            },
        },
        CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_host is not null) await _host.DisposeAsync();
        _logins?.Dispose();
        Directory.Delete(Data, recursive: true);
    }

    /// <summary>Changes one bit of the newest pack of more than some bytes.</summary>
    public virtual async Task DamageAsync(long bytes, int position)
    {
        var pack = new DirectoryInfo(Path.Combine(Data, "host")).EnumerateFiles("*.pack", SearchOption.AllDirectories).Where(f => f.Length > bytes).OrderByDescending(f => f.LastWriteTimeUtc).First();
        await using var stream = pack.Open(FileMode.Open, FileAccess.ReadWrite);
        stream.Position = position;
        var one = stream.ReadByte();
        stream.Position = position;
        stream.WriteByte((byte)(one ^ 1));
    }

    protected virtual void Need()
    {
    }

    /// <summary>A client that is signed in with a role.</summary>
    public async Task<HttpClient> ClientAsync(string role)
    {
        var client = new HttpClient { BaseAddress = Address };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", await TokenAsync(role));
        return client;
    }

    public async Task<string> TokenAsync(string role)
    {
        var login = _logins!.RootElement.GetProperty("accounts").EnumerateArray().First(a => a.GetProperty("role").GetString() == role);
        var (user, password) = (login.GetProperty("user").GetString()!, login.GetProperty("password").GetString()!);
        using var client = new HttpClient { BaseAddress = Address };
        using var response = role == "uploader"
            ? await client.PostAsync(
                "api/identity/token", new FormUrlEncodedContent([new("grant_type", "client_credentials"), new("client_id", user), new("client_secret", password)]))
            : await client.PostAsJsonAsync("api/login", new { user, password });
        response.EnsureSuccessStatusCode();
        var body = await response.Content.ReadFromJsonAsync<JsonElement>();
        return body.GetProperty(role == "uploader" ? "access_token" : "accessToken").GetString()!;
    }

    /// <summary>Sends files by STOW-RS.</summary>
    public static async Task<HttpResponseMessage> StoreAsync(HttpClient client, string path, params IEnumerable<byte[]> files)
    {
        using var content = new MultipartContent("related", "stow" + Guid.NewGuid().ToString("N"));
        content.Headers.ContentType!.Parameters.Add(new NameValueHeaderValue("type", "\"application/dicom\""));
        foreach (var file in files)
        {
            var part = new ByteArrayContent(file);
            part.Headers.ContentType = new MediaTypeHeaderValue("application/dicom");
            content.Add(part);
        }
        return await client.PostAsync(path, content);
    }

    public static async Task<JsonElement> JsonAsync(HttpClient client, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.TryAddWithoutValidation("Accept", "application/dicom+json");
        using var response = await client.SendAsync(request);
        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal("application/dicom+json", response.Content.Headers.ContentType?.MediaType);
        return JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync()).RootElement;
    }

    public static async Task<HttpResponseMessage> GetAsync(HttpClient client, string path, string? accept)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (accept is not null) request.Headers.TryAddWithoutValidation("Accept", accept);
        return await client.SendAsync(request);
    }

    /// <summary>The parts of a multipart answer by their location's last segment.</summary>
    public static async Task<List<(string? Location, string? ContentType, byte[] Content)>> PartsAsync(HttpResponseMessage response)
    {
        Assert.Equal(200, (int)response.StatusCode);
        Assert.True(MediaRange.TryParse(response.Content.Headers.GetValues("Content-Type").Single(), out var type));
        Assert.Equal("multipart/related", type.Name);
        using var reader = new MultipartReader(await response.Content.ReadAsStreamAsync(), type.Parameter("boundary")!, new());
        var parts = new List<(string?, string?, byte[])>();
        while (await reader.ReadPartAsync(default) is { } part)
        {
            var copy = new MemoryStream();
            await part.Content.CopyToAsync(copy);
            parts.Add((part.ContentLocation, part.ContentType, copy.ToArray()));
        }
        return parts;
    }
}
