using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Core.Documents;
using Skylight.Core.Ingest;
using Skylight.Core.Lifecycle;
using Skylight.Core.Lifecycle.Corrections;
using Skylight.Core.Quarantine;
using Skylight.Core.Studies;

namespace Skylight.Core.Catalog;

/// <summary>What a rebuild did, or a comparison found.</summary>
/// <param name="Different">Keys of studies that the catalog has otherwise, with the fields that differ (comparison only).</param>
/// <param name="Unreadable">Objects that could not be read, or could not be attributed to a study.</param>
/// <param name="Records">Records of deletions, held content and corrections that the objects refer to and that were lost: made anew.</param>
public sealed record RebuildReport(int Studies, int Instances, IReadOnlyList<string> Different, IReadOnlyList<string> Unreadable, int Records = 0)
{
    public bool Ok => Different.Count == 0 && Unreadable.Count == 0;
}

/// <summary>
/// Makes the catalog again from the archive alone: study documents, search terms and instance rows, from the indexes and metadata of the object store. What no
/// object says (levels, tags, categories, holds, encounters, who sent it) is taken from the catalog as it is, or from an earlier copy of it; deletions, intake
/// decisions and patients from their own records. Running it on a whole catalog changes nothing that can be derived.
/// </summary>
public sealed class CatalogRebuild
{
    private const string CorrectionsSuffix = ".corrections", PreviewSuffix = ".preview";

    private readonly ICatalog _catalog;
    private readonly IObjectStore _store;
    private readonly IDocuments _documents;
    private readonly IngestService _ingest;
    private readonly StudyParts _parts;
    private readonly StudyKeys _keys;
    private readonly RetiredObjects _retired;
    private readonly StudyObjects _objects;
    private readonly StudyRebuild _rebuild;
    private readonly CorrectionLists _corrections;
    private readonly LostRecords _lost;
    private readonly ILogger<CatalogRebuild> _logger;

    public CatalogRebuild(
        ICatalog catalog, IObjectStore store, IDocuments documents, IngestService ingest, IntakeItems items, StudyParts parts, StudyKeys keys,
        RetiredObjects retired, ILogger<CatalogRebuild> logger, IOptions<LifecycleOptions>? options = null)
    {
        (_catalog, _store, _documents, _ingest, _parts, _keys, _retired, _logger) = (catalog, store, documents, ingest, parts, keys, retired, logger);
        _objects = new StudyObjects(store, keys, retired);
        _corrections = new CorrectionLists(store, keys);
        _rebuild = new StudyRebuild(store, ingest, items);
        _lost = new LostRecords(documents, items, options?.Value ?? new LifecycleOptions(), ingest.Time);
    }

    /// <param name="backup">An earlier copy of the catalog, for what no object says; null for none.</param>
    /// <param name="write">False only compares.</param>
    public async Task<RebuildReport> RunAsync(ICatalog? backup, bool write, CancellationToken cancellationToken)
    {
        var run = new Run(backup, write);
        foreach (var (institution, folder) in await FoldersAsync(cancellationToken)) await FolderAsync(run, institution, folder, cancellationToken);

        // Studies with parts in a folder that is not their own, now with all of them.
        foreach (var ((institution, studyKey), folders) in run.Elsewhere)
        {
            var parts = new List<FoundPart>();
            foreach (var folder in folders.Append(studyKey).Distinct(StringComparer.Ordinal))
                parts.AddRange((await _objects.ReadAsync(institution, folder, await NamedAsync(institution, folder, cancellationToken), [], cancellationToken)).Where(part => part.Owner == studyKey));
            var left = Rewritings.Left(parts, await NamedAsync(institution, studyKey, cancellationToken));
            await StudyAsync(run, institution, studyKey, [.. left.OrderBy(part => part.Order)], cancellationToken);
        }

        return new RebuildReport(run.Studies.Count, run.Studies.Values.Sum(), run.Different, run.Unreadable, run.Records);
    }

    private async Task<IReadOnlyCollection<(string Institution, string Folder)>> FoldersAsync(CancellationToken cancellationToken)
    {
        var folders = new SortedSet<(string, string)>();
        await foreach (var name in _store.ListAsync("", cancellationToken))
            if (name.EndsWith(".index", StringComparison.Ordinal)) folders.Add(ObjectName.Owner(name));
        return folders;
    }

    private async Task FolderAsync(Run run, string institution, string folder, CancellationToken cancellationToken)
    {
        var parts = await _objects.ReadAsync(institution, folder, await NamedAsync(institution, folder, cancellationToken), run.Unreadable, cancellationToken);
        foreach (var part in parts.Where(part => part.Owner != folder))
        {
            if (!run.Elsewhere.TryGetValue((institution, part.Owner), out var folders)) run.Elsewhere[(institution, part.Owner)] = folders = [];
            folders.Add(folder);
        }

        if (run.Elsewhere.ContainsKey((institution, folder))) return;
        var own = parts.FindAll(part => part.Owner == folder);
        if (own.Count > 0) await StudyAsync(run, institution, folder, own, cancellationToken);
    }

