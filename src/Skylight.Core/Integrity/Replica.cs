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
/// announces a change, and in a sweep over all studies, whose position is kept. Only whole objects are copied.
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
    private DateTimeOffset? _complete;

    public Replica(
        ICatalog catalog, InstitutionDirectory institutions, StudyParts parts, IDocuments documents, IObjectStore store, StudyKeys keys, IOptions<ScrubOptions> options, TimeProvider time,
        IMeterFactory meters, ILogger<Replica> logger, [FromKeyedServices(Service)] IObjectStore? replica = null)
    {
        (_documents, _store, _replica, _options, _time, _logger) = (documents, MirroredObjectStore.FirstOf(store), replica, options.Value, time, logger);
        _walk = new StudyWalk(catalog, institutions, parts, store);
        _check = new ObjectCheck(keys);
        var meter = meters.Create("Skylight.Replica");
        _copied = meter.CreateCounter<long>("skylight.replica.copied", "{object}", "Objects copied to the replica.");
        if (replica is not null)
            meter.CreateObservableGauge("skylight.replica.lag", () => _complete is { } complete ? (_time.GetUtcNow() - complete).TotalSeconds : double.NaN, "s", "Everything stored before that long ago has its second copy.");
    }

    /// <summary>False when there is no second store: then nothing here does anything.</summary>
    public bool Exists => _replica is not null;

    /// <summary>Copies what the replica lacks of one study. Answers how many objects that were.</summary>
    public async Task<int> CopyStudyAsync(string institution, string studyKey, CancellationToken cancellationToken)
    {
        if (_replica is null) return 0;
        var copied = 0;
        foreach (var name in await _walk.NamesAsync(institution, studyKey, listed: false, cancellationToken))
        {
            if (await _replica.GetLengthAsync(name, cancellationToken) is not null) continue;
            try
            {
                // A damaged object must not become two; the scrub reports it.
                if ((await _check.ReadAsync(_store, name, cancellationToken)).State != CopyState.Whole) continue;
                if (await ObjectCheck.CopyAsync(_store, _replica, name, name, cancellationToken) > 0) copied++;
            }
            catch (Exception error) when (error is ObjectMissingException or KeyUnavailableException)
            {
                // Replaced or erased since the study was read.
            }
        }

        _copied.Add(copied);
        return copied;
    }

    /// <summary>Goes on with the sweep for a bounded time. Answers how many objects were copied.</summary>
    public async Task<int> StepAsync(CancellationToken cancellationToken)
    {
        if (_replica is null) return 0;
        var started = _time.GetTimestamp();
        var stored = await _documents.GetAsync<Position>(s_position, cancellationToken);
        var position = stored?.Value ?? new Position(1, "", "", _time.GetUtcNow(), null);
        _complete = position.CompleteAt;
        var copied = 0;
        while (_time.GetElapsedTime(started) < TimeSpan.FromSeconds(_options.StepSeconds))
        {
            if (await _walk.NextAsync(position.Institution, position.StudyKey, cancellationToken) is not { } next)
            {
                _complete = position.PassStartedAt;
                position = new Position(1, "", "", _time.GetUtcNow(), _complete);
                break;
            }

            copied += await CopyStudyAsync(next.Institution, next.StudyKey, cancellationToken);
            position = position with { Institution = next.Institution, StudyKey = next.StudyKey };
        }

        await _documents.PutAsync(s_position, position, Match.Any, [], cancellationToken);
        if (copied > 0) Log.Replicated(_logger, copied);
        return copied;
    }

    /// <param name="CompleteAt">Everything stored before this has its second copy.</param>
    private sealed record Position(int V, string Institution, string StudyKey, DateTimeOffset PassStartedAt, DateTimeOffset? CompleteAt);
}
