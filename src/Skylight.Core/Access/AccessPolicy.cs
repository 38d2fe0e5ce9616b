using System.Collections.Immutable;

namespace Skylight.Core.Access;

/// <summary>The one decision every handler makes.</summary>
public static class AccessPolicy
{
    /// <summary>
    /// Decides from what is passed in alone (no clock, no store), so that a past decision can be repeated from its audit entry.
    /// A denial of force law is final; one of force standard yields to a recorded deviation; then unmet requirements ask;
    /// without a ground the answer is deny; else permit with the union of the obligations, or mask if one of them masks.
    /// </summary>
    /// <param name="obj">The object with its institution filled in; <c>StudyKey</c> and <c>PatientKey</c> filled in where one study is meant.</param>
    public static Decision Decide(Actor actor, AccessAction action, Purpose purpose, ObjectRef obj, Relation relation, Evidence evidence, DateTimeOffset now) =>
        Decide(RuleCatalogue.Rules, RuleCatalogue.Version, actor, action, purpose, obj, relation, evidence, now);

    internal static Decision Decide(
        ImmutableArray<Rule> rules, string version, Actor actor, AccessAction action, Purpose purpose, ObjectRef obj, Relation relation, Evidence evidence, DateTimeOffset now)
    {
        var applying = rules.Where(r => Applies(r, actor, action, purpose, obj, relation, now)).ToImmutableArray();
        ImmutableArray<string> ids = [.. applying.Select(r => r.Id)];
        Decision Result(Outcome outcome, ImmutableArray<Obligation> obligations, ImmutableArray<Requirement> requirements, string? basis) =>
            new(outcome, obligations, requirements, ids, basis, version);

        foreach (var deny in applying.Where(r => r.Effect == Effect.Deny))
        {
            var outweighed = deny.Force == Force.Standard && evidence.Deviations.Any(d => d.RuleId == deny.Id && now < d.Until);
            if (!outweighed) return Result(Outcome.Deny, [Obligation.Audit], [], null);
        }

        var basis = applying.FirstOrDefault(r => r.Effect == Effect.Basis);
        if (basis is null) return Result(Outcome.Deny, [Obligation.Audit], [], null);
        ImmutableArray<Requirement> open = [.. applying.Where(r => r.Effect == Effect.Require).SelectMany(r => r.Requirements).Distinct().Except(evidence.Met)];
        if (open.Length > 0) return Result(Outcome.Ask, [Obligation.Audit], open, null);
        ImmutableArray<Obligation> obligations = [.. applying.SelectMany(r => r.Obligations).Distinct()];
        return Result(obligations.Contains(Obligation.MaskIdentity) ? Outcome.Mask : Outcome.Permit, obligations, [], basis.Id);
    }

    private static bool Applies(Rule rule, Actor actor, AccessAction action, Purpose purpose, ObjectRef obj, Relation relation, DateTimeOffset now) =>
        (rule.Roles.IsEmpty ? !actor.Roles.IsEmpty : rule.Roles.Any(actor.Is))
        && (rule.Actions.IsEmpty || rule.Actions.Contains(action))
        && (rule.Purposes.IsEmpty || rule.Purposes.Contains(purpose))
        && Holds(rule.When, actor, obj, relation, now);

    private static bool Holds(Conditions when, Actor actor, ObjectRef obj, Relation relation, DateTimeOffset now)
    {
        var particular = obj.Kind == ObjectKind.Study && (obj.StudyInstanceUid is not null || obj.StudyKey is not null);
        bool Is(Conditions flag, bool value) => !when.HasFlag(flag) || value;
        return Is(Conditions.OwnInstitution, obj.Institution == actor.Institution)
            && Is(Conditions.OwnObject, obj.Owner is null || obj.Owner == actor.Subject)
            && Is(Conditions.CareRelation, !particular || relation.CareRelations.Any(c => Covers(c, actor, obj, now)))
            && Is(Conditions.PersonLink, !particular || relation.PersonLinks.Any(l => l.Person == actor.Subject && l.PatientKey == obj.PatientKey && l.IsActive(now)))
            && Is(Conditions.PlatformActor, actor.IsPlatform)
            && Is(Conditions.Level5, obj.Level >= 5)
            && Is(Conditions.NotAttending, !relation.CareRelations.Any(c => c.Attending && Covers(c, actor, obj, now)))
            && Is(Conditions.NoParticularStudy, !particular);
    }

    private static bool Covers(CareRelation relation, Actor actor, ObjectRef obj, DateTimeOffset now) =>
        relation.Account == actor.Subject && relation.IsActive(now) && relation.Covers(obj.StudyKey, obj.PatientKey);
}
