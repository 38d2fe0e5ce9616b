using Skylight.Core.Access;

namespace Skylight.Core.Audit;

/// <summary>Records what an admitted request then did: which account, relation or institution it made or changed.</summary>
public sealed class AuditRecorder(IAuditLog audit, TimeProvider time)
{
    /// <param name="institution">Chain that the act belongs to.</param>
    /// <param name="action">Name of the act, such as <c>account.create</c>.</param>
    /// <param name="objectId">Opaque id of what it was done to.</param>
    /// <param name="detail">Rule ids, role names or states that say more; never values from a request.</param>
    public async ValueTask DoneAsync(
        Actor actor, string institution, string action, string? objectId, CancellationToken cancellationToken, string? patientKey = null, string? studyKey = null, params string[] detail) =>
        await audit.AppendAsync(
            institution,
            new AuditEvent(
                1, time.GetUtcNow(), actor.Subject, actor.Institution, [.. actor.Roles.Select(r => r.Wire())], actor.Session, action, null,
                studyKey, patientKey, objectId, null, detail, RuleCatalogue.Version, "done"),
            cancellationToken);
}
