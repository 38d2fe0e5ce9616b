using System.Security.Cryptography;
using Skylight.Archive.Sealing;
using Skylight.Core.Documents;
using Skylight.Core.Integrity;

namespace Skylight.Core.Maintenance;

/// <summary>The runs of an institution: started, paused, resumed, and carried on step by step.</summary>
public sealed class MaintenanceRuns(IDocuments documents, IEnumerable<IMaintenanceWork> works, TimeProvider time)
{
    private readonly Dictionary<MaintenanceKind, IMaintenanceWork> _works = works.ToDictionary(work => work.Kind);

    public ValueTask<Stored<MaintenanceRun>?> FindAsync(string institution, string id, CancellationToken cancellationToken) =>
        documents.GetAsync<MaintenanceRun>(Key(institution, id), cancellationToken);

    /// <summary>Newest last.</summary>
    public ValueTask<DocumentPage<MaintenanceRun>> ListAsync(string institution, int limit, string? continuation, CancellationToken cancellationToken) =>
        documents.ListAsync<MaintenanceRun>(institution, MaintenanceRun.Type, term: null, limit, continuation, cancellationToken);

    /// <summary>The run that was recorded for a request with this key; null when there is none.</summary>
    public async ValueTask<MaintenanceRun?> FindByKeyAsync(string institution, string key, CancellationToken cancellationToken) =>
        (await documents.ListAsync<MaintenanceRun>(institution, MaintenanceRun.Type, Keyed(key), 1, null, cancellationToken)).Items is [{ Value: var run }] ? run : null;

    /// <summary>Records a new run; whoever schedules it does so with <see cref="MaintenanceRun.InstanceId"/>. Null when one of this kind is running or paused.</summary>
    public async ValueTask<MaintenanceRun?> StartAsync(MaintenanceRequest request, CancellationToken cancellationToken)
    {
        var active = await documents.ListAsync<MaintenanceRun>(request.Institution, MaintenanceRun.Type, Active(request.Kind), 1, null, cancellationToken);
        if (active.Items.Count > 0) return null;
        var now = time.GetUtcNow();
        var run = new MaintenanceRun
        {
            // In order of time, so that a list is a history.
            Id = $"{now.ToUnixTimeMilliseconds():x12}{RandomNumberGenerator.GetHexString(8, lowercase: true)}",
            Institution = request.Institution,
            Kind = request.Kind,
            Depth = request.Depth,
            Algorithm = request.Algorithm,
            NewKeys = request.NewKeys,
            StartedAt = now,
            StartedBy = request.By,
            Key = request.Key,
            UpdatedAt = now,
        };
        await PutAsync(run, Match.None, cancellationToken);
        return run;
    }

    /// <summary>Those that should be going on: at most one of each kind.</summary>
    public async ValueTask<IReadOnlyList<MaintenanceRun>> RunningAsync(string institution, CancellationToken cancellationToken)
    {
        var running = new List<MaintenanceRun>();
        foreach (var kind in _works.Keys)
        {
            var active = await documents.ListAsync<MaintenanceRun>(institution, MaintenanceRun.Type, Active(kind), 1, null, cancellationToken);
            running.AddRange(active.Items.Select(item => item.Value).Where(run => run.State == MaintenanceState.Running));
        }

        return running;
    }

    /// <summary>Halts a run before its next step. Null when there is no such run; a run that is not running stays as it is.</summary>
    public ValueTask<MaintenanceRun?> PauseAsync(string institution, string id, CancellationToken cancellationToken) =>
        ChangeAsync(institution, id, run => run.State == MaintenanceState.Running ? run with { State = MaintenanceState.Paused } : run, cancellationToken);

