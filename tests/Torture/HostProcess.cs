using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Skylight.Torture;

/// <summary>The real edge host as a process of its own, with the recorder preloaded.</summary>
internal sealed class HostProcess : IDisposable
{
    private static readonly string[] Settings =
    [
        // Small files and short pauses, so that rotation, draining and merging happen all the time.
        "--Skylight:Journal:FileBytes", "262144", "--Skylight:Journal:KeepBytes", "1048576", "--Skylight:Journal:KeepObjects", "200", "--Skylight:Journal:QuietSeconds", "1",
        "--Skylight:Journal:MinFreeBytes", "0", "--Skylight:Objects:MinFreeBytes", "0", "--Skylight:Edge:MinFreeSpaceMiB", "0", "--Skylight:Uploads:FreeSpaceFloorBytes", "0",
        "--Skylight:Ingest:QuietSeconds", "1", "--Skylight:Ingest:SmallPackBytes", "262144", "--Skylight:Uploads:MaxLiveSessions", "2000", "--Skylight:Identity:HashIterations", "1000",
        "--Skylight:Compression:PieceBytes", "49152",
    ];

    private readonly Process _process;
    private readonly Task<string> _errors;

    private HostProcess(Process process, Uri address)
    {
        (_process, Address) = (process, address);
        _ = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
        _errors = process.StandardError.ReadToEndAsync();
    }

    public Uri Address { get; }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <param name="fault">As TORTURE_FAULT in shim.c; null for none.</param>
    /// <param name="port">The same at each start of a data folder: tokens name the address that issued them.</param>
    /// <param name="instead">Settings in place of those above.</param>
    /// <param name="disk">What the disk does; null for nothing unusual.</param>
    /// <param name="more">Settings besides those above.</param>
    public static HostProcess Start(string data, int port, string? shim, string? log, string? fault, IReadOnlyDictionary<string, string?>? instead = null, DiskControl? disk = null, IReadOnlyList<string>? more = null)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, RedirectStandardError = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) != "dotnet") start.FileName = "dotnet";
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "skylight-edge.dll"));
        foreach (var argument in (string[])["--data", data, "--port", $"{port}", "--dev", .. instead?.SelectMany(setting => (string[])[$"--{setting.Key}", setting.Value ?? ""]) ?? Settings, .. more ?? []]) start.ArgumentList.Add(argument);
        start.Environment["DOTNET_TieredPGO"] = "0";
        if (shim is not null)
        {
            start.Environment["LD_PRELOAD"] = shim;
            start.Environment["TORTURE_ROOT"] = data;
            start.Environment["TORTURE_LOG"] = log;
            if (fault is not null) start.Environment["TORTURE_FAULT"] = fault;
            if (disk is not null) start.Environment["TORTURE_CONTROL"] = disk.Path;
        }

        return new HostProcess(Process.Start(start)!, new Uri($"http://127.0.0.1:{port}/"));
    }

    /// <summary>True once it answers; false when it ended by itself, or never got ready.</summary>
    public async Task<bool> ReadyAsync(CancellationToken cancellationToken)
    {
        using var client = new HttpClient { BaseAddress = Address, Timeout = TimeSpan.FromSeconds(5) };
        for (var i = 0; i < 2400 && !_process.HasExited; i++)
        {
            try
            {
                using var answer = await client.GetAsync(new Uri("health/ready", UriKind.Relative), cancellationToken);
                if (answer.StatusCode == HttpStatusCode.OK) return true;
            }
            catch (Exception error) when (error is HttpRequestException || (error is TaskCanceledException && !cancellationToken.IsCancellationRequested))
            {
                // Not listening yet, or no longer.
            }

            await Task.Delay(25, cancellationToken);
        }

        return false;
    }

    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync(CancellationToken.None);
    }

    /// <summary>What it said on standard error before it ended.</summary>
    public async Task<string> ErrorsAsync() => (await _errors).Trim();

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.Dispose();
    }
}
