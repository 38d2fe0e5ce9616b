using Microsoft.AspNetCore.Mvc;
using Skylight.Core.Access;

namespace Skylight.Functions.Access;

/// <summary>
/// The gate's answer. A handler starts with <c>if (admission.Refusal is { } refusal) return refusal;</c> and after that may rely on the rest.
/// The audit entry is durable already, but for one that is owed (<see cref="Gate.AdmitOwingAsync"/>).
/// </summary>
public sealed class Admission : IAsyncDisposable
{
    private readonly AccessResult? _result;
    private readonly AccessService? _access;
    private readonly HashSet<string> _recorded = new(StringComparer.Ordinal);
    private bool _owing;

    private Admission(IActionResult? refusal, Actor actor, AccessResult? result, AccessService? access)
    {
        (Refusal, Actor, _result, _access) = (refusal, actor, result, access);
        _owing = access is not null;
    }

    /// <summary>The answer to send when the request is refused: 401, 403, or the 404 of something that is not there.</summary>
    public IActionResult? Refusal { get; }

    /// <summary>Who asks; <see cref="Actor.Nobody"/> without a valid token.</summary>
    public Actor Actor { get; }

    /// <summary>The institution that the request is about: named in the route, else the actor's own.</summary>
    public string Institution => _result?.Object.Institution ?? Actor.Institution;

    /// <summary>What a search may show.</summary>
    public AccessScope Scope => _result?.Scope ?? AccessScope.Nothing;

    /// <summary>The object with its keys: <c>StudyKey</c> and <c>PatientKey</c> when one study was asked for.</summary>
    public ObjectRef Object => _result?.Object ?? throw new InvalidOperationException("A refused request has no object.");

    /// <summary>The decision with its obligations.</summary>
    public Decision Decision => _result?.Decision ?? throw new InvalidOperationException("A refused request has no decision.");

    /// <summary>Whether the actor may do something else to the same object: for what an admitted request may bring about beside its own purpose. Not recorded.</summary>
    public bool MayAlso(AccessAction action) => _access is { } access && access.Allows(Actor, action, Object);

    /// <summary>Makes the owed entry durable for studies that have turned up, each once; with none, one entry that names none unless there is one already.</summary>
    public async ValueTask RecordAsync(IEnumerable<string> studyKeys, CancellationToken cancellationToken)
    {
        var added = studyKeys.Where(key => !_recorded.Contains(key)).ToHashSet(StringComparer.Ordinal);
        if (_access is null || (added.Count == 0 && !_owing)) return;
        await _access.RecordAsync(_result!, added, cancellationToken);
        _recorded.UnionWith(added);
        _owing = false;
    }

    /// <summary>A request that came to nothing is recorded too.</summary>
    public ValueTask DisposeAsync() => RecordAsync([], CancellationToken.None);

    internal static Admission Admitted(Actor actor, AccessResult result, AccessService access) => new(null, actor, result, access);

    internal static Admission Refused(Actor actor, IActionResult refusal) => new(refusal, actor, null, null);
}
