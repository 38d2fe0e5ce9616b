using System.Globalization;
using System.Runtime.CompilerServices;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Studies;

namespace Skylight.Core.Lifecycle;

/// <summary>
/// Knows again what erasures have taken, when a backup brings it back: a study by its keys and its beginning, an instance by a mark, which is an HMAC under a secret of the
/// institution over UID, SHA-256 and time of arrival. The same file sent again later has another mark. Marks stay for good, and name nothing to whoever has not the secret.
/// </summary>
public sealed class ErasedContent(ICatalog catalog, IDocuments documents, IObjectStore store, StudyKeys keys, StudyParts parts, InstitutionSecrets secrets)
{
    /// <summary>Type of the documents that hold marks, <c>{erasure}.{page}</c>.</summary>
    public const string MarkType = "erasure-mark";

    private const string Purpose = "erased-instance";
    private const int PerPage = 1500;

    private readonly StudyContents _contents = new(store, keys, parts);

    /// <summary>Erasures of an institution that were carried out, or have begun to destroy, with their marks: what every backup keeps, and every restore repeats.</summary>
    public async Task<IReadOnlyList<ErasureRecord>> ListAsync(string institution, CancellationToken cancellationToken)
    {
        var list = new List<ErasureRecord>();
        await foreach (var item in RecordsAsync(documents, institution, cancellationToken)) list.Add(await WithMarksAsync(item, cancellationToken));
        return list;
    }

    /// <summary>The same without their marks.</summary>
    internal static async IAsyncEnumerable<ErasureRecord> RecordsAsync(IDocuments documents, string institution, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var status in (ErasureStatus[])[ErasureStatus.Erased, ErasureStatus.Running])
        {
            string? continuation = null;
            do
            {
                var page = await documents.ListAsync<ErasureRecord>(institution, ErasureRecord.Type, $"status:{status}", 200, continuation, cancellationToken);
                foreach (var stored in page.Items)
                    if (stored.Value.HasDestroyed) yield return stored.Value;
                continuation = page.Continuation;
            }
            while (continuation is not null);
        }
    }

    /// <summary>Whether something is there that an erasure has destroyed.</summary>
    /// <exception cref="Archive.Sealing.SealedObjectException">The study cannot be read, so nobody can say.</exception>
    public async ValueTask<bool> IsBackAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        var study = (await catalog.GetStudyByKeyAsync(erasure.Institution, erasure.StudyKey, cancellationToken))?.Value;
        if (erasure.Level == DeletionLevel.Study)
        {
            var ids = await keys.IdsAsync(erasure.Institution, erasure.StudyKey, cancellationToken);
            return ids.Intersect(erasure.Keys).Any() || (study is not null && erasure.IsOf(study, ids));
        }

        return study is not null && (await FindAsync(study, erasure, cancellationToken)).Count > 0;
    }

    /// <summary>Entries of a study, not deleted ones, that an erasure of instances took.</summary>
    internal async ValueTask<IReadOnlySet<(string, int, string)>> FindAsync(StudyDocument study, ErasureRecord erasure, CancellationToken cancellationToken)
    {
        var found = new HashSet<(string, int, string)>();
        var marks = (erasure.Marks ?? await MarksAsync(erasure, cancellationToken)).ToHashSet(StringComparer.Ordinal);
        if (marks.Count == 0) return found;
        foreach (var entry in (await _contents.EntriesAsync(study, cancellationToken)).SelectMany(series => series.Entries))
            if (entry.State != EntryState.Deleted && marks.Contains(await MarkAsync(study.Institution, entry, cancellationToken))) found.Add(Deletions.Identity(entry));
        return found;
    }

    /// <summary>Writes the marks of what an erasure is about to destroy. Safe to repeat while nothing is destroyed.</summary>
    internal async ValueTask<ErasureRecord> MarkAsync(ErasureRecord erasure, StudyDocument study, IReadOnlySet<(string, int, string)> entries, CancellationToken cancellationToken)
    {
        var marks = new List<string>();
        foreach (var entry in (await _contents.EntriesAsync(study, cancellationToken)).SelectMany(series => series.Entries))
            if (entries.Contains(Deletions.Identity(entry))) marks.Add(await MarkAsync(study.Institution, entry, cancellationToken));
        return await WriteAsync(erasure, marks, cancellationToken) with { Instances = entries.Select(entry => entry.Item1).Distinct().Count() };
    }

    /// <summary>Stores the marks of an erasure beside its record.</summary>
    internal async ValueTask<ErasureRecord> WriteAsync(ErasureRecord erasure, IReadOnlyList<string> marks, CancellationToken cancellationToken)
    {
        var pages = marks.Chunk(PerPage).ToArray();
        for (var page = 0; page < pages.Length; page++)
            await documents.PutAsync(Key(erasure, page), new ErasureMarks(1, pages[page]), Match.Any, [], cancellationToken);
        return erasure with { MarkPages = pages.Length, Marks = null };
    }

    /// <summary>As it is kept apart from the records.</summary>
    internal async ValueTask<ErasureRecord> WithMarksAsync(ErasureRecord erasure, CancellationToken cancellationToken) => erasure with { Marks = await MarksAsync(erasure, cancellationToken) };

    /// <summary>Removes the marks of an erasure that was stopped.</summary>
    internal async ValueTask<ErasureRecord> ForgetAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        for (var page = 0; page < erasure.MarkPages; page++) await documents.DeleteAsync(Key(erasure, page), Match.Any, cancellationToken);
        return erasure with { MarkPages = 0 };
    }

    private async ValueTask<IReadOnlyList<string>> MarksAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        var marks = new List<string>();
        for (var page = 0; page < erasure.MarkPages; page++)
            if (await documents.GetAsync<ErasureMarks>(Key(erasure, page), cancellationToken) is { } stored) marks.AddRange(stored.Value.Marks);
        return marks;
    }

    private ValueTask<string> MarkAsync(string institution, IndexEntry entry, CancellationToken cancellationToken) => secrets.MakeKeyAsync(
        institution, Purpose,
        string.Create(CultureInfo.InvariantCulture, $"{entry.SopInstanceUid}/{Convert.ToHexStringLower(entry.FileSha256)}/{entry.ReceivedAt.UtcTicks / TimeSpan.TicksPerMicrosecond}"), cancellationToken);

    private static DocumentKey Key(ErasureRecord erasure, int page) => new(erasure.Institution, MarkType, string.Create(CultureInfo.InvariantCulture, $"{erasure.Id}.{page:D6}"));
}

/// <summary>A page of marks: a document of type <see cref="ErasedContent.MarkType"/>.</summary>
public sealed record ErasureMarks(int V, IReadOnlyList<string> Marks);

/// <summary>What a restore has destroyed again.</summary>
/// <param name="Studies">Studies that were erased whole.</param>
/// <param name="Instances">Instances that were erased singly or by their series.</param>
/// <param name="Waiting">Erasures whose study is archived: nothing of them is served, and the host drops the bytes when it has rehydrated the study.</param>
public sealed record ErasureReplay(int Studies, int Instances, int Waiting);
