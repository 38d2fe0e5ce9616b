using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Skylight.Edge.Tests.Hosting;

/// <summary>The published program as a process: signals, exit codes and its log.</summary>
public sealed class ProcessTests : IDisposable
{
    private readonly string _data = Directory.CreateTempSubdirectory("skylight-").FullName;

    public void Dispose() => Directory.Delete(_data, recursive: true);

    [Fact]
    public async Task Sigterm_ConnectionOpen_EndsWithZero()
    {
        using var host = await RunningHost.StartAsync(_data);
        using var socket = await host.ConnectAsync();
        await socket.SendAsync("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray());
        Assert.Contains("200 OK", await ReadAsync(socket), StringComparison.Ordinal);
        host.Terminate();
        Assert.Equal(0, await host.ExitAsync());
    }

    [Fact]
    public async Task SecondStart_SameFolder_ExitsWithAClearMessage()
    {
        using var first = await RunningHost.StartAsync(_data);
        using var second = RunningHost.Launch(_data, []);
        Assert.Equal(78, await second.ExitAsync());
        Assert.Contains($"in use by another Skylight host (process {first.Id})", await second.ErrorAsync(), StringComparison.Ordinal);
        first.Terminate();
        Assert.Equal(0, await first.ExitAsync());
    }

    [Fact]
    public async Task Kill_HoldingTheFolder_LetsTheNextStart()
    {
        using (var first = await RunningHost.StartAsync(_data)) first.Kill();
        using var second = await RunningHost.StartAsync(_data);
        second.Terminate();
        Assert.Equal(0, await second.ExitAsync());
    }

    [Fact]
    public async Task Log_OfRequests_IsJsonWithoutWhatTheyHeld()
    {
        using var host = await RunningHost.StartAsync(_data);
        using (var client = new HttpClient { BaseAddress = host.Address })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/api/uploads/ZhangSan19800101?name=%E5%BC%A0%E4%B8%89&token=topsecret");
            request.Headers.Add("Authorization", "Bearer topsecret");
            request.Headers.Add("User-Agent", "ZhangSan");
            using var response = await client.SendAsync(request);
        }

        host.Terminate();
        await host.ExitAsync();
        var log = host.Output;
        Assert.DoesNotContain("ZhangSan", log, StringComparison.Ordinal);
        Assert.DoesNotContain("topsecret", log, StringComparison.Ordinal);
        Assert.DoesNotContain("127.0.0.1", log, StringComparison.Ordinal);
        var lines = log.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonDocument.Parse(l).RootElement).ToArray();
        var line = Assert.Single(lines, l => l.GetProperty("event").GetInt32() == 2001 && l.GetProperty("values").GetProperty("Route").GetString() == "/api/uploads/{id}");
        Assert.Equal(401, line.GetProperty("values").GetProperty("Status").GetInt32());
        Assert.Equal(32, line.GetProperty("correlationId").GetString()!.Length);
        Assert.True(line.GetProperty("values").GetProperty("Milliseconds").GetDouble() >= 0);
    }

    [Fact]
    public async Task Files_MadeByTheHost_AreTheUsersAlone()
    {
        var folder = Path.Combine(_data, "new");
        using (var host = await RunningHost.StartAsync(folder))
        {
            host.Terminate();
            await host.ExitAsync();
        }

        const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;
        foreach (var path in Directory.EnumerateFileSystemEntries(folder, "*", SearchOption.AllDirectories).Append(folder))
            Assert.True((File.GetUnixFileMode(path) & Others) == 0, path);
    }

    private static async Task<string> ReadAsync(Socket socket)
    {
        var buffer = new byte[8192];
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        return Encoding.UTF8.GetString(buffer, 0, await socket.ReceiveAsync(buffer, limit.Token));
    }
}

/// <summary>The edge host as a process of its own, from the build under test.</summary>
internal sealed class RunningHost : IDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly Task<string> _error;

    private RunningHost(Process process, int port)
    {
        (_process, Port) = (process, port);
        process.OutputDataReceived += (_, line) =>
        {
            lock (_output) _output.Append(line.Data).Append('\n');
        };
        process.BeginOutputReadLine();
        _error = process.StandardError.ReadToEndAsync();
    }

    public int Id => _process.Id;

    public Uri Address => new($"http://127.0.0.1:{Port}");

    public string Output
    {
        get
        {
            lock (_output) return _output.ToString();
        }
    }

    private int Port { get; }

    public static RunningHost Launch(string data, string[] arguments)
    {
        var port = FreePort();
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in (string[])[Path.Combine(AppContext.BaseDirectory, "skylight-edge.dll"), "--data", data, "--port", port.ToString(CultureInfo.InvariantCulture), "--Skylight:Edge:MinFreeSpaceMiB", "0", .. arguments])
            start.ArgumentList.Add(argument);
        return new RunningHost(Process.Start(start)!, port);
    }

    public static async Task<RunningHost> StartAsync(string data, params string[] arguments)
    {
        var host = Launch(data, arguments);
        using var client = new HttpClient { BaseAddress = host.Address };
        for (var i = 0; ; i++)
        {
            Assert.False(host._process.HasExited, host._process.HasExited ? await host._error : "");
            Assert.True(i < 600, "the host did not start");
            try
            {
                using var response = await client.GetAsync("/health/ready");
                if (response.StatusCode == HttpStatusCode.OK) return host;
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }

            await Task.Delay(50);
        }
    }

    public async Task<Socket> ConnectAsync()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, Port);
        return socket;
    }

    public void Terminate() => Process.Start("kill", ["-TERM", Id.ToString(CultureInfo.InvariantCulture)]).WaitForExit();

    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    public async Task<int> ExitAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(40));
        await _process.WaitForExitAsync(limit.Token);
        return _process.ExitCode;
    }

    public Task<string> ErrorAsync() => _error;

    public void Dispose()
    {
        if (!_process.HasExited) Kill();
        _process.Dispose();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
