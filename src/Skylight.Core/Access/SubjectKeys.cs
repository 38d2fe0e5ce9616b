using Skylight.Archive.Keys;
using Skylight.Core.Patients;

namespace Skylight.Core.Access;

/// <summary>Keys of patients and studies from what people write down. A key is derived, not looked up: asking tells nothing about existence.</summary>
public sealed class SubjectKeys(InstitutionSecrets secrets, PatientDirectory patients)
{
    private const int KeyLength = 32;

    /// <summary>The keys that a request names; null where it names none, or nothing that can be a key.</summary>
    public async ValueTask<(string? PatientKey, string? StudyKey)> ReadAsync(
        string institution, string? patientId, string? assigner, string? patientKey, string? studyInstanceUid, CancellationToken cancellationToken)
    {
        var study = studyInstanceUid is { Length: > 0 and <= 64 }
            ? await secrets.MakeKeyAsync(institution, "study-key", studyInstanceUid, cancellationToken)
            : null;
        if (patientKey is { Length: KeyLength } && Archive.Base32.IsBase32(patientKey)) return (patientKey, study);
        var identity = new PatientIdentity { Id = patientId, Issuer = assigner };
        return patientId is { Length: > 0 and <= 128 } && identity.NormalisedId is not null
            ? (await patients.KeyAsync(institution, identity, "", cancellationToken), study)
            : (null, study);
    }
}
