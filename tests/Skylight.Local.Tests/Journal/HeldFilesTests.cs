using Skylight.Archive.Objects;
using Skylight.Local.Journal;
using EdgeJournal = Skylight.Local.Journal.Journal;

namespace Skylight.Local.Tests.Journal;

/// <summary>What becomes of objects that a merge has replaced, when their journal file is drained.</summary>
public sealed class HeldFilesTests : IDisposable
{
    private readonly JournalFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Step_QuietWithReplacedObjects_KeepsTheirFile()
    {
        _folder.Options = _folder.Options with { FileBytes = 4096, KeepBytes = 20_000, QuietSeconds = 0 };
        await using var journal = await _folder.OpenAsync();
        await PacksAsync(journal, 0, 4);
        await Drain(journal, "a/b/2.pack").StepAsync(default);
        Assert.Equal(["a/b/0.pack", "a/b/1.pack"], await JournalFolder.ListAsync(_folder.Inner, ""));
        Assert.Equal(4, (await JournalFolder.ListAsync(_folder.Store(journal), "")).Length);
    }

    [Fact]
    public async Task Step_FullWithReplacedObjects_HoldsThemReadableWithoutMovingThem()
    {
        await using (var journal = await HoldAsync("a/b/0.pack", "a/b/1.pack"))
        {
            Assert.Equal((2, 3), (journal.Index.Held.Objects, Directory.GetFiles(_folder.Path, "*.journal").Length));
            Assert.Empty(await JournalFolder.ListAsync(_folder.Inner, ""));
            Assert.Equal(Page(0), await _folder.ReadAsync(journal, "a/b/0.pack"));
            Assert.Equal(4096, await _folder.Store(journal).GetLengthAsync("a/b/1.pack", default));
        }

        // Nobody reads them after a restart.
        await using var again = await _folder.OpenAsync();
        await Assert.ThrowsAsync<ObjectMissingException>(async () => await _folder.ReadAsync(again, "a/b/0.pack"));
        Assert.Equal(Page(4), await _folder.ReadAsync(again, "a/b/4.pack"));
    }

    [Fact]
    public async Task Delete_LastHeldObjectOfAFile_LetsTheFileGo()
    {
        await using var journal = await HoldAsync("a/b/0.pack", "a/b/1.pack");
        var store = _folder.Store(journal);
        Assert.True(await store.DeleteAsync("a/b/0.pack", default));
        Assert.False(await store.DeleteAsync("a/b/0.pack", default));
        Assert.Equal(1, journal.Index.Held.Objects);
        Assert.Equal(1, OpenFilesWithoutAName());
        await Assert.ThrowsAsync<ObjectMissingException>(async () => await _folder.ReadAsync(journal, "a/b/0.pack"));
        Assert.True(await store.DeleteAsync("a/b/1.pack", default));
        Assert.Equal((0L, 0), journal.Index.Held);
        Assert.Equal(0, OpenFilesWithoutAName());
    }

    [Fact]
    public async Task Delete_OfWhatADrainComesToHoldMeanwhile_LetsItGo()
    {
        Action? meanwhile = null;
        var sync = _folder.Options.Sync;
        _folder.Options = _folder.Options with
        {
            FileBytes = 4096,
            Sync = (handle, what) =>
            {
                sync(handle, what);
                Interlocked.Exchange(ref meanwhile, null)?.Invoke();
            },
        };
        await using var journal = await _folder.OpenAsync();
        await PacksAsync(journal, 0, 2);
        meanwhile = () =>
        {
            var file = journal.Index.Files[0];
            journal.Index.Hold(file, journal.Index.Of(file));
            file.Drop();
        };
        Assert.True(await _folder.Store(journal).DeleteAsync("a/b/0.pack", default));
        Assert.Equal((0L, 0), journal.Index.Held);
        Assert.Equal(0, OpenFilesWithoutAName());
        await Assert.ThrowsAsync<ObjectMissingException>(async () => await _folder.ReadAsync(journal, "a/b/0.pack"));
    }

