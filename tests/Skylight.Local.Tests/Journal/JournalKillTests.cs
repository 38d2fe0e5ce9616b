using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Skylight.Archive.Keys;
using Skylight.Archive.Sealing;

namespace Skylight.Local.Tests.Journal;

/// <summary>
/// A child process that commits as fast as it can, rotating and draining all the while, is killed at random moments, over and over on the same folder.
/// Whatever it had acknowledged is there, nothing is there half, and its sealing function never saw a (key, nonce) pair twice.
/// </summary>
public sealed class JournalKillTests
{
    private const int Kills = 12;
    internal const string Variable = "SKYLIGHT_TEST_JOURNAL_CHILD";

    internal static readonly byte[] Key = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];

    [Fact]
    public async Task Kill_AtRandomMoments_LosesNothingAcknowledgedAndKeepsNothingHalf()
    {
        var root = Directory.CreateTempSubdirectory("skylight-").FullName;
        var acknowledged = new List<(string Name, string Digest)>();
        for (var kill = 0; kill < Kills; kill++) acknowledged.AddRange(await RunChildAsync(root, kill, RandomNumberGenerator.GetInt32(0, 120)));
        Assert.True(acknowledged.Count > Kills * 10, "The child never got far enough.");

        using (var folder = new JournalFolder(root))
        {
            await using var journal = await folder.OpenAsync();
            var store = folder.Store(journal);
            using var key = new DataKey(Key);
            foreach (var (name, digest) in acknowledged)
                Assert.Equal(digest, Convert.ToHexString(SHA256.HashData(await SealedObjectReader.ReadAllAsync(store, name, SealedType.Pack, key, default))));

            // Every object that can be seen at all, acknowledged or not, is whole.
            foreach (var name in await JournalFolder.ListAsync(store, "")) await SealedObjectReader.ReadAllAsync(store, name, SealedType.Pack, key, default);

            // Every acknowledged change was applied, then or by a replay.
            var applied = (await File.ReadAllLinesAsync(Path.Combine(root, "applied"))).Concat(folder.Applied.Select(item => item.Change)).ToHashSet();
            Assert.All(acknowledged, item => Assert.Contains(item.Name, applied));
        }

        var pairs = await File.ReadAllLinesAsync(Path.Combine(root, "pairs"));
        Assert.True(pairs.Length >= acknowledged.Count);
        Assert.Equal(pairs.Length, pairs.Distinct().Count());
        Directory.Delete(root, recursive: true);
    }

    private static async Task<List<(string Name, string Digest)>> RunChildAsync(string root, int seed, int commits)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "Skylight.Local.Tests")) { RedirectStandardOutput = true };
        start.Environment[Variable] = string.Create(CultureInfo.InvariantCulture, $"{root}|{seed}");
        start.Environment["DOTNET_ROOT"] = Path.GetDirectoryName(Environment.ProcessPath is { } path && Path.GetFileName(path) == "dotnet" ? path : typeof(object).Assembly.Location.Split("/shared/")[0] + "/dotnet");
        using var child = Process.Start(start)!;
        var acknowledged = new List<(string, string)>();
        while (await child.StandardOutput.ReadLineAsync() is { } line)
        {
            // The last line may be cut by the kill; a whole one ends with a mark.
            if (line.Split(' ') is [var name, var digest, "."]) acknowledged.Add((name, digest));
            else if (line.StartsWith("error", StringComparison.Ordinal)) Assert.Fail(line);

            // Counted in commits, not in time, so that a busy machine gets as far as an idle one; the child goes on meanwhile, so the moment is anybody's guess.
            if (acknowledged.Count >= commits) child.Kill();
        }

        await child.WaitForExitAsync();
        Assert.Equal(137, child.ExitCode);
        return acknowledged;
    }
}