    /// <summary>Lets a paused or failed run go on; it has to be scheduled again. Null when there is no such run.</summary>
    public ValueTask<MaintenanceRun?> ResumeAsync(string institution, string id, CancellationToken cancellationToken) => ChangeAsync(
        institution,
        id,
        run => run.State is MaintenanceState.Paused or MaintenanceState.Failed ? run with { State = MaintenanceState.Running, Attempt = run.Attempt + 1, EndedAt = null } : run,
        cancellationToken);

    /// <summary>Says that a step failed at every attempt.</summary>
    public ValueTask<MaintenanceRun?> FailAsync(string institution, string id, int attempt, CancellationToken cancellationToken) => ChangeAsync(
        institution,
        id,
        run => run.State == MaintenanceState.Running && run.Attempt == attempt ? run with { State = MaintenanceState.Failed, EndedAt = time.GetUtcNow() } : run,
        cancellationToken);

    /// <summary>Takes one bounded step. True while there is more to do in this attempt. Safe to repeat: a step that was not recorded is taken again.</summary>
    public async ValueTask<bool> StepAsync(string institution, string id, int attempt, CancellationToken cancellationToken)
    {
        if (await FindAsync(institution, id, cancellationToken) is not { Value: { State: MaintenanceState.Running } run } stored || run.Attempt != attempt) return false;
        var next = await _works[run.Kind].StepAsync(run, cancellationToken) with { UpdatedAt = time.GetUtcNow() };
        if (next.State == MaintenanceState.Completed) next = next with { EndedAt = next.UpdatedAt };
        try
        {
            await PutAsync(next, Match.Version(stored.ETag), cancellationToken);
        }
        catch (DocumentConflictException)
        {
            // Paused meanwhile, or another process took the same step: the record says how it goes on.
            return true;
        }

        return next.State == MaintenanceState.Running;
    }

    private async ValueTask<MaintenanceRun?> ChangeAsync(string institution, string id, Func<MaintenanceRun, MaintenanceRun> change, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (await FindAsync(institution, id, cancellationToken) is not { } stored) return null;
            var next = change(stored.Value);
            if (ReferenceEquals(next, stored.Value)) return next;
            try
            {
                next = next with { UpdatedAt = time.GetUtcNow() };
                await PutAsync(next, Match.Version(stored.ETag), cancellationToken);
                return next;
            }
            catch (DocumentConflictException)
            {
                // A step was recorded in between: change what it has become.
            }
        }
    }

    private async ValueTask PutAsync(MaintenanceRun run, Match match, CancellationToken cancellationToken) => await documents.PutAsync(
        Key(run.Institution, run.Id), run, match, [.. run.State is MaintenanceState.Running or MaintenanceState.Paused ? (string[])[Active(run.Kind)] : [], .. run.Key is { } key ? (string[])[Keyed(key)] : []],
        cancellationToken);

    private static string Active(MaintenanceKind kind) => $"active:{kind}";

    private static string Keyed(string key) => $"key:{key}";

    private static DocumentKey Key(string institution, string id) => new(institution, MaintenanceRun.Type, id);
}

/// <summary>What an administrator asks for.</summary>
/// <param name="By">Account that asks.</param>
public sealed record MaintenanceRequest(string Institution, MaintenanceKind Kind, string By)
{
    public VerifyDepth Depth { get; init; } = VerifyDepth.Deep;

    public SealAlgorithm Algorithm { get; init; } = SealAlgorithm.Aes256Gcm;

    public bool NewKeys { get; init; } = true;

    /// <summary>The same for a request that is sent again; null: each is its own.</summary>
    public string? Key { get; init; }
}

/// <summary>One kind of work that goes on in steps.</summary>
public interface IMaintenanceWork
{
    MaintenanceKind Kind { get; }

    /// <summary>
    /// Does the next piece, of seconds rather than minutes, and answers the run as it then is; <see cref="MaintenanceState.Completed"/> at the end. It may be
    /// called again for the same piece, after a crash.
    /// </summary>
    Task<MaintenanceRun> StepAsync(MaintenanceRun run, CancellationToken cancellationToken);
}