    [Theory]
    [InlineData(0, 100)]
    [InlineData(100_000, 0)]
    public async Task Step_FullAndNothingMoreMayBeHeld_MovesReplacedObjects(long bytes, int objects)
    {
        _folder.Options = _folder.Options with { HoldBytes = bytes, HoldObjects = objects };
        await using var journal = await HoldAsync("a/b/0.pack", "a/b/1.pack");
        Assert.Equal(["a/b/0.pack", "a/b/1.pack"], await JournalFolder.ListAsync(_folder.Inner, ""));
        Assert.Equal((0L, 0), journal.Index.Held);
    }

    [Fact]
    public async Task Step_ReplacedObjectsTheLesserPartOfTheirFile_MovesThem()
    {
        _folder.Options = _folder.Options with { FileBytes = 4096, KeepBytes = 0, QuietSeconds = 3600 };
        await using var journal = await _folder.OpenAsync();
        await journal.AppendAsync([("a/b/0.pack", new byte[4096]), ("a/b/0.index", new byte[100])], default, default);
        await PacksAsync(journal, 1, 1);
        await Drain(journal, "a/b/0.index").StepAsync(default);
        Assert.Equal(["a/b/0.index", "a/b/0.pack"], await JournalFolder.ListAsync(_folder.Inner, ""));
    }

    [Fact]
    public async Task Step_DiskAboutToBeFull_LetsGoWhatIsHeld()
    {
        // Twice the floor is more than is free; the floor itself is not, so commits go on.
        _folder.Options = _folder.Options with { MinFreeBytes = (new DriveInfo(_folder.Path).AvailableFreeSpace / 2) + (1L << 30) };
        await using var journal = await HoldAsync("a/b/0.pack", "a/b/1.pack");
        Assert.Equal(3, Directory.GetFiles(_folder.Path, "*.journal").Length);
        Assert.Equal((0L, 0), journal.Index.Held);
        Assert.Equal(0, OpenFilesWithoutAName());
    }

    [Fact]
    public async Task DrainAll_WithHeldFiles_LeavesNoByteOfThem()
    {
        await using var journal = await HoldAsync("a/b/0.pack", "a/b/1.pack");
        Assert.Equal(2, OpenFilesWithoutAName());
        await _folder.Drain(journal).DrainAllAsync(default);
        Assert.Equal(0, OpenFilesWithoutAName());
        Assert.Equal(["a/b/2.pack", "a/b/3.pack", "a/b/4.pack"], await JournalFolder.ListAsync(_folder.Store(journal), ""));
    }

    /// <summary>Five packs in files of their own, of which two have been replaced when the journal is drained for its size.</summary>
    private async Task<EdgeJournal> HoldAsync(params string[] replaced)
    {
        _folder.Options = _folder.Options with { FileBytes = 4096, KeepBytes = 15_000, QuietSeconds = 3600 };
        var journal = await _folder.OpenAsync();
        await PacksAsync(journal, 0, 5);
        var drain = Drain(journal, replaced);
        while (await drain.StepAsync(default))
        {
        }

        return journal;
    }

    private JournalDrain Drain(EdgeJournal journal, params string[] replaced)
    {
        var drain = _folder.Drain(journal);
        drain.Compact = (_, _) => ValueTask.FromResult(new JournalVerdict(new HashSet<string>(), replaced.ToHashSet()));
        return drain;
    }

    private static async Task PacksAsync(EdgeJournal journal, int first, int count)
    {
        for (var i = first; i < first + count; i++) await journal.AppendAsync([($"a/b/{i}.pack", Page(i))], default, default);
    }

    /// <summary>Files of the journal's folder that only this process's handles keep on the disk.</summary>
    private int OpenFilesWithoutAName() =>
        Directory.EnumerateFiles("/proc/self/fd").Count(fd => new FileInfo(fd).LinkTarget is { } to && to.StartsWith(_folder.Path, StringComparison.Ordinal) && to.EndsWith("(deleted)", StringComparison.Ordinal));

    private static byte[] Page(int i) => [.. Enumerable.Repeat((byte)i, 4096)];
}
