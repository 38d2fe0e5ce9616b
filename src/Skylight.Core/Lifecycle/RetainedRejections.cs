using System.Globalization;
using Skylight.Archive.Keys;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;

namespace Skylight.Core.Lifecycle;

/// <summary>
/// Rejection notes that wait for the end of a study's retention, at institutions that do not hide what must be kept. Their ids begin with the day on which they are to be looked at
/// again, so that a round of the timer reads those that are due and no others, however many wait.
/// </summary>
internal sealed class RetainedRejections(IDocuments documents, InstitutionSecrets secrets, TimeProvider time)
{
    private const int PerRound = 200;
    private const string Purpose = "rejection-note";

    /// <summary>A recorded encounter, a merge of patients or a setting can end a retention sooner than it was said when the note came.</summary>
    private const int LookAgainDays = 7;

    /// <summary>The key that a note is called by where no UID may stand.</summary>
    public ValueTask<string> KeyAsync(string institution, RejectionNote note, CancellationToken cancellationToken) => secrets.MakeKeyAsync(institution, Purpose, note.SopInstanceUid, cancellationToken);

    /// <summary>Remembers that a note waits. Safe to repeat: who sent it first, and when, stays.</summary>
    /// <param name="until">The last day on which the study must be kept, as things stand.</param>
    public async Task WaitAsync(StudyDocument study, string noteStudyKey, RejectionNote note, string by, DateOnly until, CancellationToken cancellationToken)
    {
        var waiting = new RetainedRejection(1, study.StudyKey, noteStudyKey, await KeyAsync(study.Institution, note, cancellationToken), by, time.GetUtcNow());
        var known = await KnownAsync(study.Institution, waiting, cancellationToken);
        await PutOffAsync(study.Institution, known.Count > 0 ? known[0].Value : waiting, until, cancellationToken);
    }

    /// <summary>Looks at a note again on the day after <paramref name="until"/>, or in a week if that is sooner; null for tomorrow.</summary>
    public async Task PutOffAsync(string institution, RetainedRejection waiting, DateOnly? until, CancellationToken cancellationToken)
    {
        var today = Today;
        var last = until is { } day ? day < today.AddDays(LookAgainDays) ? day : today.AddDays(LookAgainDays - 1) : today;
        var id = $"{Day(last.AddDays(1))}.{Pair(waiting)}";
        await documents.PutAsync(new DocumentKey(institution, RetainedRejection.Type, id), waiting, Match.Any, [PairTerm(waiting), .. StudyTerms(waiting)], cancellationToken);
        foreach (var other in await KnownAsync(institution, waiting, cancellationToken))
            if (other.Id != id) await documents.DeleteAsync(new DocumentKey(institution, RetainedRejection.Type, other.Id), Match.Any, cancellationToken);
    }

    /// <summary>The first notes that are due, as many as a round takes.</summary>
    public async ValueTask<IReadOnlyList<Stored<RetainedRejection>>> ListDueAsync(string institution, CancellationToken cancellationToken)
    {
        var page = await documents.ListAsync<RetainedRejection>(institution, RetainedRejection.Type, null, PerRound, null, cancellationToken);
        var tomorrow = Day(Today.AddDays(1));
        return [.. page.Items.TakeWhile(item => string.CompareOrdinal(item.Id, tomorrow) < 0)];
    }

    /// <summary>The note that waits, among those of its study; null when it is there no more.</summary>
    public async ValueTask<RejectionNote?> FindAsync(RetainedRejection waiting, string institution, IReadOnlyList<RejectionNote> notes, CancellationToken cancellationToken)
    {
        foreach (var note in notes)
            if (await KeyAsync(institution, note, cancellationToken) == waiting.Note) return note;
        return null;
    }

    /// <summary>Forgets a note that waits no more.</summary>
    public async Task ForgetAsync(string institution, RetainedRejection waiting, CancellationToken cancellationToken)
    {
        foreach (var known in await KnownAsync(institution, waiting, cancellationToken))
            await documents.DeleteAsync(new DocumentKey(institution, RetainedRejection.Type, known.Id), Match.Any, cancellationToken);
    }

    /// <summary>Forgets what waited before a moment for a study, or came from it.</summary>
    public static async Task ForgetStudyAsync(IDocuments documents, string institution, string studyKey, DateTimeOffset before, CancellationToken cancellationToken)
    {
        foreach (var stored in await DocumentPages.AllAsync(next => documents.ListAsync<RetainedRejection>(institution, RetainedRejection.Type, StudyTerm(studyKey), 200, next, cancellationToken)))
            if (stored.Value.At < before) await documents.DeleteAsync(new DocumentKey(institution, RetainedRejection.Type, stored.Id), Match.Any, cancellationToken);
    }

    private DateOnly Today => DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);

    /// <summary>One at most, but for what a killed host has left.</summary>
    private Task<List<Stored<RetainedRejection>>> KnownAsync(string institution, RetainedRejection waiting, CancellationToken cancellationToken) =>
        DocumentPages.AllAsync(next => documents.ListAsync<RetainedRejection>(institution, RetainedRejection.Type, PairTerm(waiting), 200, next, cancellationToken));

    private static string Day(DateOnly day) => day.ToString("yyyyMMdd", CultureInfo.InvariantCulture);

    private static string Pair(RetainedRejection waiting) => $"{waiting.StudyKey}.{waiting.Note}";

    private static string PairTerm(RetainedRejection waiting) => $"waits:{Pair(waiting)}";

    private static string StudyTerm(string studyKey) => $"study:{studyKey}";

    private static IEnumerable<string> StudyTerms(RetainedRejection waiting) => new[] { waiting.StudyKey, waiting.NoteStudyKey }.Distinct(StringComparer.Ordinal).Select(StudyTerm);
}

/// <summary>A note that waits for the end of a study's retention: a document of type <see cref="Type"/>, with keys, no UIDs.</summary>
/// <param name="NoteStudyKey">The study that has the note.</param>
/// <param name="Note">Key of the note.</param>
/// <param name="By">The source of the note.</param>
/// <param name="At">When it came.</param>
public sealed record RetainedRejection(int V, string StudyKey, string NoteStudyKey, string Note, string By, DateTimeOffset At)
{
    public const string Type = "rejection-retained";
}
