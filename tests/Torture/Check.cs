using Microsoft.Extensions.DependencyInjection;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Series;
using Skylight.Cli;
using Skylight.Cli.Integrity;
using Skylight.Core.Catalog;
using Skylight.Core.Integrity;
using Skylight.Core.Studies;

namespace Skylight.Torture;

/// <summary>What <c>skylight verify</c> says of a folder, and whether every promised instance is in it.</summary>
/// <param name="Report">Null when the folder could not be opened at all; then <paramref name="Failure"/> says why.</param>
internal sealed record CheckResult(VerifyReport? Report, string? Failure, IReadOnlyList<string> Lost, IReadOnlyList<string> Partial)
{
    public bool Ok => Report is { Ok: true } && Lost.Count == 0 && Partial.Count == 0;
}

/// <summary>Opens a copy of a crashed folder as a start does, verifies every byte, and holds it against the ledger.</summary>
internal static class Check
{
    private const string Institution = "demo";

    public static async Task<CheckResult> RunAsync(string data, Ledger ledger, CancellationToken cancellationToken)
    {
        try
        {
            await using var archive = await OfflineArchive.OpenAsync(new DirectoryInfo(data), cancellationToken);
            var report = await archive.Services.GetRequiredService<ArchiveVerifier>().VerifyAsync([Institution], VerifyDepth.Deep, cancellationToken);
            var (lost, partial) = await CompareAsync(archive.Services, ledger, cancellationToken);
            return new CheckResult(report, null, lost, partial);
        }
        catch (CliException error)
        {
            return new CheckResult(null, error.Message, [], []);
        }
    }

    /// <summary>The verification has shown that the bytes are those of the index; here the index's digests are held against those of what was sent.</summary>
    private static async Task<(List<string> Lost, List<string> Partial)> CompareAsync(IServiceProvider services, Ledger ledger, CancellationToken cancellationToken)
    {
        var catalog = services.GetRequiredService<ICatalog>();
        var store = services.GetRequiredService<IObjectStore>();
        var keys = services.GetRequiredService<IReadKeys>();
        var parts = services.GetRequiredService<StudyParts>();
        var found = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var uid in ledger.Studies)
        {
            if (await catalog.GetStudyAsync(Institution, uid, cancellationToken) is not { Value: var study }) continue;
            foreach (var list in (await parts.ListAllAsync(study, cancellationToken)).Values)
            {
                var indexes = new List<SeriesIndex>();
                foreach (var part in list) indexes.Add(await SeriesIndex.ReadAsync(store, part.ObjectName(study, part.Index), keys, cancellationToken));
                foreach (var entry in SeriesIndex.Merge(indexes).Served) found[entry.SopInstanceUid] = entry.FileSha256;
            }
        }

        var lost = ledger.Instances.Values.Where(sent => sent.Acknowledged && !(found.TryGetValue(sent.Instance, out var digest) && digest.AsSpan().SequenceEqual(sent.Sha256)));
        var partial = found.Where(item => !ledger.Instances.TryGetValue(item.Key, out var sent) || !item.Value.AsSpan().SequenceEqual(sent.Sha256));
        return ([.. lost.Select(sent => sent.Instance)], [.. partial.Select(item => item.Key)]);
    }
}
