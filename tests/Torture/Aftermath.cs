using System.Globalization;

namespace Skylight.Torture;

/// <summary>Waits until everything that the host has taken on is done: uploads stored, erasures carried out, maintenance and tier sweeps ended.</summary>
internal sealed class Aftermath(Client client, Ledger ledger, string data)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);

    /// <summary>Answers what did not come to its end.</summary>
    /// <param name="faulty">Some disk faults were injected: then work may have failed for good, and an administrator lets it go on.</param>
    public async Task<IReadOnlyList<string>> EndAsync(bool faulty, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        var (load, failed) = (new Load(client, ledger), new List<string>());
        try
        {
            foreach (var upload in ledger.Uploads.Values)
                if (await WaitAsync(() => load.FollowAsync(upload, patience.Token), patience.Token) == Progress.Failed && !faulty) failed.Add($"upload {upload.Id} has failed");
            foreach (var erasure in ledger.Erasures.Values)
                if (await WaitAsync(() => load.FollowAsync(erasure, patience.Token), patience.Token) == Progress.Failed) failed.Add($"erasure {erasure.Id} has failed");
            if (await WaitAsync(() => MaintenanceAsync(faulty, patience.Token), patience.Token) == Progress.Failed) failed.Add("a rotation or re-encryption has failed");
            await WaitAsync(() => Task.FromResult(UnderWay.Of(data).Count == 0 ? Progress.Done : Progress.UnderWay), patience.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            failed.Add(string.Create(CultureInfo.InvariantCulture, $"after {Patience.TotalMinutes} minutes {ledger.Uploads.Count} uploads, {ledger.Erasures.Count} erasures maintenance or tier sweeps do not go on"));
        }

        return failed;
    }

    private static async Task<Progress> WaitAsync(Func<Task<Progress>> look, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (await look() is not Progress.UnderWay and var end) return end;
            await Task.Delay(Look, cancellationToken);
        }
    }

    private async Task<Progress> MaintenanceAsync(bool faulty, CancellationToken cancellationToken)
    {
        if (await Client.GetAsync(client.Security, "api/maintenance?limit=200", cancellationToken) is not { } list) return Progress.UnderWay;
        var (open, errors) = (0, false);
        foreach (var run in list.GetProperty("items").EnumerateArray())
        {
            var state = run.GetProperty("state").GetString();
            errors |= run.GetProperty("errors").GetInt64() > 0;
            if (state == "completed") continue;
            open++;
            if (state == "failed" && !faulty) return Progress.Failed;

            // A host that died between recording a run and scheduling it leaves that to a timer; an administrator need not wait for it.
            using var resumed = await client.Security.PostAsync(new Uri($"api/maintenance/{run.GetProperty("id").GetString()}/resume", UriKind.Relative), null, cancellationToken);
        }

        return open > 0 ? Progress.UnderWay : errors ? Progress.Failed : Progress.Done;
    }
}
