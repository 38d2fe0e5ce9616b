using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Skylight.Azure.Tests;

/// <summary>
/// The storage emulator: npm package azurite, installed once under <c>.tools/azurite</c> of the repository (ignored by git), started on a free port
/// for a test collection. Without node, npm or the package its tests are skipped with the reason.
/// </summary>
public sealed class Azurite : IAsyncLifetime
{
    private const string Version = "3.35.0";
    private readonly string _data = Directory.CreateTempSubdirectory("skylight-azurite-").FullName;
    private Process? _process;

    public const string Account = "devstoreaccount1";

    /// <summary>The emulator's published key; it protects nothing.</summary>
    public const string Key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

    /// <summary>Why the emulator is not there; null when it is.</summary>
    public string? Missing { get; private set; }

    public Uri Address { get; private set; } = null!;

    public Uri QueueAddress { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        var folder = Path.Combine(Root(), ".tools", "azurite");
        var script = Path.Combine(folder, "node_modules", "azurite", "dist", "src", "azurite.js");
        if (!File.Exists(script))
        {
            Directory.CreateDirectory(folder);
            var (code, output) = await RunAsync("npm", ["install", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=30000", "--prefix", folder, $"azurite@{Version}"]);
            if (code != 0 || !File.Exists(script))
            {
                Missing = $"The storage emulator (npm package azurite {Version}) cannot be installed here: {output.Split('\n').FirstOrDefault(l => l.Length > 0)}";
                return;
            }
        }

        var port = FreePort();
        var (queuePort, tablePort) = (FreePort(), FreePort());
        Address = new Uri($"http://127.0.0.1:{port}/{Account}");
        QueueAddress = new Uri($"http://127.0.0.1:{queuePort}/{Account}");
        var start = new ProcessStartInfo("node") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in (string[])[script, "--silent", "--disableTelemetry", "--skipApiVersionCheck", "--blobHost", "127.0.0.1", "--blobPort", $"{port}", "--queueHost", "127.0.0.1", "--queuePort", $"{queuePort}", "--tablePort", $"{tablePort}", "--location", _data]) start.ArgumentList.Add(argument);
        try
        {
            _process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            Missing = $"node cannot be started: {error.Message}";
            return;
        }

        _process.OutputDataReceived += static (_, _) => { };
        _process.ErrorDataReceived += static (_, _) => { };
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        using var client = new HttpClient();
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                using var answer = await client.GetAsync(new Uri($"http://127.0.0.1:{port}/"));
                return;
            }
            catch (HttpRequestException) when (attempt < 300 && !_process.HasExited)
            {
                await Task.Delay(100);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            if (!_process.HasExited) _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
            _process.Dispose();
        }

        Directory.Delete(_data, recursive: true);
    }

    private static async Task<(int Code, string Output)> RunAsync(string file, string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(file, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            var output = process.StandardOutput.ReadToEndAsync();
            var error = await process.StandardError.ReadToEndAsync();
            await output;
            await process.WaitForExitAsync();
            return (process.ExitCode, error);
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            return (-1, error.Message);
        }
    }

    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Serverless.sln"))) folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The tests do not run inside the repository.");
        return folder;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
