using System.Collections.Immutable;

namespace Skylight.Core.Access;

public enum Outcome
{
    /// <summary>Allowed, with the obligations.</summary>
    Permit,

    /// <summary>Allowed with the masking that the obligations name.</summary>
    Mask,

    /// <summary>Not yet: what <see cref="Decision.Requirements"/> names has to be shown first.</summary>
    Ask,

    Deny,
}

/// <summary>What must be shown before a permit (compliance catalogue: CONSENT, APPROVE, STEPUP …).</summary>
public enum Requirement
{
    /// <summary>A second, stronger sign-in just before.</summary>
    StepUp,

    /// <summary>Consent of the subject for exactly this.</summary>
    Consent,

    /// <summary>Approval of the institution's data-security committee.</summary>
    CommitteeApproval,
}

/// <summary>What a permit carries with it.</summary>
public enum Obligation
{
    /// <summary>An audit entry of its own, durable before the first byte of the answer.</summary>
    Audit,

    /// <summary>An audit entry once a session and study; the rest is counted.</summary>
    AuditAggregated,

    /// <summary>The security administrator of the institution gets to know.</summary>
    Notify,

    /// <summary>Identifying values masked in the answer.</summary>
    MaskIdentity,

    /// <summary>Counts against the caller's daily quota of patients.</summary>
    Quota,

    /// <summary>Only what the admission's scope covers.</summary>
    Scope,
}

/// <summary>The result of a decision, with everything needed to explain or replay it.</summary>
/// <param name="RuleIds">Ids of the rules that took part, in catalogue order.</param>
/// <param name="Basis">Id of the rule whose ground the permit stands on; null without a permit.</param>
/// <param name="PolicyVersion">Version of the catalogue: changes whenever a rule does.</param>
public sealed record Decision(
    Outcome Outcome,
    ImmutableArray<Obligation> Obligations,
    ImmutableArray<Requirement> Requirements,
    ImmutableArray<string> RuleIds,
    string? Basis,
    string PolicyVersion)
{
    public bool Allows => Outcome is Outcome.Permit or Outcome.Mask;
}
