using System.Collections.Immutable;

namespace Skylight.Core.Access;

/// <summary>Which studies of one institution a permitted search may show. Rows outside it are left out before paging and counting.</summary>
public sealed class AccessScope
{
    private readonly ImmutableHashSet<string>? _patients;
    private readonly ImmutableHashSet<string>? _studies;
    private readonly ImmutableHashSet<string> _attending;
    private readonly bool _levels;

    private AccessScope(ImmutableHashSet<string>? patients, ImmutableHashSet<string>? studies, ImmutableHashSet<string> attending, bool levels) =>
        (_patients, _studies, _attending, _levels) = (patients, studies, attending, levels);

    /// <summary>Every study of the institution below level 5.</summary>
    public static AccessScope All { get; } = new(null, null, [], levels: true);

    /// <summary>No study.</summary>
    public static AccessScope Nothing { get; } = new([], [], [], levels: true);

    /// <summary>True when no patient or study restriction applies: a search needs no key filter.</summary>
    public bool IsAll => _patients is null;

    public bool IsEmpty => _patients is { Count: 0 } && _studies is { Count: 0 };

    /// <summary>Patient keys that may be shown; empty when <see cref="IsAll"/>.</summary>
    public IReadOnlySet<string> PatientKeys => _patients ?? [];

    /// <summary>Study keys that may be shown besides; empty when <see cref="IsAll"/>.</summary>
    public IReadOnlySet<string> StudyKeys => _studies ?? [];

    /// <summary>Whether one study may be shown.</summary>
    /// <param name="level">Its sensitivity level; level 5 is shown to attending staff and to the subject only (GB/T 39725-2020 6.2).</param>
    public bool Includes(string studyKey, string patientKey, int level = 4) =>
        (!_levels || level < 5 || _attending.Contains(studyKey) || _attending.Contains(patientKey))
        && (_patients is null || _patients.Contains(patientKey) || _studies!.Contains(studyKey));

    /// <summary>What active care relations reach.</summary>
    public static AccessScope OfCare(IEnumerable<CareRelation> relations, DateTimeOffset now)
    {
        var active = relations.Where(r => r.IsActive(now)).ToList();
        return new(
            [.. active.Where(r => r.StudyKey is null).Select(r => r.PatientKey!)],
            [.. active.Where(r => r.StudyKey is not null).Select(r => r.StudyKey!)],
            [.. active.Where(r => r.Attending).Select(r => r.StudyKey ?? r.PatientKey!)],
            levels: true);
    }

    /// <summary>What verified person links reach: the person's own studies of every level.</summary>
    public static AccessScope OfPerson(IEnumerable<PersonLink> links, DateTimeOffset now) =>
        new([.. links.Where(l => l.IsActive(now)).Select(l => l.PatientKey)], [], [], levels: false);
}
