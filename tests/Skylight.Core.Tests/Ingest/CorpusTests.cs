using System.Security.Cryptography;
using System.Text.Json;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Ingest;

namespace Skylight.Core.Tests.Ingest;

/// <summary>Real files, odd ones on purpose: each is stored byte-exact or rejected with a reason and kept byte-exact in quarantine.</summary>
public sealed class CorpusTests
{
    private static readonly string? s_corpus = Find();

    private static string? Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var corpus = Path.Combine(folder.FullName, "shared", "corpus");
            if (Directory.Exists(corpus)) return corpus;
        }

        return null;
    }

    [Fact]
    public async Task Send_EveryFileOfTheCorpus_LosesNoByte()
    {
        if (s_corpus is null) Assert.Skip("The corpus (shared/corpus beside the repository) is not on this machine.");
        await using var bench = new IngestBench();
        var expected = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(s_corpus, "expected.json"))).RootElement.EnumerateArray()
            .ToDictionary(file => file.GetProperty("file").GetString()!, file => file.GetProperty("sha256").GetString()!);
        var paths = Directory.GetFiles(Path.Combine(s_corpus, "files"));
        var outcomes = new Dictionary<string, FileOutcome>();
        foreach (var group in paths.Order(StringComparer.Ordinal).Chunk(40))
        {
            await using var batch = bench.Service.Open(new IngestContext(IngestBench.A, IngestBench.Source(SourceTrust.Other), null));
            foreach (var path in group)
            {
                await using var file = File.OpenRead(path);
                await batch.AddFileAsync(file, new IngestName(Path.GetFileName(path)), default);
            }

            foreach (var outcome in (await batch.CommitAsync(default)).Files) outcomes.Add(outcome.Name, outcome);
        }

        var entries = new List<IndexEntry>();
        foreach (var key in outcomes.Values.Select(outcome => outcome.StudyKey).OfType<string>().Distinct())
            entries.AddRange(await bench.Entries((await bench.Catalog.GetStudyByKeyAsync(IngestBench.A, key, default))!.Value));
        var stored = 0;
        foreach (var path in paths)
        {
            var name = Path.GetFileName(path);
            var outcome = outcomes[name];
            var digest = SHA256.HashData(await File.ReadAllBytesAsync(path));
            if (expected.TryGetValue(name, out var listed)) Assert.Equal(listed, Convert.ToHexStringLower(digest));
            if (outcome.Kind is OutcomeKind.Rejected)
            {
                Assert.True(outcome.Reason is not null && outcome.ItemId is not null, name);
                var item = (await bench.Items.GetAsync(IngestBench.A, outcome.ItemId, default))!.Value;
                Assert.Equal(digest, SHA256.HashData(await bench.Bytes(item.Bytes!)));
            }
            else if (outcome.Kind is OutcomeKind.Ignored)
            {
                Assert.Equal("dicomdir", outcome.Reason!.Code);
            }
            else if (outcome.Kind is not OutcomeKind.Duplicate)
            {
                var entry = entries.First(item => item.FileSha256.AsSpan().SequenceEqual(digest));
                Assert.Equal(digest, SHA256.HashData(await bench.Bytes(entry)));
                stored++;
            }
        }

        TestContext.Current.TestOutputHelper?.WriteLine(string.Join(", ", outcomes.Values.GroupBy(outcome => outcome.Kind).Select(kind => $"{kind.Key} {kind.Count()}")));
        foreach (var outcome in outcomes.Values.Where(outcome => !outcome.IsSuccess)) TestContext.Current.TestOutputHelper?.WriteLine($"{outcome.Name}: {outcome.Kind} {outcome.Reason?.Code}");
        Assert.True(stored > paths.Length / 2);
    }
}
