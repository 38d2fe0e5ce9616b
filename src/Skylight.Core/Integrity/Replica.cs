using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Institutions;
using Skylight.Core.Studies;

namespace Skylight.Core.Integrity;

/// <summary>
/// Keeps a second copy of every object that a study names, in the store registered under the key <see cref="Service"/>, where there is one: at once when a study
/// announces a change, and in a sweep over all studies, whose position is kept. Only whole objects are copied; what is passed over is counted.
/// </summary>
public sealed class Replica
{
    /// <summary>Key of the second object store: another folder, another storage account.</summary>
    public const string Service = "replica";

    private static readonly DocumentKey s_position = new("platform", "replica", "position");

    private readonly StudyWalk _walk;
    private readonly IDocuments _documents;
    private readonly IObjectStore _store;
    private readonly IObjectStore? _replica;
    private readonly ObjectCheck _check;
    private readonly ScrubOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<Replica> _logger;
    private readonly Counter<long> _copied;
    private Position? _last;

    public Replica(
        ICatalog catalog, InstitutionDirectory institutions, StudyParts parts, IDocuments documents, IObjectStore store, StudyKeys keys, IOptions<ScrubOptions> options, TimeProvider time,
        IMeterFactory meters, ILogger<Replica> logger, [FromKeyedServices(Service)] IObjectStore? replica = null)
    {
        (_documents, _store, _replica, _options, _time, _logger) = (documents, MirroredObjectStore.FirstOf(store).InPlace, replica, options.Value, time, logger);
        _walk = new StudyWalk(catalog, institutions, parts, store);
        _check = new ObjectCheck(keys);
        var meter = meters.Create("Skylight.Replica");
        _copied = meter.CreateCounter<long>("skylight.replica.copied", "{object}", "Objects copied to the replica.");
        if (replica is null) return;
        meter.CreateObservableGauge(
            "skylight.replica.lag", () => _last?.CompleteAt is { } complete ? (_time.GetUtcNow() - complete).TotalSeconds : double.NaN, "s",
            "Everything stored before that long ago has its second copy, or is counted in skylight.replica.passed_over.");
        meter.CreateObservableGauge(
            "skylight.replica.passed_over", () => _last?.LastPass is { } pass ? [Counted(pass.Archived, "archived"), Counted(pass.Unreadable, "unreadable")] : Array.Empty<Measurement<int>>(), "{object}",
            "Objects without a second copy when the sweep last went through all studies: archived, or damaged or without their key.");
    }

    /// <summary>False when there is no second store: then nothing here does anything.</summary>
    public bool Exists => _replica is not null;

    /// <summary>Copies what the replica lacks of one study. Answers how many objects that were, and how many it still lacks.</summary>
    public async Task<ReplicaCopies> CopyStudyAsync(string institution, string studyKey, CancellationToken cancellationToken)
    {
        if (_replica is null) return default;
        var copies = default(ReplicaCopies);
        foreach (var name in await _walk.NamesAsync(institution, studyKey, listed: false, cancellationToken))
        {
            if (await _replica.GetLengthAsync(name, cancellationToken) is not null) continue;
            copies += await CopyAsync(_replica, name, cancellationToken);
        }

        _copied.Add(copies.Copied);
        return copies;
    }

    private async ValueTask<ReplicaCopies> CopyAsync(IObjectStore replica, string name, CancellationToken cancellationToken)
    {
        try
        {
            switch ((await _check.ReadAsync(_store, name, cancellationToken)).State)
            {
                case CopyState.Whole:
                    return new ReplicaCopies(await ObjectCheck.CopyAsync(_store, replica, name, name, cancellationToken) > 0 ? 1 : 0, 0, 0);
                case CopyState.Archived:
                    return new ReplicaCopies(0, 1, 0);
                case CopyState.Missing:
                    return await MissingAsync(name, cancellationToken);
                default:
                    // A damaged object must not become two; the scrub reports it.
                    return new ReplicaCopies(0, 0, 1);
            }
        }
        catch (ObjectMissingException)
        {
            return await MissingAsync(name, cancellationToken);
        }
        catch (KeyUnavailableException)
        {
            return new ReplicaCopies(0, 0, 1);
        }
    }

    /// <summary>Replaced or erased since the study was read, or lost.</summary>
    private async ValueTask<ReplicaCopies> MissingAsync(string name, CancellationToken cancellationToken)
    {
        var (institution, studyKey) = ObjectName.Owner(name);
        return (await _walk.NamesAsync(institution, studyKey, listed: false, cancellationToken)).Contains(name) ? new ReplicaCopies(0, 0, 1) : default;
    }

    /// <summary>Goes on with the sweep for a bounded time. Answers how many objects were copied.</summary>
    public async Task<int> StepAsync(CancellationToken cancellationToken)
    {
        if (_replica is null) return 0;
        var started = _time.GetTimestamp();
        var stored = await _documents.GetAsync<Position>(s_position, cancellationToken);
        var position = stored?.Value ?? new Position(1, "", "", _time.GetUtcNow(), null);
        var copied = 0;
        while (_time.GetElapsedTime(started) < TimeSpan.FromSeconds(_options.StepSeconds))
        {
            if (await _walk.NextAsync(position.Institution, position.StudyKey, cancellationToken) is not { } next)
            {
                if (position.Pass is { Archived: > 0 } or { Unreadable: > 0 }) Log.PassedOver(_logger, position.Pass.Archived, position.Pass.Unreadable);
                position = new Position(1, "", "", _time.GetUtcNow(), position.PassStartedAt) { LastPass = position.Pass };
                break;
            }

            var copies = await CopyStudyAsync(next.Institution, next.StudyKey, cancellationToken);
            copied += copies.Copied;
            position = position with { Institution = next.Institution, StudyKey = next.StudyKey, Pass = position.Pass + copies };
        }

        _last = position;
        await _documents.PutAsync(s_position, position, Match.Any, [], cancellationToken);
        if (copied > 0) Log.Replicated(_logger, copied);
        return copied;
    }

    private static Measurement<int> Counted(int objects, string state) => new(objects, new KeyValuePair<string, object?>("state", state));

    /// <param name="CompleteAt">Everything stored before this has its second copy, but for what the last pass passed over.</param>
    private sealed record Position(int V, string Institution, string StudyKey, DateTimeOffset PassStartedAt, DateTimeOffset? CompleteAt)
    {
        /// <summary>Of the pass that is under way.</summary>
        public ReplicaCopies Pass { get; init; }

        /// <summary>Of the last whole pass; null before there was one.</summary>
        public ReplicaCopies? LastPass { get; init; }
    }
}

/// <summary>What became of objects that the replica lacked.</summary>
/// <param name="Archived">Without a second copy because they lie in the archive tier; they are copied when they are brought back.</param>
/// <param name="Unreadable">Without one because they are damaged, missing, or their key is not to be had.</param>
public readonly record struct ReplicaCopies(int Copied, int Archived, int Unreadable)
{
    public static ReplicaCopies operator +(ReplicaCopies one, ReplicaCopies other) => new(one.Copied + other.Copied, one.Archived + other.Archived, one.Unreadable + other.Unreadable);
}
