using Skylight.Core.Audit;
using Skylight.Core.Institutions;

namespace Skylight.Core.Access;

/// <summary>A decision carried out: relations loaded, decided, recorded.</summary>
/// <param name="Object">The object with its institution and keys filled in.</param>
/// <param name="Scope">What a search may show.</param>
/// <param name="Found">False when the particular object meant does not exist.</param>
/// <param name="MayKnow">Whether the caller may learn that the object exists although the action is refused.</param>
public sealed record AccessResult(Decision Decision, ObjectRef Object, AccessScope Scope, bool Found, bool MayKnow)
{
    public bool Allows => Found && Decision.Allows;

    /// <summary>The entry that the caller owes the trail, when it asked to write it itself (<see cref="AccessService.RecordAsync(AccessResult, IReadOnlyCollection{string}, CancellationToken)"/>).</summary>
    internal AuditEvent? Owed { get; init; }
}

/// <summary>Loads what <see cref="AccessPolicy.Decide"/> needs, decides, and makes the audit entry durable before it answers.</summary>
public sealed class AccessService(
    RelationRecords relations, IStudySubjects subjects, InstitutionDirectory institutions, IAuditLog audit, FrameSessions frames, TimeProvider time)
{
    /// <summary>Decides one request of a signed-in actor.</summary>
    /// <param name="found">False when the caller already knows that the object is missing; it is refused with the same work and record.</param>
    public ValueTask<AccessResult> DecideAsync(Actor actor, AccessAction action, ObjectRef obj, bool found, CancellationToken cancellationToken) =>
        DecideAsync(actor, action, obj, found, owing: false, cancellationToken);

    /// <param name="owing">
    /// For a request whose body tells which studies it is about: a permit is recorded by the caller, once it knows and before anything changes. A refusal is
    /// recorded here as always.
    /// </param>
    /// <inheritdoc cref="DecideAsync(Actor, AccessAction, ObjectRef, bool, CancellationToken)"/>
    public async ValueTask<AccessResult> DecideAsync(Actor actor, AccessAction action, ObjectRef obj, bool found, bool owing, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var institution = obj.Institution ?? actor.Institution;
        var relation = Relation.None;

        // The code comes from the request: nothing is kept, derived or recorded under one that is no institution's.
        if (institution != actor.Institution && institution != Actor.PlatformInstitution) found &= await institutions.FindAsync(institution, cancellationToken) is not null;
        if (obj is { Kind: ObjectKind.Study, StudyInstanceUid: { } uid })
        {
            // A missing study takes the same steps as one that may not be seen: look-up, relations, decision, audit entry.
            var subject = await subjects.FindAsync(institution, uid, cancellationToken);
            if (subject is { Hidden: true } && !(obj.OrHidden && HandlesDeletions(actor, institution, now))) subject = null;
            relation = await relations.FindAsync(actor, institution, subject, cancellationToken);
            found &= subject is not null;
            obj = obj with { StudyKey = subject?.StudyKey, PatientKey = subject?.PatientKey, Level = subject?.Level ?? 4 };
        }

        obj = obj with { Institution = institution };
        var purpose = Purposes.For(actor, action);
        var decision = AccessPolicy.Decide(actor, action, purpose, obj, relation, Evidence.None, now);
        var mayKnow = action is not AccessAction.StudyRead && found && obj is { Kind: ObjectKind.Study, StudyInstanceUid: not null }
            && AccessPolicy.Decide(actor, AccessAction.StudyRead, Purposes.For(actor, AccessAction.StudyRead), obj, relation, Evidence.None, now).Allows;
        var scope = !decision.Allows ? AccessScope.Nothing
            : decision.Obligations.Contains(Obligation.Scope) ? await relations.ScopeAsync(actor, institution, now, cancellationToken)
            : AccessScope.All;

        // Another institution exists, for a person, only through a link there.
        if (institution != actor.Institution && decision.Allows && decision.Obligations.Contains(Obligation.Scope) && scope.IsEmpty) found = false;
        var result = new AccessResult(decision, obj, scope, found, mayKnow);
        var entry = Entry(actor, action, purpose, result, now);
        if (entry is null) return result;
        if (owing && result.Allows) return result with { Owed = entry };
        await RecordAsync(actor, result, entry, cancellationToken);
        return result;
    }

    /// <summary>Whether the role alone allows an action on an object that was asked for already, without a record and whatever the relations to one study would allow beyond that.</summary>
    public bool Allows(Actor actor, AccessAction action, ObjectRef obj) =>
        AccessPolicy.Decide(actor, action, Purposes.For(actor, action), obj, Relation.None, Evidence.None, time.GetUtcNow()).Allows;

    /// <summary>Makes the owed entry durable: one for each study, or one that names none.</summary>
    public async ValueTask RecordAsync(AccessResult result, IReadOnlyCollection<string> studyKeys, CancellationToken cancellationToken)
    {
        if (result.Owed is not { } entry) return;
        var chain = result.Object.Institution!;
        if (studyKeys.Count == 0) await audit.AppendAsync(chain, entry, cancellationToken);
        else await Task.WhenAll(studyKeys.Select(key => audit.AppendAsync(chain, entry with { StudyKey = key }, cancellationToken).AsTask()));
    }

    private static bool HandlesDeletions(Actor actor, string institution, DateTimeOffset now) =>
        AccessPolicy.Decide(
            actor, AccessAction.DeletionHandle, Purposes.For(actor, AccessAction.DeletionHandle), ObjectRef.Lifecycle(institution), Relation.None, Evidence.None, now).Allows;

    private static AuditEvent? Entry(Actor actor, AccessAction action, Purpose purpose, AccessResult result, DateTimeOffset now)
    {
        var decision = result.Decision;
        if (!decision.Obligations.Contains(Obligation.Audit) && !decision.Obligations.Contains(Obligation.AuditAggregated)) return null;
        return new AuditEvent(
            1, now, actor.Subject, actor.Institution, [.. actor.Roles.Select(r => r.Wire())], actor.Session, ActionName(action), purpose.ToString().ToLowerInvariant(),
            result.Object.StudyKey, result.Object.PatientKey, null, decision.Basis, decision.RuleIds, decision.PolicyVersion, OutcomeName(result));
    }

    private async ValueTask RecordAsync(Actor actor, AccessResult result, AuditEvent entry, CancellationToken cancellationToken)
    {
        // What was refused is recorded where the caller belongs: the answer about a foreign institution must not depend on whether it exists.
        var chain = result.Allows ? result.Object.Institution! : actor.Institution;
        if (result.Allows && result.Decision.Obligations.Contains(Obligation.AuditAggregated)) await frames.RecordAsync(chain, entry, cancellationToken);
        else await audit.AppendAsync(chain, entry, cancellationToken);
    }

    private static string OutcomeName(AccessResult result) =>
        result is { Decision.Allows: true, Found: false } ? "missing" : result.Decision.Outcome.ToString().ToLowerInvariant();

    private static string ActionName(AccessAction action)
    {
        var name = action.ToString();
        return char.ToLowerInvariant(name[0]) + name[1..];
    }
}

/// <summary>The purpose that goes without saying for a role's own duties. A request cannot name another one yet.</summary>
internal static class Purposes
{
    public static Purpose For(Actor actor, AccessAction action) =>
        actor.Is(Role.Patient) ? Purpose.Subject
        : action is AccessAction.AuditRead ? Purpose.Oversight
        : action is AccessAction.AccountManage or AccessAction.InstitutionManage or AccessAction.RelationManage or AccessAction.SystemManage or AccessAction.MaintenanceManage
            or AccessAction.TierManage or AccessAction.StatisticsRead or AccessAction.SelfRead ? Purpose.Administration
        : Purpose.Treatment;
}
