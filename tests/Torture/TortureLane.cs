using System.Globalization;

namespace Skylight.Torture;

/// <summary>One host after another in the same folder, each killed, and the folder looked at after every kill.</summary>
internal sealed class TortureLane(TortureOptions options, int lane, string shim, Func<int?> next, Action<string> say)
{
    private readonly Random _random = new((options.Seed * 100) + lane);
    private readonly string _work = Path.Combine(options.Work, string.Create(CultureInfo.InvariantCulture, $"{lane}"));
    private readonly Findings _findings = new();
    private readonly int _port = HostProcess.FreePort();
    private readonly SortedDictionary<string, int> _interrupted = new(StringComparer.Ordinal);
    private readonly Pieces _pieces = Pieces.None;
    private int _kills;
    private int? _next;
    private int _cuts;
    private int _faults;
    private int _failures;
    private int _acknowledged;
    private int _deleted;
    private int _erased;
    private long _operations;

    public async Task<TortureResult> RunAsync(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(_work);
        _next = next();
        for (var epoch = 1; _next is not null; epoch++) await EpochAsync(epoch, cancellationToken);
        return new TortureResult(_kills, _cuts, _faults, _operations, _acknowledged, _deleted, _erased, _interrupted, _pieces.Later.Count, _pieces.Between.Count, _findings.Lost, _findings.Partial, _failures);
    }

    private async Task EpochAsync(int epoch, CancellationToken cancellationToken)
    {
        var ledger = new Ledger($"{options.Seed}.{lane}.{epoch}");
        var data = Path.Combine(_work, "data");
        Folders.Clear(data);
        var logins = await FirstStartAsync(data, cancellationToken);
        var faults = _faults;
        for (var round = 0; round < options.KillsPerFolder && _next is not null; round++, _next = next()) await RoundAsync(ledger, data, logins, cancellationToken);

        // What was under way at the last kill ends first; then the folder is looked at as after every kill, and read back whole.
        using (var host = HostProcess.Start(data, _port, null, null, null))
        {
            if (await host.ReadyAsync(cancellationToken)) await EndAsync(host, ledger, data, logins, _faults > faults, cancellationToken);
            else Fail($"the host does not start any more: {await EndOfAsync(host)}", data);
            await host.KillAsync();
        }

        await CheckAsync(ledger, data, cancellationToken);
        _acknowledged += ledger.Acknowledged;
        _deleted += ledger.Instances.Values.Count(sent => sent.MustBeAbsent);
        _erased += ledger.Erased.Count;
        Folders.Clear(data);
    }

    /// <summary>Makes accounts and keys in peace: what is killed later is a host in service.</summary>
    private async Task<Logins> FirstStartAsync(string data, CancellationToken cancellationToken)
    {
        using var host = HostProcess.Start(data, _port, null, null, null);
        if (!await host.ReadyAsync(cancellationToken)) throw new InvalidOperationException($"The host does not start: {await EndOfAsync(host)}");
        var logins = await Client.SignInAsync(host.Address, data, cancellationToken);
        await host.KillAsync();
        return logins;
    }

    private async Task RoundAsync(Ledger ledger, string data, Logins logins, CancellationToken cancellationToken)
    {
        var (before, log) = (Path.Combine(_work, "before"), Path.Combine(_work, "operations"));
        Folders.Copy(data, before);
        File.Delete(log);

        // By the number of the kill, so that every run of so many kills has the same of each.
        var plan = new Random((options.Seed * 100_003) + _next!.Value);
        var fault = plan.Next(4) == 0 ? Fault(plan) : null;
        var powerCut = plan.Next(2) == 0;
        var early = plan.Next(8) == 0;
        var acknowledged = ledger.Acknowledged;
        var check = CheckAsync(ledger, before, cancellationToken);
        using (var host = HostProcess.Start(data, _port, shim, log, fault))
        {
            if (early) await Task.Delay(_random.Next(150, 1500), cancellationToken);
            else if (await host.ReadyAsync(cancellationToken)) await LoadAsync(host, ledger, data, logins, fault is not null, check, cancellationToken);
            else if (fault is null) Fail($"the host does not start any more: {await EndOfAsync(host)}", before);
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
            Folders.Clear(data);
            cut.Write(data, _random);
        }

        say(string.Create(
            CultureInfo.InvariantCulture,
            $"kill {_next}: {ledger.Acknowledged - acknowledged} acknowledged{(early ? ", while starting" : "")}{(fault is null ? "" : $", fault {fault}")}{(powerCut ? $", power cut after {operations} operations" : "")}"));
    }

