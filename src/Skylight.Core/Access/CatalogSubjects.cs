using Skylight.Core.Catalog;

namespace Skylight.Core.Access;

/// <summary><see cref="IStudySubjects"/> by the catalog.</summary>
public sealed class CatalogSubjects(Lazy<ICatalog> catalog) : IStudySubjects
{
    public async ValueTask<StudySubject?> FindAsync(string institution, string studyInstanceUid, CancellationToken cancellationToken)
    {
        var stored = await catalog.Value.GetStudyAsync(institution, studyInstanceUid, cancellationToken);
        return stored?.Value is { } study && study.IsVisible() ? new(study.StudyKey, [study.PatientKey], study.Level) : null;
    }
}
