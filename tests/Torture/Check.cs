using Microsoft.Extensions.DependencyInjection;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Series;
using Skylight.Cli;
using Skylight.Cli.Integrity;
using Skylight.Core.Audit;
using Skylight.Core.Catalog;
using Skylight.Core.Integrity;
using Skylight.Core.Studies;

namespace Skylight.Torture;

/// <summary>What <c>skylight verify</c> says of a folder, and whether it holds what was promised.</summary>
/// <param name="Report">Null when the folder could not be opened at all; then <paramref name="Failure"/> says why.</param>
/// <param name="Wrong">Instances and studies that are not as promised, and were not found so before.</param>
internal sealed record CheckResult(VerifyReport? Report, string? Failure, IReadOnlyList<string> Wrong, Pieces Pieces)
{
    public bool Ok => Report is { Ok: true } && Wrong.Count == 0;
}

/// <summary>Opens a copy of a crashed folder as a start does, verifies every byte, and holds it against the ledger.</summary>
internal static class Check
{
    private const string Institution = "demo";

    public static async Task<CheckResult> RunAsync(string data, Ledger ledger, Findings findings, CancellationToken cancellationToken)
    {
        try
        {
            await using var archive = await OfflineArchive.OpenAsync(new DirectoryInfo(data), cancellationToken);
            var report = await archive.Services.GetRequiredService<ArchiveVerifier>().VerifyAsync([Institution], VerifyDepth.Deep, cancellationToken);
            var wrong = await CompareAsync(archive.Services, ledger, findings, cancellationToken);
            wrong.AddRange(await ErasedAsync(archive.Services, ledger, cancellationToken));
            wrong.AddRange(await AuditAsync(archive.Services, ledger, cancellationToken));
            return new CheckResult(report, null, wrong, await Pieces.OfAsync(archive.Services, Institution, ledger, cancellationToken));
        }
        catch (CliException error)
        {
            return new CheckResult(null, error.Message, [], Pieces.None);
        }
    }

    /// <summary>Names of the packs, indexes and metadata of all studies.</summary>
    public static async Task<HashSet<string>> NamesAsync(IServiceProvider services, Ledger ledger, CancellationToken cancellationToken)
    {
        var catalog = services.GetRequiredService<ICatalog>();
        var parts = services.GetRequiredService<StudyParts>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var uid in ledger.Studies)
        {
            if (await catalog.GetStudyAsync(Institution, uid, cancellationToken) is not { Value: var study }) continue;
            foreach (var part in (await parts.ListAllAsync(study, cancellationToken)).Values.SelectMany(list => list))
                names.UnionWith([part.ObjectName(study, part.Pack), part.ObjectName(study, part.Index), part.ObjectName(study, part.Metadata)]);
        }

        return names;
    }

    /// <summary>The verification has shown that the bytes are those of the index; here the index's digests are held against those of what was sent.</summary>
    private static async Task<List<string>> CompareAsync(IServiceProvider services, Ledger ledger, Findings findings, CancellationToken cancellationToken)
    {
        var catalog = services.GetRequiredService<ICatalog>();
        var store = services.GetRequiredService<IObjectStore>();
        var keys = services.GetRequiredService<IReadKeys>();
        var parts = services.GetRequiredService<StudyParts>();
        var found = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var uid in ledger.Studies)
        {
            if (await catalog.GetStudyAsync(Institution, uid, cancellationToken) is not { Value: { Hidden: false } study }) continue;
            foreach (var list in (await parts.ListAllAsync(study, cancellationToken)).Values)
            {
                var indexes = new List<SeriesIndex>();
                foreach (var part in list) indexes.Add(await SeriesIndex.ReadAsync(store, part.ObjectName(study, part.Index), keys, cancellationToken));
                foreach (var entry in SeriesIndex.Merge(indexes).Served) found[entry.SopInstanceUid] = entry.FileSha256;
            }
        }

        var wrong = ledger.Instances.Values.Select(sent => findings.Listed(sent, found.ContainsKey(sent.Instance))).OfType<string>().ToList();
        foreach (var (instance, digest) in found)
        {
            var sent = ledger.Instances.GetValueOrDefault(instance);
            if (sent is null || !digest.AsSpan().SequenceEqual(sent.Sha256)) wrong.Add(findings.NotWhole(instance, sent));
        }

        return wrong;
    }

    /// <summary>The institution's chain is whole, and every STOW-RS request that was answered has its entry.</summary>
    private static async Task<List<string>> AuditAsync(IServiceProvider services, Ledger ledger, CancellationToken cancellationToken)
    {
        var audit = services.GetRequiredService<IAuditLog>();
        var secrets = services.GetRequiredService<InstitutionSecrets>();
        List<string> wrong = [.. (await audit.VerifyAsync(Institution, null, cancellationToken)).Findings.Select(finding => $"audit entry {finding.Sequence} {finding.Code}: {finding.Detail}")];
        foreach (var (uid, answered) in ledger.Answered)
        {
            var studyKey = await secrets.MakeKeyAsync(Institution, "study-key", uid, cancellationToken);
            var page = await audit.ReadAsync(Institution, new AuditQuery(null, studyKey, null, null, null, 0, 10_000), cancellationToken);
            var entries = page.Items.Count(item => item.Event.Action == "studyStore");
            if (entries < answered) wrong.Add($"of {answered} answered requests to study {studyKey}, {entries} are in the audit trail");
        }

        return wrong;
    }

    /// <summary>
    /// An erased study has no document and no key, and none of its instances is known. An object that a merge or a re-encryption was writing at that very moment
    /// may be left until the sweep, as it cannot be opened any more.
    /// </summary>
    private static async Task<List<string>> ErasedAsync(IServiceProvider services, Ledger ledger, CancellationToken cancellationToken)
    {
        var catalog = services.GetRequiredService<ICatalog>();
        var keys = services.GetRequiredService<StudyKeys>();
        var left = new List<string>();
        foreach (var uid in ledger.Erased)
        {
            var studyKey = await services.GetRequiredService<InstitutionSecrets>().MakeKeyAsync(Institution, "study-key", uid, cancellationToken);
            if (await catalog.GetStudyAsync(Institution, uid, cancellationToken) is not null) left.Add($"erased study {studyKey} is in the catalog");
            if (await keys.ExistsAsync(Institution, studyKey, cancellationToken)) left.Add($"erased study {studyKey} has a key");
            string[] instances = [.. ledger.Instances.Values.Where(sent => sent.Study == uid).Select(sent => sent.Instance)];
            if ((await catalog.FindInstancesAsync(Institution, instances, cancellationToken)).Count > 0) left.Add($"instances of the erased study {studyKey} are in the catalog");
        }

        return left;
    }
}
