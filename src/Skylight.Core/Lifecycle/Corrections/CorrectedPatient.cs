using Skylight.Core.Catalog;
using Skylight.Core.Patients;
using Skylight.Dicom;

namespace Skylight.Core.Lifecycle.Corrections;

/// <summary>Another Patient ID, or another issuer, is another patient: the study is theirs from then on, and whoever reaches it through the patient follows.</summary>
internal static class CorrectedPatient
{
    /// <summary>A study under correction, with the patient that its corrected attributes name. The patient's record is made if there is none.</summary>
    /// <param name="received">Patient that the study was received under.</param>
    public static async ValueTask<StudyDocument> OfAsync(StudyDocument study, string received, PatientDirectory patients, CancellationToken cancellationToken)
    {
        var corrected = study.Corrected?.Values is { } values && (values.ContainsKey(DicomTags.PatientID.ToHex()) || values.ContainsKey(DicomTags.IssuerOfPatientID.ToHex()));
        if (!corrected) return study with { PatientKey = received };
        var attributes = study.Attributes;
        var identity = new PatientIdentity
        {
            Id = attributes.PatientId, Issuer = attributes.IssuerOfPatientId, Name = attributes.PatientName, BirthDate = attributes.PatientBirthDate, Sex = attributes.PatientSex,
        };
        var key = await patients.KeyAsync(study.Institution, identity, study.StudyInstanceUid, cancellationToken);
        await patients.EnsureAsync(study.Institution, key, identity, cancellationToken);
        return study with { PatientKey = key, PatientProvisional = identity.NormalisedId is null };
    }
}
