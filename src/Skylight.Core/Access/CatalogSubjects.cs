using Skylight.Core.Catalog;
using Skylight.Core.Patients;

namespace Skylight.Core.Access;

/// <summary><see cref="IStudySubjects"/> by the catalog and the patients' merge links.</summary>
public sealed class CatalogSubjects(ICatalog catalog, PatientDirectory patients) : IStudySubjects
{
    public async ValueTask<StudySubject?> FindAsync(string institution, string studyInstanceUid, CancellationToken cancellationToken)
    {
        var stored = await catalog.GetStudyAsync(institution, studyInstanceUid, cancellationToken);
        var study = stored?.Value is { ProvisionalOf: null } found ? found : null;

        // Asked for a missing study too: it must not answer faster than one that may not be seen.
        var aliases = await patients.AliasesAsync(institution, study?.PatientKey ?? "none", cancellationToken);
        return study is null ? null : new(study.StudyKey, aliases, study.Level, !study.IsVisible());
    }

    public async ValueTask<IReadOnlyList<string>> AliasesAsync(string institution, string patientKey, CancellationToken cancellationToken) =>
        await patients.AliasesAsync(institution, patientKey, cancellationToken);
}
