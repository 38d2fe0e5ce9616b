using System.Diagnostics;
using System.Text.RegularExpressions;
using Skylight.Torture;

namespace Skylight.EndToEnd.Tests.Torture;

/// <summary>The real host on a disk that a test fills, or that does not give back what was written; with a client, and what was acknowledged to it.</summary>
internal sealed class BadDiskHost : IAsyncDisposable
{
    private readonly string _work = Directory.CreateTempSubdirectory("skylight-bad-disk-").FullName;
    private readonly string[] _settings;
    private readonly int _port = HostProcess.FreePort();
    private readonly CancellationTokenSource _patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
    private string _shim = "";
    private HostProcess? _host;
    private Logins? _logins;
    private Client? _client;

    /// <param name="replica">With a second copy of every object.</param>
    /// <param name="floor">Bytes below which nothing new is taken in.</param>
    public BadDiskHost(bool replica, long floor = 0)
    {
        Disk = new DiskControl(Path.Combine(_work, "control"));
        var bytes = floor.ToString(System.Globalization.CultureInfo.InvariantCulture);
        _settings =
        [
            .. replica ? (string[])["--Skylight:Replica:Folder", Replica] : [],
            .. floor > 0 ? (string[])["--Skylight:Journal:MinFreeBytes", bytes, "--Skylight:Objects:MinFreeBytes", bytes, "--Skylight:Uploads:FreeSpaceFloorBytes", bytes] : [],
        ];
        _patience.CancelAfter(TimeSpan.FromMinutes(5));
    }

    public DiskControl Disk { get; }

    public Ledger Ledger { get; } = new("8.1");

    public Client Client => _client!;

    public CancellationToken Token => _patience.Token;

    public string Data => Path.Combine(_work, "data");

    public string Objects => Path.Combine(Data, "objects");

    public string Replica => Path.Combine(_work, "replica");

    public async Task StartAsync()
    {
        if (_shim.Length == 0) _shim = await Shim.CompileAsync(_work, Token);
        Directory.CreateDirectory(Data);
        _host = HostProcess.Start(Data, _port, _shim, "/dev/null", null, disk: Disk, more: _settings);
        Assert.True(await _host.ReadyAsync(Token), "the host does not start");
        _logins ??= await Client.SignInAsync(_host.Address, Data, Token);
        _client = Client.Of(_host.Address, _logins);
    }

    public async Task StopAsync()
    {
        if (_host is null) return;
        await _host.KillAsync();
        _host.Dispose();
        _client?.Dispose();
        (_host, _client) = (null, null);
    }

    /// <summary>Sealed objects under a folder, by their names; what is being written, and what was kept of damaged ones, aside.</summary>
    public static HashSet<string> NamesIn(string folder) => !Directory.Exists(folder) ? [] :
        [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(folder, file)).Where(name => name[0] != '.' && !name.StartsWith("damaged/", StringComparison.Ordinal))];

    /// <summary>True when everything acknowledged comes back as it was sent.</summary>
    public async Task<bool> AllReadAsync()
    {
        foreach (var sent in Ledger.Instances.Values.Where(sent => sent.MustBeThere))
            if (!await Client.ReadAsync(sent, Token)) return false;
        return true;
    }

    /// <summary>Waits until the condition holds: for a state, however long it takes to come.</summary>
    public async Task UntilAsync(Func<Task<bool>> holds)
    {
        while (!await holds()) await Task.Delay(100, Token);
    }

    /// <summary>The sum of a metric over its labels.</summary>
    public async Task<double> MetricAsync(string name)
    {
        var text = await Client.Anonymous.GetStringAsync(new Uri(_host!.Address, "metrics"), Token);
        return Regex.Matches(text, $@"^{Regex.Escape(name)}(?:\S*) ([0-9.e+]+)", RegexOptions.Multiline).Sum(match => double.Parse(match.Groups[1].ValueSpan, System.Globalization.CultureInfo.InvariantCulture));
    }

    /// <summary>Exit code and output of <c>skylight verify</c> on the folder of a host that is not running, on the disk as it is.</summary>
    public async Task<(int Code, string Output)> VerifyAsync()
    {
        Assert.Null(_host);
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in (string[])[Path.Combine(AppContext.BaseDirectory, "skylight.dll"), "verify", "--data", Data]) start.ArgumentList.Add(argument);
        (start.Environment["LD_PRELOAD"], start.Environment["TORTURE_ROOT"], start.Environment["TORTURE_LOG"], start.Environment["TORTURE_CONTROL"]) = (_shim, Data, "/dev/null", Disk.Path);
        using var verify = Process.Start(start)!;
        var errors = verify.StandardError.ReadToEndAsync(Token);
        var output = await verify.StandardOutput.ReadToEndAsync(Token);
        await verify.WaitForExitAsync(Token);
        return (verify.ExitCode, output + await errors);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Disk.Dispose();
        _patience.Dispose();
        Directory.Delete(_work, recursive: true);
    }
}
