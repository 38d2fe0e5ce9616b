using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;

namespace Skylight.Benchmarks.Archive.Rival;

/// <summary>A server under load: where its DICOMweb lies, and what it costs. Its folder goes with it.</summary>
internal sealed class Server : IAsyncDisposable
{
    private readonly Process _process;
    private readonly string _folder;

    private Server(string name, Process process, string folder, Uri root)
    {
        (Name, _process, _folder) = (name, process, folder);
        Client = new HttpClient(new SocketsHttpHandler { UseProxy = false, MaxConnectionsPerServer = 64 }) { BaseAddress = root, Timeout = TimeSpan.FromMinutes(5) };
    }

    public string Name { get; }

    /// <summary>Its base address is the DICOMweb root.</summary>
    public HttpClient Client { get; }

    /// <summary>Processor time of the server so far.</summary>
    public TimeSpan Cpu
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Bytes of memory in use, and the most there were since <see cref="ForgetPeak"/>.</summary>
    public (long Now, long Peak) Memory
    {
        get
        {
            long now = 0, peak = 0;
            foreach (var line in File.ReadLines($"/proc/{_process.Id}/status"))
            {
                if (line.StartsWith("VmRSS:", StringComparison.Ordinal)) now = Kilobytes(line);
                if (line.StartsWith("VmHWM:", StringComparison.Ordinal)) peak = Kilobytes(line);
            }

            return (now, peak);
        }
    }

    public void ForgetPeak() => File.WriteAllText($"/proc/{_process.Id}/clear_refs", "5");

    /// <summary>Skylight as <c>./dev run</c> starts it: encryption, sign-in and audit on. One account stores and reads.</summary>
    public static async Task<Server> StartSkylightAsync(string host, string folder)
    {
        var port = FreePort();
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var process = Start("dotnet", [host, "--data", folder, "--port", $"{port}", "--dev"], Path.Combine(folder, "..", "skylight.log"));
        var server = new Server("Skylight", process, folder, new Uri($"http://127.0.0.1:{port}/dicomweb/"));
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}/") };
        await server.ReadyAsync(http, "health/ready");
        var logins = JsonSerializer.Deserialize<JsonElement>(await File.ReadAllBytesAsync(Path.Combine(folder, "dev-accounts.json")));
        var security = logins.GetProperty("accounts").EnumerateArray().First(account => account.GetProperty("user").GetString()!.StartsWith("security-admin", StringComparison.Ordinal));
        http.DefaultRequestHeaders.Authorization = await SignInAsync(http, security.GetProperty("user").GetString()!, security.GetProperty("password").GetString()!);
        using var made = await http.PostAsJsonAsync("api/accounts", new { login = "load", name = "Load", roles = (string[])["radiologist", "technician"] });
        made.EnsureSuccessStatusCode();
        var account = await made.Content.ReadFromJsonAsync<JsonElement>();
        server.Client.DefaultRequestHeaders.Authorization = await SignInAsync(http, account.GetProperty("user").GetString()!, account.GetProperty("password").GetString()!);
        return server;
    }

    /// <summary>Debian's Orthanc with its own index (SQLite) and the settings it ships with, but for ports and plugins; no sign-in, no encryption.</summary>
    public static async Task<Server> StartOrthancAsync(string folder)
    {
        var (port, dimse) = (FreePort(), FreePort());
        Directory.CreateDirectory(folder);
        var settings = Path.Combine(folder, "orthanc.json");
        await File.WriteAllTextAsync(settings, JsonSerializer.Serialize(new Dictionary<string, object>
        {
            ["Name"] = "bench", ["StorageDirectory"] = Path.Combine(folder, "store"), ["IndexDirectory"] = Path.Combine(folder, "store"),
            ["HttpPort"] = port, ["DicomPort"] = dimse, ["RemoteAccessAllowed"] = false, ["AuthenticationEnabled"] = false,
            ["Plugins"] = (string[])["/usr/share/orthanc/plugins/libOrthancDicomWeb.so"],
            ["DicomWeb"] = new { Enable = true, Root = "/dicom-web/" },
        }));
        var process = Start("/usr/sbin/Orthanc", [settings], Path.Combine(folder, "..", "orthanc.log"));
        var server = new Server("Orthanc", process, folder, new Uri($"http://127.0.0.1:{port}/dicom-web/"));
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}/") };
        await server.ReadyAsync(http, "system");
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (!_process.HasExited)
        {
            using var kill = Process.Start("kill", ["-TERM", $"{_process.Id}"]);
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            try
            {
                await _process.WaitForExitAsync(patience.Token);
            }
            catch (OperationCanceledException)
            {
                _process.Kill();
                await _process.WaitForExitAsync();
            }
        }

        _process.Dispose();
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    private static async Task<AuthenticationHeaderValue> SignInAsync(HttpClient http, string user, string password)
    {
        using var answer = await http.PostAsJsonAsync("api/login", new { user, password });
        answer.EnsureSuccessStatusCode();
        return new AuthenticationHeaderValue("Bearer", (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("accessToken").GetString());
    }

    private static Process Start(string program, string[] arguments, string log)
    {
        var start = new ProcessStartInfo("/bin/sh") { UseShellExecute = false };
        // The shell gives way to the server, so that the process id is the server's.
        foreach (var argument in (string[])["-c", "log=$1; shift; exec \"$@\" >\"$log\" 2>&1 </dev/null", "sh", log, program, .. arguments]) start.ArgumentList.Add(argument);
        return Process.Start(start) ?? throw new InvalidOperationException($"{program} could not be started.");
    }

    private async Task ReadyAsync(HttpClient http, string path)
    {
        for (var attempt = 0; attempt < 600; attempt++)
        {
            if (_process.HasExited) throw new InvalidOperationException($"{Name} has stopped; its log lies beside {_folder}.");
            try
            {
                using var answer = await http.GetAsync(path);
                if (answer.StatusCode == HttpStatusCode.OK) return;
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }

            await Task.Delay(100);
        }

        throw new TimeoutException($"{Name} was not ready after a minute.");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static long Kilobytes(string line) => long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
}
