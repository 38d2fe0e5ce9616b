namespace Skylight.Core.Access;

/// <summary>What a decision needs to know of a study.</summary>
/// <param name="PatientKeys">The patient it belongs to now, and the keys merged into that one.</param>
/// <param name="Hidden">It is deleted and not yet erased, or all that is in it is: missing to everybody but those who handle deletions.</param>
public sealed record StudySubject(string StudyKey, IReadOnlyList<string> PatientKeys, int Level, bool Hidden = false)
{
    /// <summary>The key that relations and audit use.</summary>
    public string PatientKey => PatientKeys[0];
}

/// <summary>Finds the keys of a study for a decision. The catalog implements it; tests use a table.</summary>
public interface IStudySubjects
{
    /// <summary>Null when the institution has no such study. Provisional ones are never found.</summary>
    ValueTask<StudySubject?> FindAsync(string institution, string studyInstanceUid, CancellationToken cancellationToken);

    /// <summary>All keys of the patient that a key stands for: the current one first, then those merged into it.</summary>
    ValueTask<IReadOnlyList<string>> AliasesAsync(string institution, string patientKey, CancellationToken cancellationToken);
}
