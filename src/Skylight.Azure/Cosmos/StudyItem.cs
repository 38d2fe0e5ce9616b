using Skylight.Core.Catalog;
using Skylight.Core.Studies;

namespace Skylight.Azure.Cosmos;

/// <summary>
/// A study as container <c>studies</c> keeps it: the document, and beside it what it is found by. One write of this item is the whole commit: it names
/// the pages of index rows that count (<see cref="Pages"/>), and carries the events that wait.
/// </summary>
internal sealed record StudyItem : ITrailed
{
    /// <summary>Study key.</summary>
    public required string Id { get; init; }

    public required string Pk { get; init; }

    public required IReadOnlyList<string> Writes { get; init; }

    public required long Revision { get; init; }

    /// <summary>Study Instance UID; null on a removed or provisional study, which is not found by it.</summary>
    public string? Uid { get; init; }

    /// <summary>Searches may show it.</summary>
    public bool Shown { get; init; }

    /// <summary>Place in the order of results: study date and time, a dot, the study key. Ordinal, greatest first.</summary>
    public string Order { get; init; } = "";

    public string PatientKey { get; init; } = "";

    /// <summary>Search terms, <c>kind:value</c>; empty when not shown.</summary>
    public IReadOnlyList<string> Terms { get; init; } = [];

    /// <summary>When the oldest unpublished event happened, milliseconds since 1970; null without one.</summary>
    public long? Events { get; init; }

    /// <summary>When its quiet time is over, milliseconds since 1970; null when it is not waiting for that.</summary>
    public long? Due { get; init; }

    /// <summary>Pages of index rows in order of commit; a row in a later one replaces the row of the same identity in an earlier one.</summary>
    public IReadOnlyList<RowPage> Pages { get; init; } = [];

    /// <summary>Pages that the last merge replaced: they go with the next one, so that who is reading them meanwhile does not miss their rows.</summary>
    public IReadOnlyList<RowPage> Retired { get; init; } = [];

    public StudySummary? Summary { get; init; }

    /// <summary>Null while the study is being removed.</summary>
    public StudyDocument? Doc { get; init; }

    public static StudyItem Of(StudyDocument study, IReadOnlyList<string> writes, IReadOnlyList<RowPage> pages) => new()
    {
        Id = study.StudyKey,
        Pk = study.Institution,
        Writes = writes,
        Revision = study.Revision,
        Uid = study.ProvisionalOf is null ? study.StudyInstanceUid : null,
        Shown = study.IsVisible(),
        Order = $"{StudyFilter.SortKey(study.Attributes)}.{study.StudyKey}",
        PatientKey = study.PatientKey,
        Terms = study.IsVisible() ? [.. StudySearchTerms.Of(study)] : [],
        Events = study.Outbox.Count == 0 ? null : study.Outbox.Min(item => item.At).ToUnixTimeMilliseconds(),
        Due = StudyStates.DueAt(study)?.ToUnixTimeMilliseconds(),
        Pages = pages,
        Summary = StudySummary.Of(study),
        Doc = study,
    };

    /// <summary>What is left of a study while its rows are being deleted: nothing that says anything about a patient.</summary>
    public StudyItem Removed(string write) => new() { Id = Id, Pk = Pk, Writes = WriteTrail.Extend(Writes, write), Revision = Revision, Pages = [.. Pages, .. Retired] };
}

/// <summary>A page of index rows that a study names.</summary>
/// <param name="Id">Last part of the item's id in container <c>instances</c>.</param>
/// <param name="Rows">How many rows it holds.</param>
internal sealed record RowPage(string Id, int Rows);
