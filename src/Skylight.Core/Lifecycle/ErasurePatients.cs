using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Lifecycle.Corrections;
using Skylight.Core.Patients;
using Skylight.Dicom;

namespace Skylight.Core.Lifecycle;

/// <summary>
/// The records of the patients that an erased study was of in its time: as it was received, as it was corrected, before anybody knew whose it is. Each goes with the last study of theirs.
/// </summary>
internal sealed class ErasurePatients(ICatalog catalog, IDocuments documents, PatientDirectory patients)
{
    private const int Page = 200;

    /// <summary>
    /// Keys of all patients whose record the study may have made. Corrections that were undone have left records behind, and what was in force together is written nowhere: every id that
    /// the study ever had counts with every issuer.
    /// </summary>
    public async Task<IReadOnlyList<string>> OfAsync(StudyDocument study, CancellationToken cancellationToken)
    {
        var received = study.Corrected?.Received ?? study.Attributes;
        HashSet<string?> ids = [null, received.PatientId];
        HashSet<string?> issuers = [received.IssuerOfPatientId];
        await foreach (var record in CorrectionsAsync(study.Institution, $"study:{study.StudyKey}", cancellationToken))
        {
            if (record.Correction.Values.TryGetValue(DicomTags.PatientID.ToHex(), out var id)) ids.Add(id);
            if (record.Correction.Values.TryGetValue(DicomTags.IssuerOfPatientID.ToHex(), out var issuer)) issuers.Add(issuer);
        }

        var keys = new HashSet<string>(StringComparer.Ordinal) { study.PatientKey, study.Corrected?.PatientKey ?? study.PatientKey };
        foreach (var id in ids)
            foreach (var issuer in issuers) keys.Add(await patients.KeyAsync(study.Institution, new PatientIdentity { Id = id, Issuer = issuer }, study.StudyInstanceUid, cancellationToken));
        return [.. keys];
    }

    /// <summary>Removes the records of those of whom nothing is left. Answers whether that of the erasure's patient is gone. Safe to repeat.</summary>
    /// <param name="left">Patients of whom there is something else: an intake item, a hidden study.</param>
    public async Task<bool> RemoveAsync(ErasureRecord erasure, IReadOnlySet<string> left, CancellationToken cancellationToken)
    {
        var received = await CorrectedAwayAsync(erasure.Institution, cancellationToken);
        var gone = false;
        foreach (var key in erasure.PatientKeys.Append(erasure.PatientKey).Distinct(StringComparer.Ordinal))
        {
            var aliases = await patients.AliasesAsync(erasure.Institution, key, cancellationToken);
            if (aliases.Any(alias => left.Contains(alias) || received.Contains(alias))) continue;
            var studies = await catalog.QueryStudiesAsync(erasure.Institution, new StudyQuery { Scope = new StudyScope(aliases, null) }, 1, 0, null, cancellationToken);
            if (studies.Items.Count > 0) continue;

            // The key that the others are found by goes last: a repetition after a crash finds those that are left.
            foreach (var alias in aliases.Where(alias => alias != key).Append(key)) await patients.RemoveAsync(erasure.Institution, alias, cancellationToken);
            gone |= key == erasure.PatientKey;
        }

        return gone;
    }

    /// <summary>Patients that studies were received under and that corrections have taken them from: undone, the studies are theirs again.</summary>
    private async Task<HashSet<string>> CorrectedAwayAsync(string institution, CancellationToken cancellationToken)
    {
        var studies = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var record in CorrectionsAsync(institution, null, cancellationToken))
            if (record.Correction.Values.ContainsKey(DicomTags.PatientID.ToHex()) || record.Correction.Values.ContainsKey(DicomTags.IssuerOfPatientID.ToHex())) studies.Add(record.StudyKey);
        var keys = new HashSet<string>(StringComparer.Ordinal);
        foreach (var study in studies)
            if (await catalog.GetStudyByKeyAsync(institution, study, cancellationToken) is { Value.Corrected.PatientKey: { } key }) keys.Add(key);
        return keys;
    }

    private async IAsyncEnumerable<CorrectionRecord> CorrectionsAsync(
        string institution, string? term, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? continuation = null;
        do
        {
            var page = await documents.ListAsync<CorrectionRecord>(institution, CorrectionRecord.Type, term, Page, continuation, cancellationToken);
            foreach (var stored in page.Items) yield return stored.Value;
            continuation = page.Continuation;
        }
        while (continuation is not null);
    }
}
