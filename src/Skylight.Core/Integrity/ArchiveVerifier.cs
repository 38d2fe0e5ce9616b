using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Core.Catalog;
using Skylight.Core.Institutions;
using Skylight.Core.Lifecycle;
using Skylight.Core.Quarantine;
using Skylight.Core.Studies;

namespace Skylight.Core.Integrity;

/// <summary>
/// Checks a whole archive: catalog, instance index, series indexes, metadata, packs and key records must agree, and whatever nothing names is reported.
/// Reads only. Memory grows by about 20 bytes an object, for the names that were seen.
/// </summary>
public sealed class ArchiveVerifier(
    StudyVerifier studies, ICatalog catalog, IObjectStore store, StudyKeys keys, IKeyRecordStore records, InstitutionDirectory institutions, IntakeItems intake,
    RetiredObjects retired, ErasedContent erased, TimeProvider time)
{
    private const int Page = 500;

    /// <summary>Verifies every institution of the host.</summary>
    public async Task<VerifyReport> VerifyAsync(VerifyDepth depth, CancellationToken cancellationToken)
    {
        var codes = new List<string>();
        await foreach (var code in institutions.CodesAsync(cancellationToken)) codes.Add(code);
        return await VerifyAsync(codes, depth, cancellationToken);
    }

    /// <summary>Verifies the institutions named.</summary>
    public async Task<VerifyReport> VerifyAsync(IReadOnlyList<string> codes, VerifyDepth depth, CancellationToken cancellationToken)
    {
        var started = time.GetUtcNow();
        var tally = new VerifyTally();
        foreach (var code in codes) await VerifyInstitutionAsync(code, depth, tally, cancellationToken);
        return new VerifyReport(
            1, depth, started, time.GetUtcNow(), codes.Count, tally.Studies, tally.Instances, tally.Objects, tally.Bytes, tally.NotRead, tally.NotReadBytes, tally.Errors, tally.Notes, tally.Findings);
    }

    private async Task VerifyInstitutionAsync(string institution, VerifyDepth depth, VerifyTally tally, CancellationToken cancellationToken)
    {
        var names = new NameSet();
        var (notRead, notReadBytes) = (tally.NotRead, tally.NotReadBytes);
        var rows = new Dictionary<string, int>(StringComparer.Ordinal);
        await InstitutionKeyAsync(institution, tally, cancellationToken);
        for (var after = ""; await catalog.ListStudyKeysAsync(institution, after, Page, cancellationToken) is { Count: > 0 } page; after = page[^1])
        {
            foreach (var studyKey in page)
            {
                rows[studyKey] = 0;
                await studies.VerifyAsync(institution, studyKey, depth, tally, count => rows[studyKey] += count, names.Add, cancellationToken);
            }
        }

        await ErasedAsync(institution, tally, cancellationToken);
        await IntakeAsync(institution, depth, tally, names, cancellationToken);
        if (tally.NotRead > notRead) tally.Add(VerifyTally.NotReadNote(institution, tally.NotRead - notRead, tally.NotReadBytes - notReadBytes));
        await RowsAsync(institution, tally, rows, cancellationToken);
        await UnreferencedAsync(institution, tally, names, cancellationToken);
        await foreach (var stored in records.ListAsync(institution, cancellationToken))
        {
            var subject = stored.Record.Subject;
            if (subject != KeyRecord.InstitutionSubject && !rows.ContainsKey(subject) && !names.HasOwner(subject))
                tally.Add(new VerifyFinding(VerifyCode.KeyUnused, false, institution, subject, null, null));
        }
    }

    /// <summary>What was erased, wholly or singly, must not be there.</summary>
    private async Task ErasedAsync(string institution, VerifyTally tally, CancellationToken cancellationToken)
    {
        foreach (var erasure in (await erased.ListAsync(institution, cancellationToken)).Where(item => item.Status == ErasureStatus.Erased))
        {
            try
            {
                if (await erased.IsBackAsync(erasure, cancellationToken))
                    tally.Add(new VerifyFinding(VerifyCode.ErasedIsBack, true, institution, erasure.StudyKey, null, $"erasure {erasure.Id}"));
            }
            catch (Exception error) when (StudyVerifier.Finding(error, institution, erasure.StudyKey, null) is not null)
            {
                // What cannot be read of the study has been reported with it.
                continue;
            }
        }
    }

    private async Task InstitutionKeyAsync(string institution, VerifyTally tally, CancellationToken cancellationToken)
    {
        try
        {
            if (await records.GetAsync(institution, KeyRecord.InstitutionSubject, cancellationToken) is not { } stored) return;
            await StudyVerifier.CheckKeysAsync(keys, stored.Record, cancellationToken);
        }
        catch (KeyUnavailableException error)
        {
            tally.Add(StudyVerifier.Finding(error, institution, null, null)!);
        }
    }

    /// <summary>Bytes of files that could not be identified lie in packs that no study names.</summary>
    private async Task IntakeAsync(string institution, VerifyDepth depth, VerifyTally tally, NameSet names, CancellationToken cancellationToken)
    {
        foreach (var status in Enum.GetValues<IntakeStatus>())
        {
            string? continuation = null;
            do
            {
                var page = await intake.ListAsync(institution, status, 200, continuation, cancellationToken);
                foreach (var item in page.Items)
                {
                    if (item.Value.Bytes is not { } bytes) continue;
                    names.Add(bytes.Pack.Name);
                    tally.Objects++;
                    if (status is not (IntakeStatus.Open or IntakeStatus.Deciding)) continue;
                    await studies.PackAsync(institution, null, bytes.Pack, depth, tally, cancellationToken);
                }

                continuation = page.Continuation;
            }
            while (continuation is not null);
        }
    }

    /// <summary>Entries have found their rows; whatever rows are left over say that something was kept that is not there.</summary>
    private async Task RowsAsync(string institution, VerifyTally tally, Dictionary<string, int> matched, CancellationToken cancellationToken)
    {
        var scanned = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var after = ""; await catalog.ListInstancesAsync(institution, after, 1000, cancellationToken) is { Count: > 0 } page; after = page[^1].SopInstanceUid)
        {
            foreach (var row in page)
                if (StudyVerifier.IsKept(row)) scanned[row.StudyKey] = scanned.GetValueOrDefault(row.StudyKey) + 1;
        }

        // An entry without a row has been reported already. Rows that came in since their study was looked at have entries now.
        foreach (var (studyKey, count) in scanned)
        {
            if (matched.GetValueOrDefault(studyKey) >= count) continue;
            var now = 0;
            await studies.VerifyAsync(institution, studyKey, VerifyDepth.Quick, new VerifyTally(), rows => now = rows, null, cancellationToken);
            if (now < count) tally.Add(new VerifyFinding(VerifyCode.EntryMissing, true, institution, studyKey, null, $"{count} rows, {now} of them with an index entry"));
        }
    }

    private async Task UnreferencedAsync(string institution, VerifyTally tally, NameSet names, CancellationToken cancellationToken)
    {
        var waiting = await retired.NamesAsync(cancellationToken);
        await foreach (var name in store.ListAsync(institution + "/", cancellationToken))
        {
            names.Owner(name);
            if (!names.Contains(name) && !waiting.Contains(name)) tally.Add(new VerifyFinding(VerifyCode.ObjectUnreferenced, false, institution, null, name, null));
        }
    }

    /// <summary>Names by a 64-bit hash, which is random for names as random as ours: a chance hit hides one untidy object, no damage.</summary>
    private sealed class NameSet
    {
        private readonly HashSet<long> _names = [];
        private readonly HashSet<string> _owners = new(StringComparer.Ordinal);

        public void Add(string name)
        {
            _names.Add(Hash(name));
            Owner(name);
        }

        public bool Contains(string name) => _names.Contains(Hash(name));

        public void Owner(string name) => _owners.Add(ObjectName.Owner(name).StudyKey);

        public bool HasOwner(string subject) => _owners.Contains(subject);

        private static long Hash(string name) => ((long)string.GetHashCode(name, StringComparison.Ordinal) << 32) ^ (uint)string.GetHashCode(name.AsSpan(name.Length / 2), StringComparison.Ordinal);
    }
}
