using System.Globalization;

namespace Skylight.Torture;

/// <summary>Settings of a run.</summary>
/// <param name="Kills">How often the host is killed.</param>
/// <param name="Seed">Of everything that is left to chance here; the host's own timing is not.</param>
/// <param name="Work">Where the folders lie; what went wrong is kept there.</param>
/// <param name="KillsPerFolder">After so many kills a new data folder is begun.</param>
public sealed record TortureOptions(int Kills, int Seed, string Work, int KillsPerFolder = 20);

/// <summary>What a run has shown. All is well when nothing is lost, nothing partial, and nothing failed.</summary>
public sealed record TortureResult(int Kills, int PowerCuts, int Faults, long Operations, int Acknowledged, int Lost, int Partial, int Failures)
{
    public bool Ok => Lost == 0 && Partial == 0 && Failures == 0;

    /// <summary>The line that a run ends with.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"kills {Kills}, acknowledged {Acknowledged}, lost {Lost}, partial {Partial}");
}

/// <summary>
/// Kills the host at random points while it takes instances in, some time with the power: then the folder becomes what a disk may hold that kept only what
/// was fsynced. After each restart everything that was acknowledged must be there.
/// </summary>
public sealed class TortureRun(TortureOptions options, Action<string> say)
{
    private const int Senders = 4;

    private readonly Random _random = new(options.Seed);
    private readonly HashSet<string> _lost = new(StringComparer.Ordinal);
    private readonly HashSet<string> _partial = new(StringComparer.Ordinal);
    private readonly int _port = HostProcess.FreePort();
    private int _kills;
    private int _cuts;
    private int _faults;
    private int _failures;
    private int _acknowledged;
    private long _operations;

    /// <summary>Why torture cannot be run on this machine; null when it can.</summary>
    public static string? Unavailable() => Shim.Unavailable();

    public async Task<TortureResult> RunAsync(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(options.Work);
        var shim = await Shim.CompileAsync(options.Work, cancellationToken);
        for (var epoch = 1; _kills < options.Kills; epoch++) await EpochAsync(epoch, shim, cancellationToken);
        return new TortureResult(_kills, _cuts, _faults, _operations, _acknowledged, _lost.Count, _partial.Count, _failures);
    }

    private async Task EpochAsync(int epoch, string shim, CancellationToken cancellationToken)
    {
        var ledger = new Ledger(options.Seed, epoch);
        var data = Path.Combine(options.Work, "data");
        Clear(data);
        var logins = await FirstStartAsync(data, cancellationToken);
        for (var round = 0; round < options.KillsPerFolder && _kills < options.Kills; round++) await RoundAsync(ledger, data, shim, logins, cancellationToken);

        // The last state is looked at as the others were, and read back whole.
        await CheckAsync(ledger, data, cancellationToken);
        using var host = HostProcess.Start(data, _port, null, null, null);
        if (await host.ReadyAsync(cancellationToken)) await ReadBackAsync(host, ledger, data, logins, sample: null, cancellationToken);
        else await FailAsync($"the host does not start any more: {await EndAsync(host)}", data);
        await host.KillAsync();
        _acknowledged += ledger.Acknowledged;
        Clear(data);
    }

    /// <summary>Makes accounts and keys in peace: what is killed later is a host in service.</summary>
    private async Task<Logins> FirstStartAsync(string data, CancellationToken cancellationToken)
    {
        using var host = HostProcess.Start(data, _port, null, null, null);
        if (!await host.ReadyAsync(cancellationToken)) throw new InvalidOperationException($"The host does not start: {await EndAsync(host)}");
        var logins = await Client.SignInAsync(host.Address, data, cancellationToken);
        await host.KillAsync();
        return logins;
    }

    private async Task RoundAsync(Ledger ledger, string data, string shim, Logins logins, CancellationToken cancellationToken)
    {
        var (before, log) = (Path.Combine(options.Work, "before"), Path.Combine(options.Work, "operations"));
        Copy(data, before);
        File.Delete(log);
        var fault = _random.Next(4) == 0 ? Fault() : null;
        var powerCut = _random.Next(2) == 0;
        var early = _random.Next(8) == 0;
        var acknowledged = ledger.Acknowledged;
        var check = CheckAsync(ledger, before, cancellationToken);
        using (var host = HostProcess.Start(data, _port, shim, log, fault))
        {
            if (early) await Task.Delay(_random.Next(150, 2500), cancellationToken);
            else if (await host.ReadyAsync(cancellationToken)) await LoadAsync(host, ledger, data, logins, fault is not null, cancellationToken);
            else if (fault is null) await FailAsync($"the host does not start any more: {await EndAsync(host)}", before);
            await host.KillAsync();
        }

        await check;
        _kills++;
        if (fault is not null) _faults++;
        var operations = 0;
        if (powerCut && File.Exists(log))
        {
            _cuts++;
            var cut = PowerCut.Play(data, before, OperationLog.Read(log));
            operations = cut.Operations;
            _operations += operations;
            Clear(data);
            cut.Write(data, _random);
        }

        say(string.Create(
            CultureInfo.InvariantCulture,
            $"kill {_kills}: {ledger.Acknowledged - acknowledged} acknowledged{(early ? ", while starting" : "")}{(fault is null ? "" : $", fault {fault}")}{(powerCut ? $", power cut after {operations} operations" : "")}"));
    }

