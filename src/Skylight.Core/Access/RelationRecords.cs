using System.Security.Cryptography;
using System.Text;
using Skylight.Core.Documents;

namespace Skylight.Core.Access;

/// <summary>Care relations and person links of institutions, with the look-ups that decisions need.</summary>
public sealed class RelationRecords(IDocuments documents, IStudySubjects subjects)
{
    private const string Care = "care-relation";
    private const string Link = "person-link";
    private const int ScopeLimit = 5000;

    /// <summary>Adds a relation. The same idempotency key adds once and answers what was added then.</summary>
    public ValueTask<Stored<CareRelation>> AddAsync(string institution, CareRelation relation, string? idempotencyKey, CancellationToken cancellationToken) =>
        AddAsync(institution, Care, relation, Terms(relation), relation.RecordedBy, idempotencyKey, cancellationToken);

    /// <summary>Adds a link. The same idempotency key adds once and answers what was added then.</summary>
    public ValueTask<Stored<PersonLink>> AddAsync(string institution, PersonLink link, string? idempotencyKey, CancellationToken cancellationToken) =>
        AddAsync(institution, Link, link, Terms(link), link.RecordedBy, idempotencyKey, cancellationToken);

    public ValueTask<DocumentPage<CareRelation>> ListCareAsync(string institution, string? account, int limit, string? continuation, CancellationToken cancellationToken) =>
        documents.ListAsync<CareRelation>(institution, Care, account is null ? null : $"h:{account}", limit, continuation, cancellationToken);

    public ValueTask<DocumentPage<PersonLink>> ListLinksAsync(string institution, string? person, int limit, string? continuation, CancellationToken cancellationToken) =>
        documents.ListAsync<PersonLink>(institution, Link, person is null ? null : $"h:{person}", limit, continuation, cancellationToken);

    /// <summary>Ends a care relation at <paramref name="now"/>. Null when there is none; revoking again changes nothing.</summary>
    public async ValueTask<CareRelation?> RevokeCareAsync(string institution, string id, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var key = new DocumentKey(institution, Care, id);
        var stored = await documents.GetAsync<CareRelation>(key, cancellationToken);
        if (stored is null || stored.Value.RevokedAt is not null) return stored?.Value;
        var revoked = stored.Value with { RevokedAt = now };
        await documents.PutAsync(key, revoked, Match.Version(stored.ETag), Terms(revoked), cancellationToken);
        return revoked;
    }

    /// <summary>
    /// Ends the care relations to one study that is erased, so that none of them opens what may come under its UID later. They stay as history: who could see what, and on what ground.
    /// </summary>
    /// <param name="since">When another study came in its place: relations recorded from then on are to that.</param>
    internal static async Task EndOfStudyAsync(IDocuments documents, string institution, string studyKey, DateTimeOffset since, DateTimeOffset now, CancellationToken cancellationToken)
    {
        foreach (var stored in await DocumentPages.AllAsync(next => documents.ListAsync<CareRelation>(institution, Care, null, 500, next, cancellationToken)))
        {
            if (stored.Value.StudyKey != studyKey || stored.Value.RevokedAt is not null || stored.Value.RecordedAt >= since) continue;
            var ended = stored.Value with { RevokedAt = now };
            await documents.PutAsync(new DocumentKey(institution, Care, stored.Id), ended, Match.Version(stored.ETag), Terms(ended), cancellationToken);
        }
    }

    /// <summary>Ends a person link at <paramref name="now"/>. Null when there is none; revoking again changes nothing.</summary>
    public async ValueTask<PersonLink?> RevokeLinkAsync(string institution, string id, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var key = new DocumentKey(institution, Link, id);
        var stored = await documents.GetAsync<PersonLink>(key, cancellationToken);
        if (stored is null || stored.Value.RevokedAt is not null) return stored?.Value;
        var revoked = stored.Value with { RevokedAt = now };
        await documents.PutAsync(key, revoked, Match.Version(stored.ETag), Terms(revoked), cancellationToken);
        return revoked;
    }

