using Skylight.Archive;
using Skylight.Archive.Keys;
using Skylight.Core.Documents;

namespace Skylight.Core.Patients;

/// <summary>
/// The patients of an institution: keys, records and merge links. Patients are told apart by (issuer, normalised id) and by nothing else:
/// names, sex and birth dates change for good reasons and coincide for none.
/// </summary>
public sealed class PatientDirectory(IDocuments documents, InstitutionSecrets secrets, TimeProvider time)
{
    /// <summary>Merge links are followed this far; a longer chain, or a ring, ends where it is cut.</summary>
    private const int MaxHops = 16;

    private readonly InFlight<(string Institution, string PatientKey)> _making = new();

    /// <summary>The key of the patient that a file names, or of the provisional patient of its study when it names none.</summary>
    public async ValueTask<string> KeyAsync(string institution, PatientIdentity identity, string studyInstanceUid, CancellationToken cancellationToken) =>
        await secrets.MakeKeyAsync(
            institution,
            "patient-key",
            identity.NormalisedId is { } id ? $"id\n{identity.NormalisedIssuer}\n{id}" : $"study\n{studyInstanceUid}",
            cancellationToken);

    /// <summary>The record, or null.</summary>
    public async ValueTask<Stored<PatientRecord>?> GetAsync(string institution, string patientKey, CancellationToken cancellationToken) =>
        await documents.GetAsync<PatientRecord>(Key(institution, patientKey), cancellationToken);

    /// <summary>Makes the record if there is none. Idempotent.</summary>
    public async ValueTask EnsureAsync(string institution, string patientKey, PatientIdentity identity, CancellationToken cancellationToken)
    {
        while (await GetAsync(institution, patientKey, cancellationToken) is null)
        {
            // Senders of a new study all find its patient missing at once: one of them makes the record.
            if (_making.Enter((institution, patientKey)) is { } other)
            {
                await other.WaitAsync(cancellationToken);
                continue;
            }

            try
            {
                await MakeAsync(institution, patientKey, identity, cancellationToken);
                return;
            }
            finally
            {
                _making.Leave((institution, patientKey));
            }
        }
    }

    private async ValueTask MakeAsync(string institution, string patientKey, PatientIdentity identity, CancellationToken cancellationToken)
    {
        var record = new PatientRecord
        {
            Institution = institution,
            PatientKey = patientKey,
            Identifiers = identity.Id is null ? identity.Others : [new PatientIdentifier(identity.Id.Trim(), null, identity.Issuer), .. identity.Others],
            Name = identity.Name,
            BirthDate = identity.BirthDate,
            Sex = identity.Sex,
            Provisional = identity.NormalisedId is null,
            CreatedAt = time.GetUtcNow(),
        };
        try
        {
            await documents.PutAsync(Key(institution, patientKey), record, Match.None, Terms(record), cancellationToken);
        }
        catch (DocumentConflictException)
        {
            // Made by another process, or a moment ago, from the same identity.
        }
    }

    /// <summary>The key that <paramref name="patientKey"/> was merged into, through all links; itself when it was not.</summary>
    public async ValueTask<string> ResolveAsync(string institution, string patientKey, CancellationToken cancellationToken)
    {
        for (var hop = 0; hop < MaxHops; hop++)
        {
            if ((await GetAsync(institution, patientKey, cancellationToken))?.Value.MergedInto is not { } next) return patientKey;
            patientKey = next;
        }

        return patientKey;
    }

    /// <summary>All keys that stand for the same patient as this one: the root, and whatever was merged into it.</summary>
    public async ValueTask<IReadOnlyList<string>> AliasesAsync(string institution, string patientKey, CancellationToken cancellationToken)
    {
        var keys = new List<string> { await ResolveAsync(institution, patientKey, cancellationToken) };
        for (var i = 0; i < keys.Count && keys.Count < 1000; i++)
        {
            string? continuation = null;
            do
            {
                var page = await documents.ListAsync<PatientRecord>(institution, PatientRecord.Type, $"into:{keys[i]}", 200, continuation, cancellationToken);
                keys.AddRange(page.Items.Select(item => item.Id).Where(id => !keys.Contains(id)));
                continuation = page.Continuation;
            }
            while (continuation is not null);
        }

        return keys;
    }

    /// <summary>Links one record to another: from now on both are the same patient. False when that would close a ring or a record is missing.</summary>
    public async ValueTask<bool> LinkAsync(string institution, string from, string into, CancellationToken cancellationToken)
    {
        while (true)
        {
            var root = await ResolveAsync(institution, into, cancellationToken);
            var source = await ResolveAsync(institution, from, cancellationToken);
            if (root == source) return true;
            if (await GetAsync(institution, source, cancellationToken) is not { } stored || await GetAsync(institution, root, cancellationToken) is null) return false;
            var merged = stored.Value with { MergedInto = root };
            try
            {
                await documents.PutAsync(Key(institution, source), merged, Match.Version(stored.ETag), Terms(merged), cancellationToken);
                return true;
            }
            catch (DocumentConflictException)
            {
                // Changed by someone else: look again.
            }
        }
    }

    /// <summary>
    /// Compares the patient of a file with the patient of a study. The same when their records are one through merge links, or when their ids agree
    /// and one of them does not name its issuer.
    /// </summary>
    public async ValueTask<PatientMatch> CompareAsync(string institution, string studyPatientKey, PatientIdentity identity, string patientKey, CancellationToken cancellationToken)
    {
        if (studyPatientKey == patientKey) return PatientMatch.Same;
        var root = await ResolveAsync(institution, studyPatientKey, cancellationToken);
        if (root == await ResolveAsync(institution, patientKey, cancellationToken)) return PatientMatch.Same;
        var known = (await GetAsync(institution, root, cancellationToken))?.Value;
        // The first id for a study that had none so far: an emergency patient was identified.
        if (known is { Provisional: true }) return PatientMatch.Identified;
        // No id says nothing about whose study it is.
        if (identity.NormalisedId is not { } id) return PatientMatch.Unnamed;
        var issuer = identity.NormalisedIssuer;
        var agrees = (known?.Identifiers ?? []).Any(identifier =>
            PatientIdentity.Normalise(identifier.Value) == id
            && (issuer is null || PatientIdentity.Normalise(identifier.Assigner) is not { } assigner || assigner == issuer));
        return agrees ? PatientMatch.Same : PatientMatch.Different;
    }

    /// <summary>Removes a record for good. The patient's next study makes it anew.</summary>
    internal async ValueTask RemoveAsync(string institution, string patientKey, CancellationToken cancellationToken) =>
        await documents.DeleteAsync(Key(institution, patientKey), Match.Any, cancellationToken);

    private static DocumentKey Key(string institution, string patientKey) => new(institution, PatientRecord.Type, patientKey);

    private static string[] Terms(PatientRecord record) => record.MergedInto is { } into ? [$"into:{into}"] : [];
}

/// <summary>How the patient of a file relates to the patient of a study.</summary>
public enum PatientMatch
{
    Same,

    /// <summary>The file has no Patient ID, the study's patient has.</summary>
    Unnamed,

    /// <summary>The study's patient was provisional, the file names one.</summary>
    Identified,

    /// <summary>Another patient: a technician decides.</summary>
    Different,
}
