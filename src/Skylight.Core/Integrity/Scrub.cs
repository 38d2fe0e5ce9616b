using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Events;
using Skylight.Core.Institutions;
using Skylight.Core.Lifecycle;
using Skylight.Core.Studies;

namespace Skylight.Core.Integrity;

/// <summary>One object that a scrub found wanting. A document of type <c>damage</c>, partition = institution.</summary>
/// <param name="Copy">Which copy: <c>first</c>, <c>replica</c> or <c>both</c>.</param>
/// <param name="Fault">What was wrong with it.</param>
/// <param name="RepairedAt">When the other copy took its place; null while it is not mended.</param>
public sealed record DamageRecord(int V, string Institution, string StudyKey, string Object, string Copy, string Fault, DateTimeOffset FoundAt, DateTimeOffset? RepairedAt)
{
    public const string Type = "damage";
}

/// <summary>How far a scrub has got. A document of type <c>scrub</c>.</summary>
public sealed record ScrubPosition(int V, string Institution, string StudyKey, DateTimeOffset PassStartedAt, long Objects, long Bytes, long Damaged, long Repaired, bool Resting);

/// <summary>
/// Re-reads every object of every study and checks that it is what was written, both copies where there are two, at a bounded rate; its position outlives the
/// host. A copy that is damaged or missing is replaced from the other when that is whole; what cannot be mended is reported and left as it is.
/// </summary>
public sealed class Scrub : IDisposable
{
    private static readonly DocumentKey s_position = new("platform", "scrub", "position");

    private readonly StudyWalk _walk;
    private readonly IDocuments _documents;
    private readonly IObjectStore _store;
    private readonly IObjectStore? _replica;
    private readonly ObjectCheck _check;
    private readonly IEventPublisher _events;
    private readonly ScrubOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<Scrub> _logger;
    private readonly Counter<long> _bytes;
    private readonly Counter<long> _objects;
    private readonly SemaphoreSlim _mending = new(1, 1);

    public Scrub(
        ICatalog catalog, InstitutionDirectory institutions, StudyParts parts, IDocuments documents, IObjectStore store, StudyKeys keys, IEventPublisher events, IOptions<ScrubOptions> options,
        TimeProvider time, IMeterFactory meters, ILogger<Scrub> logger, [FromKeyedServices(Replica.Service)] IObjectStore? replica = null)
    {
        (_documents, _store, _replica, _events, _options, _time, _logger) = (documents, MirroredObjectStore.FirstOf(store).InPlace, replica, events, options.Value, time, logger);
        _walk = new StudyWalk(catalog, institutions, parts, store);
        _check = new ObjectCheck(keys);
        var meter = meters.Create("Skylight.Scrub");
        _bytes = meter.CreateCounter<long>("skylight.scrub.bytes", "By", "Bytes read again.");
        _objects = meter.CreateCounter<long>("skylight.scrub.objects", "{object}", "Objects read again, by what they were found to be.");
    }

    public void Dispose() => _mending.Dispose();

    /// <summary>Goes on for a bounded time, at the configured rate. Answers where it then stands.</summary>
    public async Task<ScrubPosition> StepAsync(CancellationToken cancellationToken)
    {
        var now = _time.GetUtcNow();
        var position = (await _documents.GetAsync<ScrubPosition>(s_position, cancellationToken))?.Value ?? new ScrubPosition(1, "", "", now, 0, 0, 0, 0, false);
        if (!_options.Scrub) return position;
        if (position.Resting)
        {
            if (now - position.PassStartedAt < TimeSpan.FromDays(_options.ScrubEveryDays)) return position;
            position = new ScrubPosition(1, "", "", now, 0, 0, 0, 0, false);
        }

        var started = _time.GetTimestamp();
        var pace = new Pace(_options.ScrubBytesPerSecond, _time);
        while (_time.GetElapsedTime(started) < TimeSpan.FromSeconds(_options.StepSeconds))
        {
            if (await _walk.NextAsync(position.Institution, position.StudyKey, cancellationToken) is not { } next)
            {
                position = position with { Resting = true };
                Log.Scrubbed(_logger, position.Objects, position.Bytes, position.Damaged, position.Repaired);
                break;
            }

            position = await StudyAsync(next, position, pace, cancellationToken) with { Institution = next.Institution, StudyKey = next.StudyKey };
        }

        await _documents.PutAsync(s_position, position, Match.Any, [], cancellationToken);
        return position;
    }

    /// <summary>Scrubs one study now. Answers how many of its objects are not whole afterwards.</summary>
    public async Task<int> StudyAsync(string institution, string studyKey, CancellationToken cancellationToken)
    {
        var position = await StudyAsync(new StudyReference(institution, studyKey), new ScrubPosition(1, "", "", _time.GetUtcNow(), 0, 0, 0, 0, false), new Pace(long.MaxValue, _time), cancellationToken);
        return (int)(position.Damaged - position.Repaired);
    }

    /// <summary>
    /// Looks at one object that a reader has found damaged, and mends it where that is due. True when its first copy is whole afterwards.
    /// </summary>
    /// <exception cref="KeyUnavailableException">Its key is destroyed, or lost.</exception>
    public async Task<bool> ObjectAsync(string name, CancellationToken cancellationToken)
    {
        if (_replica is null) return false;
        var (institution, studyKey) = ObjectName.Owner(name);
        var first = await _check.ReadAsync(_store, name, cancellationToken);
        if (first.State is CopyState.Whole or CopyState.Archived) return first.State == CopyState.Whole;
        return await JudgeAsync(new StudyReference(institution, studyKey), name, first, await _check.ReadAsync(_replica, name, cancellationToken), cancellationToken) ?? false;
    }

