using Microsoft.AspNetCore.Http;
using Skylight.Core.Access;
using Skylight.Core.Identity;

namespace Skylight.Functions.Access;

/// <summary>The first line of every HTTP function: who asks, may they, and the record of it.</summary>
public sealed class Gate(TokenAuthenticator authenticator, AccessService access)
{
    /// <summary>Admits a request about an object that the route names.</summary>
    /// <example><c>var a = await gate.AdmitAsync(request, AccessAction.StudyRead, ObjectRef.Study(institution, studyUid), ct); if (a.Refusal is { } no) return no;</c></example>
    public ValueTask<Admission> AdmitAsync(HttpRequest request, AccessAction action, ObjectRef obj, CancellationToken cancellationToken) =>
        AdmitAsync(request, action, (_, _) => ValueTask.FromResult<ObjectRef?>(obj), particular: false, owing: false, cancellationToken);

    /// <summary>
    /// Admits a request whose body tells which studies it is about. The caller makes the record, by <see cref="Admission.RecordAsync"/> before anything
    /// changes, and disposes the admission, which makes it in any other case.
    /// </summary>
    public ValueTask<Admission> AdmitOwingAsync(HttpRequest request, AccessAction action, ObjectRef obj, CancellationToken cancellationToken) =>
        AdmitAsync(request, action, (_, _) => ValueTask.FromResult<ObjectRef?>(obj), particular: false, owing: true, cancellationToken);

    /// <summary>
    /// Admits a request about an object that has to be looked up first, such as an upload whose owner matters. <paramref name="find"/> gets the
    /// signed-in actor and answers null when there is no such object; that and a refusal look the same.
    /// </summary>
    public ValueTask<Admission> AdmitAsync(
        HttpRequest request, AccessAction action, Func<Actor, CancellationToken, ValueTask<ObjectRef?>> find, CancellationToken cancellationToken) =>
        AdmitAsync(request, action, find, particular: true, owing: false, cancellationToken);

    private async ValueTask<Admission> AdmitAsync(
        HttpRequest request, AccessAction action, Func<Actor, CancellationToken, ValueTask<ObjectRef?>> find, bool particular, bool owing, CancellationToken cancellationToken)
    {
        var authentication = await authenticator.AuthenticateAsync(request.Headers.Authorization, cancellationToken);
        if (authentication.Actor is not { } actor) return Admission.Refused(Actor.Nobody, Refusals.Unauthorized(authentication.Error));
        var obj = await find(actor, cancellationToken);
        var result = await access.DecideAsync(actor, action, obj ?? ObjectRef.Uploads(), found: obj is not null, owing, cancellationToken);
        if (result.Allows) return Admission.Admitted(actor, result, access);

        // Whoever may not know that something exists is told that it does not.
        var elsewhere = result.Object.Institution != actor.Institution && result.Object.Kind != ObjectKind.Platform;
        var hide = !result.MayKnow && (particular || elsewhere || result.Object.StudyInstanceUid is not null);
        return Admission.Refused(actor, hide ? Refusals.NotFound() : Refusals.Forbidden(result.Decision));
    }
}