    private async Task LoadAsync(HostProcess host, Ledger ledger, string data, Logins logins, bool faulty, Task check, CancellationToken cancellationToken)
    {
        if (!faulty && _random.Next(4) == 0) await ReadBackAsync(host, ledger, data, logins, sample: 30, cancellationToken);

        // The check took its copy of what is expected before; its findings are of no use to a round that has begun to change things.
        await check;
        using var client = Client.Of(host.Address, logins);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var wanted = ledger.Acknowledged + _random.Next(1, 60);
        var load = new Load(client, ledger).RunAsync(new Random(_random.Next()), stop.Token);

        // After so many acknowledgements and a moment more; after a while in any case, since a host with a fault may acknowledge nothing.
        for (var waited = 0; ledger.Acknowledged < wanted && waited < (faulty ? 300 : 4000) && !host.HasExited; waited++) await Task.Delay(5, cancellationToken);
        await Task.Delay(_random.Next(0, 40), cancellationToken);

        // Now and then the senders pause, so that the journal is drained and merged in a quiet moment, and the kill comes into that.
        if (_random.Next(5) == 0)
        {
            await stop.CancelAsync();
            await Task.Delay(_random.Next(800, 3000), cancellationToken);
        }

        await host.KillAsync();

        // An actor that waits for something to delete does not notice that the host is gone.
        await stop.CancelAsync();
        await load;
    }

    /// <summary>Everything that was taken on must come to its end after the restart, without being asked for again.</summary>
    private async Task EndAsync(HostProcess host, Ledger ledger, string data, Logins logins, bool faulty, CancellationToken cancellationToken)
    {
        using var client = Client.Of(host.Address, logins);
        foreach (var open in await new Aftermath(client, ledger, data).EndAsync(faulty, cancellationToken)) Fail(open, data);
        await ReadBackAsync(host, ledger, data, logins, sample: null, cancellationToken);
    }

    /// <summary>Everything listed must be whole; everything acknowledged must be listed and whole, and nothing else that was deleted.</summary>
    private async Task ReadBackAsync(HostProcess host, Ledger ledger, string data, Logins logins, int? sample, CancellationToken cancellationToken)
    {
        using var client = Client.Of(host.Address, logins);
        var listed = new HashSet<string>(StringComparer.Ordinal);
        foreach (var study in ledger.Studies)
        {
            if (await client.ListAsync(study, cancellationToken) is { } instances) listed.UnionWith(instances);
            else Fail("a study cannot be listed", data);
        }

        foreach (var sent in ledger.Instances.Values) _findings.Listed(sent, listed.Contains(sent.Instance));
        IEnumerable<string> read = sample is { } count ? listed.OrderBy(_ => _random.Next()).Take(count) : listed;
        await Parallel.ForEachAsync(read, new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = cancellationToken }, async (instance, token) =>
        {
            var sent = ledger.Instances.GetValueOrDefault(instance);
            if (sent is null || !await client.ReadAsync(sent, token)) _findings.NotWhole(instance, sent);
        });
    }

    private async Task CheckAsync(Ledger ledger, string folder, CancellationToken cancellationToken)
    {
        var (promised, copy) = (ledger.Copy(), Path.Combine(_work, "check"));
        Folders.Copy(folder, copy);
        var underWay = UnderWay.Of(copy);
        foreach (var (name, count) in underWay) _interrupted[name] = _interrupted.GetValueOrDefault(name) + count;
        var result = await Check.RunAsync(copy, promised, _findings, cancellationToken);
        _pieces.Later.UnionWith(result.Pieces.Later);
        if (underWay.Any(item => item.Name == "CompressionSweepV1")) _pieces.Between.UnionWith(result.Pieces.Between);
        if (result.Report is { } report)
            foreach (var finding in report.Findings.Where(item => item.IsError).Take(10)) say($"  {finding.Code} {finding.StudyKey} {finding.Object} {finding.Detail}");
        foreach (var wrong in result.Wrong.Take(10)) say($"  {wrong}");
        if (!result.Ok) Fail(result.Failure ?? "the folder is not what was promised", folder);
        Folders.Clear(copy);
    }

    private static string Fault(Random random) => random.Next(3) switch
    {
        0 => string.Create(CultureInfo.InvariantCulture, $"enospc:{random.Next(600)}:{1 + random.Next(60)}"),
        1 => string.Create(CultureInfo.InvariantCulture, $"eio-write:{random.Next(600)}:{1 + random.Next(3)}"),
        _ => string.Create(CultureInfo.InvariantCulture, $"eio-sync:{random.Next(200)}:1"),
    };

    private void Fail(string what, string folder)
    {
        var kept = Path.Combine(_work, string.Create(CultureInfo.InvariantCulture, $"failure-{++_failures}"));
        Folders.Copy(folder, kept);
        var log = Path.Combine(_work, "operations");
        if (File.Exists(log)) File.Copy(log, Path.Combine(kept, "operations"), overwrite: true);
        say($"FAILED after kill {_next ?? options.Kills}: {what} (kept in {kept})");
    }

    private static async Task<string> EndOfAsync(HostProcess host)
    {
        if (!host.HasExited) await host.KillAsync();
        return await host.ErrorsAsync();
    }
}