    private async Task<ScrubPosition> StudyAsync(StudyReference study, ScrubPosition position, Pace pace, CancellationToken cancellationToken)
    {
        foreach (var name in await _walk.NamesAsync(study.Institution, study.StudyKey, listed: true, cancellationToken))
        {
            try
            {
                var first = await _check.ReadAsync(_store, name, cancellationToken);
                var second = _replica is null ? (State: first.State, Bytes: 0L, Fault: null) : await _check.ReadAsync(_replica, name, cancellationToken);
                var bytes = first.Bytes + second.Bytes;
                _bytes.Add(bytes);
                position = position with { Objects = position.Objects + 1, Bytes = position.Bytes + bytes };
                await pace.TookAsync(bytes, cancellationToken);
                if (await JudgeAsync(study, name, first, second, cancellationToken) is { } mended)
                    position = position with { Damaged = position.Damaged + 1, Repaired = position.Repaired + (mended ? 1 : 0) };
            }
            catch (KeyUnavailableException error)
            {
                // Erased meanwhile, or a lost key: the verification tells the two apart.
                Log.ScrubKey(_logger, name, error.Fault);
            }
        }

        return position;
    }

    /// <summary>Null when nothing is wrong; else whether it is mended.</summary>
    private async ValueTask<bool?> JudgeAsync(
        StudyReference study, string name, (CopyState State, long Bytes, string? Fault) first, (CopyState State, long Bytes, string? Fault) second, CancellationToken cancellationToken)
    {
        var firstBad = first.State is CopyState.Damaged or CopyState.Missing;
        var secondBad = _replica is not null && second.State is CopyState.Damaged or CopyState.Missing;
        _objects.Add(1, new KeyValuePair<string, object?>("state", firstBad ? "damaged" : "whole"));
        if (!firstBad && !secondBad) return null;
        if (first.State == CopyState.Missing && !await IsNamedAsync(study, name, cancellationToken)) return null;
        var canMend = _replica is not null && (first.State == CopyState.Whole || second.State == CopyState.Whole);
        var mended = canMend && await MendAsync(study, name, firstBad ? _replica! : _store, firstBad ? _store : _replica!, cancellationToken);

        // A copy that the replica has not got yet is its sweep's matter, and no damage; what is being erased is nobody's.
        if (!firstBad && second.State == CopyState.Missing) return null;
        if (!mended && await IsBeingErasedAsync(study, cancellationToken)) return null;
        await ReportAsync(study, name, firstBad ? secondBad && _replica is not null ? "both" : "first" : "replica", (firstBad ? first : second).Fault ?? "missing", mended, cancellationToken);
        return mended;
    }

    /// <summary>
    /// Replaces a copy from the whole one, unless somebody else has meanwhile. What is being erased stays as it is, and what was erased or replaced while this
    /// wrote goes again: nothing that the study no longer names comes back. True when the copy is whole afterwards.
    /// </summary>
    private async ValueTask<bool> MendAsync(StudyReference study, string name, IObjectStore whole, IObjectStore bad, CancellationToken cancellationToken)
    {
        await _mending.WaitAsync(cancellationToken);
        try
        {
            if ((await _check.ReadAsync(bad, name, cancellationToken)).State == CopyState.Whole) return true;
            if (await IsBeingErasedAsync(study, cancellationToken)) return false;
            var named = await IsNamedAsync(study, name, cancellationToken);
            await ObjectCheck.MendAsync(whole, bad, name, cancellationToken);
            if (!await IsBeingErasedAsync(study, cancellationToken) && (!named || await IsNamedAsync(study, name, cancellationToken)))
                return (await _check.ReadAsync(bad, name, cancellationToken)).State == CopyState.Whole;
            await bad.DeleteAsync(name, cancellationToken);
            await bad.DeleteAsync(ObjectCheck.Kept + name, cancellationToken);
            return false;
        }
        finally
        {
            _mending.Release();
        }
    }

    private ValueTask<bool> IsBeingErasedAsync(StudyReference study, CancellationToken cancellationToken) =>
        ErasureRequests.IsRunningAsync(_documents, study.Institution, study.StudyKey, cancellationToken);

    /// <summary>An object that is not there is damage only where the study still names it.</summary>
    private async ValueTask<bool> IsNamedAsync(StudyReference study, string name, CancellationToken cancellationToken) =>
        (await _walk.NamesAsync(study.Institution, study.StudyKey, listed: false, cancellationToken)).Contains(name);

    private async ValueTask ReportAsync(StudyReference study, string name, string copy, string fault, bool mended, CancellationToken cancellationToken)
    {
        var now = _time.GetUtcNow();
        if (mended) Log.Mended(_logger, name, copy, fault);
        else Log.Damaged(_logger, name, copy, fault);
        var record = new DamageRecord(1, study.Institution, study.StudyKey, name, copy, fault, now, mended ? now : null);
        await _documents.PutAsync(new DocumentKey(study.Institution, DamageRecord.Type, name.Replace('/', '.')), record, Match.Any, [mended ? "repaired" : "damaged"], cancellationToken);
        await _events.PublishAsync(
            [
                new SkylightEvent(
                    RandomNumberGenerator.GetHexString(32, lowercase: true), $"/institutions/{study.Institution}", mended ? "archive.object-repaired" : "archive.object-damaged", $"studies/{study.StudyKey}", now,
                    JsonSerializer.SerializeToElement(new { V = 1, study.StudyKey, Object = name, Copy = copy, Fault = fault }, DocumentJson.Options)),
            ],
            cancellationToken);
    }
}
