using System.Text.Json.Serialization;

namespace Skylight.Core.Audit;

/// <summary>
/// One recorded act: who did what to which keys, on what ground, with what outcome. Keys and ids only; never a name, an identity number,
/// a UID from a dataset or a request value. Kept at least six years (GB/T 39725-2020 7 g) and beyond erasure of what it names.
/// </summary>
/// <param name="V">Version of this record, 1.</param>
/// <param name="At">When it was decided, UTC.</param>
/// <param name="Actor">Account (<c>institution/account</c>), or null for nobody signed in.</param>
/// <param name="Organisation">Institution of the actor.</param>
/// <param name="Roles">Role names the actor held.</param>
/// <param name="Session">Token id; groups what one sign-in did.</param>
/// <param name="Action">What was asked (<c>studyRead</c>, <c>account.create</c> …).</param>
/// <param name="Purpose">Purpose the decision was made for.</param>
/// <param name="StudyKey">Study, where one was meant and found.</param>
/// <param name="PatientKey">Patient, where one was meant and found; the trail is indexed by it.</param>
/// <param name="Object">Opaque id of another object (upload, account, relation).</param>
/// <param name="Basis">Rule that the permit stands on.</param>
/// <param name="RuleIds">Rules that took part.</param>
/// <param name="PolicyVersion">Version of the catalogue that decided.</param>
/// <param name="Outcome"><c>permit</c>, <c>mask</c>, <c>ask</c>, <c>deny</c>, <c>missing</c>; <c>done</c> or <c>failed</c> for acts that are no decisions.</param>
/// <param name="Recipient">Who got the data, when not the actor's organisation.</param>
/// <param name="Evidence">Consent or approval ids it rests on.</param>
/// <param name="Count">How many acts the entry stands for (frame reads of a session); null means one.</param>
public sealed record AuditEvent(
    int V,
    DateTimeOffset At,
    string? Actor,
    string? Organisation,
    IReadOnlyList<string> Roles,
    string? Session,
    string Action,
    string? Purpose,
    string? StudyKey,
    string? PatientKey,
    string? Object,
    string? Basis,
    IReadOnlyList<string> RuleIds,
    string? PolicyVersion,
    string Outcome,
    string? Recipient = null,
    IReadOnlyList<string>? Evidence = null,
    int? Count = null);

/// <summary>An event in its institution's chain.</summary>
/// <param name="Sequence">1, 2, 3 … without gaps within the institution.</param>
/// <param name="Previous">Hash of the entry before, lower-case hex; zeros for the first.</param>
/// <param name="Hash">SHA-256 over previous hash, institution, sequence and the event's stored bytes; lower-case hex.</param>
/// <param name="Mac">HMAC-SHA256 of the hash under the institution's audit key; lower-case hex.</param>
public sealed record AuditEntry(string Institution, long Sequence, string Previous, string Hash, string Mac, AuditEvent Event);

/// <summary>A page of the trail in order of sequence; <see cref="Next"/> is null on the last one.</summary>
public sealed record AuditPage(IReadOnlyList<AuditEntry> Items, string? Next);

/// <summary>Which entries to list; null means no restriction.</summary>
/// <param name="PatientKeys">Keys that stand for one patient (the current one and those merged into it).</param>
public sealed record AuditQuery(IReadOnlyList<string>? PatientKeys, string? StudyKey, string? Actor, DateTimeOffset? From, DateTimeOffset? To, long After, int Limit);

/// <summary>What checking a chain found.</summary>
/// <param name="Entries">Entries checked.</param>
/// <param name="Head">Sequence and hash of the last entry, as <c>sequence:hash</c>; null for an empty chain. Keep it elsewhere to prove later that nothing was cut off.</param>
/// <param name="Anchor">The newest anchor that the chain was held against.</param>
/// <param name="Findings">What is wrong; empty when the chain is whole.</param>
public sealed record AuditVerification(string Institution, long Entries, string? Head, string? Anchor, IReadOnlyList<AuditFinding> Findings)
{
    /// <summary>How many of the entries wait in the journal of the trail's host and are not in its database yet.</summary>
    public long InJournal { get; init; }

    [JsonPropertyOrder(-1)]
    public bool Ok => Findings.Count == 0;
}

/// <summary>One fault of a chain.</summary>
/// <param name="Sequence">Where; the first sequence that is missing or wrong.</param>
/// <param name="Code"><c>removed</c>, <c>reordered</c>, <c>changed</c>, <c>forged</c>, <c>truncated</c> or <c>anchor-invalid</c>.</param>
public sealed record AuditFinding(long Sequence, string Code, string Detail);