    /// <summary>The actor's relations to one study and its patient. The same reads are made whether or not the study exists.</summary>
    public async ValueTask<Relation> FindAsync(Actor actor, string institution, StudySubject? study, CancellationToken cancellationToken)
    {
        var keys = study?.PatientKeys ?? ["none"];
        var care = new List<CareRelation>();
        var links = new List<PersonLink>();
        if (actor.Is(Role.Clinician) || actor.Is(Role.Radiologist) || actor.Is(Role.Technician))
        {
            await CollectAsync(care, institution, Care, $"a:{actor.Subject}|s:{study?.StudyKey ?? "none"}", 100, cancellationToken);
            foreach (var key in keys) await CollectAsync(care, institution, Care, $"a:{actor.Subject}|p:{key}", 100, cancellationToken);
        }

        if (actor.Is(Role.Patient))
        {
            foreach (var key in keys) await CollectAsync(links, institution, Link, $"a:{actor.Subject}|p:{key}", 100, cancellationToken);
        }

        // A relation to a merged record is a relation to the patient: decisions compare with the current key alone.
        var current = keys[0];
        return new(
            [.. care.Select(c => c.PatientKey is null ? c : c with { PatientKey = current })],
            [.. links.Select(l => l with { PatientKey = current })]);
    }

    /// <summary>What the actor's relations reach in an institution, for a search: every key of the patients they name, merged ones too.</summary>
    public async ValueTask<AccessScope> ScopeAsync(Actor actor, string institution, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (actor.Is(Role.Patient))
        {
            var links = new List<PersonLink>();
            await CollectAsync(links, institution, Link, $"a:{actor.Subject}", ScopeLimit, cancellationToken);
            var own = new List<PersonLink>();
            foreach (var link in links.Where(l => l.IsActive(now)))
            {
                foreach (var alias in await subjects.AliasesAsync(institution, link.PatientKey, cancellationToken)) own.Add(link with { PatientKey = alias });
            }

            return AccessScope.OfPerson(own, now);
        }

        var care = new List<CareRelation>();
        await CollectAsync(care, institution, Care, $"a:{actor.Subject}", ScopeLimit, cancellationToken);
        var reached = new List<CareRelation>();
        foreach (var relation in care.Where(c => c.IsActive(now)))
        {
            if (relation.PatientKey is not { } patient) reached.Add(relation);
            else foreach (var alias in await subjects.AliasesAsync(institution, patient, cancellationToken)) reached.Add(relation with { PatientKey = alias });
        }

        return AccessScope.OfCare(reached, now);
    }

    private async ValueTask<Stored<T>> AddAsync<T>(
        string institution, string type, T value, string[] terms, string recordedBy, string? idempotencyKey, CancellationToken cancellationToken) where T : class
    {
        var id = Convert.ToHexStringLower((idempotencyKey is null
            ? RandomNumberGenerator.GetBytes(16)
            : SHA256.HashData(Encoding.UTF8.GetBytes($"{recordedBy}\n{idempotencyKey}"))).AsSpan(0, 16));
        var key = new DocumentKey(institution, type, id);
        try
        {
            return new(id, await documents.PutAsync(key, value, Match.None, terms, cancellationToken), value);
        }
        catch (DocumentConflictException) when (idempotencyKey is not null)
        {
            return await documents.GetAsync<T>(key, cancellationToken) ?? throw new DocumentConflictException(key);
        }
    }

    private async ValueTask CollectAsync<T>(List<T> into, string institution, string type, string term, int limit, CancellationToken cancellationToken) where T : class
    {
        string? continuation = null;
        do
        {
            var page = await documents.ListAsync<T>(institution, type, term, 500, continuation, cancellationToken);
            into.AddRange(page.Items.Select(i => i.Value));
            continuation = page.Continuation;
        }
        while (continuation is not null && into.Count < limit);
    }

    // A revoked record keeps its history term ("h:") and loses those that decisions look up.
    private static string[] Terms(CareRelation relation)
    {
        if (relation.RevokedAt is not null) return [$"h:{relation.Account}"];
        var covered = relation.StudyKey is { } study ? $"s:{study}" : $"p:{relation.PatientKey}";
        return [$"h:{relation.Account}", $"a:{relation.Account}", $"a:{relation.Account}|{covered}"];
    }

    private static string[] Terms(PersonLink link) =>
        link.RevokedAt is not null ? [$"h:{link.Person}"] : [$"h:{link.Person}", $"a:{link.Person}", $"a:{link.Person}|p:{link.PatientKey}"];
}