    /// <summary>The indexes that the catalog names of a study.</summary>
    private async Task<IReadOnlySet<string>> NamedAsync(string institution, string studyKey, CancellationToken cancellationToken) =>
        await _catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken) is { Value: var known }
            ? (await _parts.ListAllAsync(known, cancellationToken)).Values.SelectMany(list => list).Select(part => part.Index).ToHashSet(StringComparer.Ordinal)
            : new HashSet<string>();

    private async Task StudyAsync(Run run, string institution, string studyKey, IReadOnlyList<FoundPart> parts, CancellationToken cancellationToken)
    {
        if (await _rebuild.BuildAsync(institution, studyKey, parts, cancellationToken) is not { } built)
        {
            run.Unreadable.Add($"{institution}/{studyKey}/");
            return;
        }

        var deletions = await DeletionsAsync(run, institution, cancellationToken);
        built = built with { Rows = [.. built.Rows.Select(row => StudyRebuild.Settle(row, deletions)), .. StudyRebuild.Refusals(studyKey, parts, deletions)] };
        foreach (var part in parts.Where(part => part.Metadata is null)) run.Unreadable.Add($"{institution}/{part.Folder}/{part.Index}");
        var known = (await _catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken))?.Value;
        var earlier = known ?? await EarlierAsync(run, institution, studyKey, parts, cancellationToken);
        var study = await CorrectAsync(DerivedFields.Carry(Settle(built, deletions), earlier), known, cancellationToken);
        study = study with { Preview = await PreviewAsync(study, known, cancellationToken), HoldsUnknownSince = earlier is null ? _ingest.Time.GetUtcNow() : study.HoldsUnknownSince };
        run.Studies[(institution, studyKey)] = study.Instances();
        if (!run.Write)
        {
            await CompareAsync(run, study, parts, built.Rows, known, cancellationToken);
            return;
        }

        run.Records += await _lost.MakeAsync(study, built, await _corrections.ReadAsync(study, cancellationToken), cancellationToken);
        await WriteAsync(study, built, known, cancellationToken);
    }

    /// <summary>The study in the earlier copy of the catalog; null also where what lies here has begun later: that one was erased, and this was received anew.</summary>
    private static async Task<StudyDocument?> EarlierAsync(Run run, string institution, string studyKey, IReadOnlyList<FoundPart> parts, CancellationToken cancellationToken)
    {
        if (run.Backup is null || (await run.Backup.GetStudyByKeyAsync(institution, studyKey, cancellationToken))?.Value is not { } study) return null;
        return parts.SelectMany(part => part.Entries).Max(entry => entry.StudyCreatedAt) > study.CreatedAt ? null : study;
    }

    /// <summary>A study that was deleted as a whole, or whose provisional content was accepted elsewhere, is hidden.</summary>
    private static StudyDocument Settle(RebuiltStudy built, ILookup<string, DeletionRecord> deletions)
    {
        var study = built.Document with { Held = built.Rows.Count(row => row.State == InstanceState.Held) };
        if (study.ProvisionalOf is not null && built.Rows.All(row => row.State == InstanceState.Deleted)) return study with { Hidden = true };
        return deletions[study.StudyKey].LastOrDefault(record => record.Level == DeletionLevel.Study) is { Id: var id } ? study with { Hidden = true, Deletion = id } : study;
    }

    /// <summary>
    /// Lays the corrections in force over the attributes: the list that the catalog names; where there is no catalog, the longest and newest of the lists beside the study's
    /// objects of which no correction has been undone. (A replaced list lives on for a day.)
    /// </summary>
    private async Task<StudyDocument> CorrectAsync(StudyDocument study, StudyDocument? known, CancellationToken cancellationToken)
    {
        var undone = known is null ? await UndoneAsync(study, cancellationToken) : [];
        var chosen = (Name: (string?)null, List: (IReadOnlyList<Correction>)[]);
        await foreach (var name in _store.ListAsync($"{study.Institution}/{study.StudyKey}/", cancellationToken))
        {
            if (!name.EndsWith(CorrectionsSuffix, StringComparison.Ordinal) || (known is not null && name != known.Corrections)) continue;
            var list = await _corrections.ReadAsync(study with { Corrections = name }, cancellationToken);
            if (list.Count == 0 || list.Any(item => undone.Contains(item.Id))) continue;
            if (list.Count > chosen.List.Count || (list.Count == chosen.List.Count && list.Max(item => item.At) > chosen.List.Max(item => item.At))) chosen = (name, list);
        }

        return chosen.Name is null
            ? study
            : await CorrectedPatient.OfAsync(CorrectedAttributes.Under(study, chosen.List) with { Corrections = chosen.Name }, study.PatientKey, _ingest.Patients, cancellationToken);
    }

    /// <summary>The preview that the catalog names, or else one that lies beside the study's objects: pictures of what is not served any more are not shown.</summary>
    private async Task<string?> PreviewAsync(StudyDocument study, StudyDocument? known, CancellationToken cancellationToken)
    {
        string? found = null;
        var waiting = known is null ? await _retired.NamesAsync(study.Institution, study.StudyKey, cancellationToken) : [];
        await foreach (var name in _store.ListAsync($"{study.Institution}/{study.StudyKey}/", cancellationToken))
            if (name.EndsWith(PreviewSuffix, StringComparison.Ordinal) && (known is null ? found is null || !waiting.Contains(name) : name == known.Preview)) found = name;
        return found;
    }

    /// <summary>Corrections of a study that were taken back.</summary>
    private async Task<HashSet<string>> UndoneAsync(StudyDocument study, CancellationToken cancellationToken)
    {
        var found = new HashSet<string>(StringComparer.Ordinal);
        string? continuation = null;
        do
        {
            var page = await _documents.ListAsync<CorrectionRecord>(study.Institution, CorrectionRecord.Type, $"study:{study.StudyKey}", 200, continuation, cancellationToken);
            found.UnionWith(page.Items.Where(item => item.Value.Status is CorrectionStatus.Undone or CorrectionStatus.Refused).Select(item => item.Id));
            continuation = page.Continuation;
        }
        while (continuation is not null);
        return found;
    }

    /// <summary>Deletions in force of an institution, by study key.</summary>
    private async Task<ILookup<string, DeletionRecord>> DeletionsAsync(Run run, string institution, CancellationToken cancellationToken)
    {
        if (run.Deletions.TryGetValue(institution, out var known)) return known;
        var found = new List<DeletionRecord>();
        string? continuation = null;
        do
        {
            var page = await _documents.ListAsync<DeletionRecord>(institution, DeletionRecord.Type, null, 200, continuation, cancellationToken);
            found.AddRange(page.Items.Select(item => item.Value).Where(record => record.Status is DeletionStatus.Hidden or DeletionStatus.Covered or DeletionStatus.Erasing or DeletionStatus.Restoring));
            continuation = page.Continuation;
        }
        while (continuation is not null);
        return run.Deletions[institution] = found.ToLookup(record => record.StudyKey, StringComparer.Ordinal);
    }

    private async Task WriteAsync(StudyDocument study, RebuiltStudy built, StudyDocument? known, CancellationToken cancellationToken)
    {
        study = study with { Revision = Math.Max(study.Revision, (known?.Revision ?? 0) + 1) };
        (study, var manifest) = await _parts.SpillAsync(study, _keys, SealOptions.Default, cancellationToken);
        using (manifest)
        {
            if (manifest is not null) await manifest.StoreAsync(_store, cancellationToken);
            await _ingest.Patients.EnsureAsync(study.Institution, study.PatientKey, built.Patient, cancellationToken);
            await _catalog.ApplyAsync(new StudyChange { Document = study, ExpectedETag = known?.ETag(), Rows = built.Rows }, cancellationToken);
        }

        CatalogLog.Rebuilt(_logger, study.Institution, study.StudyKey, built.Rows.Count);
    }

    private async Task CompareAsync(Run run, StudyDocument study, IReadOnlyList<FoundPart> parts, IReadOnlyList<InstanceIndexRow> rows, StudyDocument? known, CancellationToken cancellationToken)
    {
        if (known is null)
        {
            run.Different.Add($"{study.Institution}/{study.StudyKey}: missing");
            return;
        }

        var listed = await _parts.ListAllAsync(known, cancellationToken);
        var whole = known with { Manifest = null, Series = [.. known.Series.Select(series => series with { Parts = listed[series.SeriesKey], PartsInManifest = 0 })] };

        // Changes of states have metadata without documents, one as good as the other.
        var bare = parts.Where(part => part.AnyDocument is null).Select(part => part.Index).ToHashSet(StringComparer.Ordinal);
        var fields = DerivedFields.Differences(DerivedFields.Without(study, bare), DerivedFields.Without(whole, bare)).ToList();
        var stored = new List<InstanceIndexRow>();
        foreach (var uids in rows.Select(row => row.SopInstanceUid).Distinct(StringComparer.Ordinal).Chunk(1000))
            stored.AddRange((await _catalog.FindInstancesAsync(study.Institution, uids, cancellationToken)).Where(row => row.StudyKey == study.StudyKey));
        if (!DerivedFields.Same(rows, stored)) fields.Add("instances");
        if (fields.Count > 0) run.Different.Add($"{study.Institution}/{study.StudyKey}: {string.Join(", ", fields)}");
    }

    private sealed class Run(ICatalog? backup, bool write)
    {
        public ICatalog? Backup => backup;

        public bool Write => write;

        public Dictionary<(string, string), int> Studies { get; } = [];

        public Dictionary<(string Institution, string StudyKey), HashSet<string>> Elsewhere { get; } = [];

        /// <summary>Deletions in force by study key, for each institution met.</summary>
        public Dictionary<string, ILookup<string, DeletionRecord>> Deletions { get; } = new(StringComparer.Ordinal);

        public List<string> Different { get; } = [];

        public List<string> Unreadable { get; } = [];

        public int Records { get; set; }
    }
}

internal static partial class CatalogLog
{
    [LoggerMessage(2710, LogLevel.Debug, "Study {Institution}/{StudyKey} made again with {Rows} rows.")]
    public static partial void Rebuilt(ILogger logger, string institution, string studyKey, int rows);
}
