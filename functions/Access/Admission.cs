using Microsoft.AspNetCore.Mvc;
using Skylight.Core.Access;

namespace Skylight.Functions.Access;

/// <summary>
/// The gate's answer. A handler starts with <c>if (admission.Refusal is { } refusal) return refusal;</c> and after that may rely on the rest.
/// The audit entry is durable already.
/// </summary>
public sealed class Admission
{
    private readonly AccessResult? _result;

    private Admission(IActionResult? refusal, Actor actor, AccessResult? result) => (Refusal, Actor, _result) = (refusal, actor, result);

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

    internal static Admission Admitted(Actor actor, AccessResult result) => new(null, actor, result);

    internal static Admission Refused(Actor actor, IActionResult refusal) => new(refusal, actor, null);
}