    private async Task LoadAsync(HostProcess host, Ledger ledger, string data, Logins logins, bool faulty, CancellationToken cancellationToken)
    {
        if (!faulty && _random.Next(4) == 0) await ReadBackAsync(host, ledger, data, logins, sample: 60, cancellationToken);
        using var client = Client.Of(host.Address, logins);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var seeds = Enumerable.Range(0, Senders).Select(_ => _random.Next()).ToArray();
        var senders = seeds.Select(seed => Task.Run(() => client.SendAsync(ledger, new Random(seed), stop.Token), cancellationToken)).ToArray();

        // After so many acknowledgements and a moment more; after a while in any case, since a host with a fault may acknowledge nothing.
        var wanted = ledger.Acknowledged + _random.Next(1, 150);
        for (var waited = 0; ledger.Acknowledged < wanted && waited < (faulty ? 500 : 4000) && !host.HasExited; waited++) await Task.Delay(5, cancellationToken);
        await Task.Delay(_random.Next(0, 40), cancellationToken);

        // Now and then the senders pause, so that the journal is drained and merged in a quiet moment, and the kill comes into that.
        if (_random.Next(4) == 0)
        {
            await stop.CancelAsync();
            await Task.Delay(_random.Next(800, 3500), cancellationToken);
        }

        await host.KillAsync();
        await Task.WhenAll(senders);
    }

    /// <summary>Everything listed must be whole; everything acknowledged must be listed and whole.</summary>
    private async Task ReadBackAsync(HostProcess host, Ledger ledger, string data, Logins logins, int? sample, CancellationToken cancellationToken)
    {
        using var client = Client.Of(host.Address, logins);
        var listed = new HashSet<string>(StringComparer.Ordinal);
        foreach (var study in ledger.Studies)
        {
            if (await client.ListAsync(study, cancellationToken) is { } instances) listed.UnionWith(instances);
            else await FailAsync("a study cannot be listed", data);
        }

        foreach (var sent in ledger.Instances.Values)
            if (sent.Acknowledged && !listed.Contains(sent.Instance)) _lost.Add(sent.Instance);
        IEnumerable<string> read = sample is { } count ? listed.OrderBy(_ => _random.Next()).Take(count) : listed;
        await Parallel.ForEachAsync(read, new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = cancellationToken }, async (instance, token) =>
        {
            if (ledger.Instances.TryGetValue(instance, out var sent) && await client.ReadAsync(sent, token)) return;
            lock (_partial)
            {
                if (sent is { Acknowledged: true }) _lost.Add(instance);
                _partial.Add(instance);
            }
        });
    }

    private async Task CheckAsync(Ledger ledger, string folder, CancellationToken cancellationToken)
    {
        // Sent while this check runs is not in the copy: what had been promised before it was made is what counts.
        var promised = new Ledger(0, 0);
        foreach (var sent in ledger.Instances.Values) promised.Instances[sent.Instance] = sent with { };
        var copy = Path.Combine(options.Work, "check");
        Copy(folder, copy);
        var result = await Check.RunAsync(copy, promised, cancellationToken);
        lock (_partial)
        {
            _lost.UnionWith(result.Lost);
            _partial.UnionWith(result.Partial);
        }

        if (result.Report is { } report)
            foreach (var finding in report.Findings.Where(item => item.IsError).Take(10)) say($"  {finding.Code} {finding.StudyKey} {finding.Object} {finding.Detail}");
        if (!result.Ok) await FailAsync(result.Failure ?? "skylight verify found errors", folder);
        Clear(copy);
    }

    private string Fault() => _random.Next(3) switch
    {
        0 => string.Create(CultureInfo.InvariantCulture, $"enospc:{_random.Next(400)}:{1 + _random.Next(60)}"),
        1 => string.Create(CultureInfo.InvariantCulture, $"eio-write:{_random.Next(400)}:{1 + _random.Next(3)}"),
        _ => string.Create(CultureInfo.InvariantCulture, $"eio-sync:{_random.Next(150)}:1"),
    };

    private Task FailAsync(string what, string folder)
    {
        var kept = Path.Combine(options.Work, string.Create(CultureInfo.InvariantCulture, $"failure-{++_failures}"));
        Copy(folder, kept);
        var log = Path.Combine(options.Work, "operations");
        if (File.Exists(log)) File.Copy(log, Path.Combine(kept, "operations"), overwrite: true);
        say($"FAILED after kill {_kills}: {what} (kept in {kept})");
        return Task.CompletedTask;
    }

    private static async Task<string> EndAsync(HostProcess host)
    {
        if (!host.HasExited) await host.KillAsync();
        return await host.ErrorsAsync();
    }

    private static void Clear(string folder)
    {
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
    }

    private static void Copy(string from, string to)
    {
        Clear(to);
        Directory.CreateDirectory(to, File.GetUnixFileMode(from));
        foreach (var entry in new DirectoryInfo(from).EnumerateFileSystemInfos())
        {
            var target = Path.Combine(to, entry.Name);
            if (entry is DirectoryInfo) Copy(entry.FullName, target);
            else if (entry.Name != "lock") File.Copy(entry.FullName, target);
        }
    }
}
