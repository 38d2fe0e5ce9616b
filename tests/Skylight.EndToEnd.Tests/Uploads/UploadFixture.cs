using System.Diagnostics;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Azure.Storage.Blobs;
using Skylight.EndToEnd.Tests.DicomWeb;

namespace Skylight.EndToEnd.Tests.Uploads;

/// <summary>The edge host, its upload API, and the command-line tool as a process of its own.</summary>
public class UploadFixture : IAsyncLifetime
{
    private string _token = "";

    public UploadFixture() : this(new EdgeFixture())
    {
    }

    protected UploadFixture(EdgeFixture edge) => Edge = edge;

    public EdgeFixture Edge { get; }

    public HttpClient Uploader { get; private set; } = null!;

    public virtual async ValueTask InitializeAsync()
    {
        await Edge.InitializeAsync();
        Uploader = await Edge.ClientAsync("uploader");
        _token = await Edge.TokenAsync("uploader");
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        Uploader?.Dispose();
        await Edge.DisposeAsync();
    }

    public string Folder(string name) => Directory.CreateDirectory(Path.Combine(Edge.Data, "folders", name)).FullName;

    /// <summary>Opens a session: its id and its URL.</summary>
    public async Task<(string Id, Uri Url)> OpenAsync(HttpClient? client = null)
    {
        using var response = await (client ?? Uploader).PostAsync(new Uri("api/uploads", UriKind.Relative), null);
        Assert.Equal(201, (int)response.StatusCode);
        var body = await response.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal($"/api/uploads/{body.GetProperty("uploadId").GetString()}", response.Headers.Location!.ToString());
        return (body.GetProperty("uploadId").GetString()!, new Uri(body.GetProperty("uploadUrl").GetString()!));
    }

    public static BlobContainerClient Container(Uri url) => new(url, new BlobClientOptions { Retry = { MaxRetries = 0 } });

    public async Task<JsonElement> StatusAsync(string id) => await Uploader.GetFromJsonAsync<JsonElement>($"api/uploads/{id}");

    /// <summary>The status once the ingest run has ended.</summary>
    public async Task<JsonElement> ReportAsync(string id)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        while (true)
        {
            var status = await StatusAsync(id);
            if (status.GetProperty("status").GetString() is not ("open" or "running")) return status;
            await Task.Delay(50, patience.Token);
        }
    }

    /// <summary>Parts of uploads that have arrived so far.</summary>
    public virtual Task<int> ArrivedAsync()
    {
        var parts = Path.Combine(Edge.Data, "host", "ingress", "parts", "uploads");
        return Task.FromResult(Directory.Exists(parts) ? Directory.GetFiles(parts, "*", SearchOption.AllDirectories).Length : 0);
    }

    public static string Counts(JsonElement status) =>
        $"{status.GetProperty("status").GetString()}: {string.Join(' ', ((string[])["received", "stored", "duplicates", "revisions", "held", "ignored"]).Select(n => status.GetProperty(n).GetInt32()))} {status.GetProperty("rejected").GetArrayLength()}";

    /// <summary>Runs <c>skylight</c> to its end.</summary>
    public async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using var process = Start(arguments);
        var output = process.StandardOutput.ReadToEndAsync();
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, error);
    }

    public Process Start(string[] arguments, string? token = null, Uri? url = null)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardError = true, RedirectStandardOutput = true, StandardOutputEncoding = Encoding.UTF8, StandardErrorEncoding = Encoding.UTF8 };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "skylight.dll"));
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        start.Environment["SKYLIGHT_URL"] = (url ?? Edge.Address).ToString();
        start.Environment["SKYLIGHT_TOKEN"] = token ?? _token;
        start.Environment["XDG_STATE_HOME"] = Path.Combine(Edge.Data, "state");
        return Process.Start(start)!;
    }
}
