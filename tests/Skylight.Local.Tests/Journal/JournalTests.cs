using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using Skylight.Archive.Objects;
using Skylight.Conformance;
using Skylight.Local.Journal;
using Skylight.Local.Objects;
using Skylight.Local.Tests.Objects;
using EdgeJournal = Skylight.Local.Journal.Journal;

namespace Skylight.Local.Tests.Journal;

/// <summary>The overlay is an object store like any other, whatever lies in the journal beneath it.</summary>
public sealed class JournalObjectStoreTests : ObjectStoreConformance, IAsyncLifetime
{
    private readonly JournalFolder _folder = new();
    private EdgeJournal _journal = null!;

    protected override IObjectStore Store => _folder.Store(_journal);

    public async ValueTask InitializeAsync() => _journal = await _folder.OpenAsync();

    public async ValueTask DisposeAsync()
    {
        await _journal.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task ReadLengthListDelete_OfAJournaledObject_WorkAsOfAnyOther()
    {
        await StoreAsync("a/b/2.pack", Bytes(5));
        await _journal.AppendAsync([("a/b/1.pack", Bytes(1000)), ("a/c/3.pack", Bytes(10))], default, default);
        Assert.Equal(Bytes(1000)[900..], await ReadAsync("a/b/1.pack", 900, 500));
        Assert.Equal(1000, await Store.GetLengthAsync("a/b/1.pack", default));
        Assert.Equal(["a/b/1.pack", "a/b/2.pack"], await JournalFolder.ListAsync(Store, "a/b/"));
        Assert.True(await Store.DeleteAsync("a/b/1.pack", default));
        Assert.False(await Store.DeleteAsync("a/b/1.pack", default));
        Assert.Null(await Store.GetLengthAsync("a/b/1.pack", default));
        await Assert.ThrowsAsync<ObjectMissingException>(() => ReadAsync("a/b/1.pack", 0, 1));
    }
}

public sealed class JournalTests : IDisposable
{
    private readonly JournalFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Append_FromManyTasks_AppliesInOrderAndSurvivesARestart()
    {
        var acknowledged = new ConcurrentDictionary<long, string>();
        await using (var journal = await _folder.OpenAsync())
        {
            await Parallel.ForAsync(0, 500, async (i, token) =>
            {
                var name = $"a/b/{i}.pack";
                var sequence = await journal.AppendAsync([(name, Content(name))], System.Text.Encoding.UTF8.GetBytes(name), token);
                acknowledged[sequence] = name;
                Assert.Equal(Content(name), await _folder.ReadAsync(journal, name));
            });
        }

        Assert.Equal(Enumerable.Range(1, 500).Select(i => (long)i), _folder.Applied.Select(item => item.Sequence));
        Assert.All(_folder.Applied, item => Assert.Equal(acknowledged[item.Sequence], item.Change));
        _folder.Applied.Clear();
        await using var again = await _folder.OpenAsync();
        Assert.Equal(acknowledged.OrderBy(item => item.Key).Select(item => (item.Key, item.Value)), _folder.Applied);
        foreach (var name in acknowledged.Values) Assert.Equal(Content(name), await _folder.ReadAsync(again, name));
        Assert.Equal(501, await again.AppendAsync([], default, default));
    }

    [Fact]
    public async Task Start_WithAnAppliedSequence_ReplaysWhatFollows()
    {
        await using (var journal = await _folder.OpenAsync())
            for (var i = 0; i < 5; i++) await journal.AppendAsync([], new byte[] { (byte)('a' + i) }, default);
        _folder.Applied.Clear();
        await using (await _folder.OpenAsync(applied: 3)) Assert.Equal([(4, "d"), (5, "e")], _folder.Applied);
        await using var ahead = await _folder.OpenAsync(applied: 100);
        Assert.Equal(101, await ahead.AppendAsync([], default, default));
    }

    [Fact]
    public async Task Open_FileCutAnywhere_KeepsEveryWholeRecordAndGoesOn()
    {
        for (var i = 0; i < 3; i++)
        {
            await using var journal = await _folder.OpenAsync();
            for (var j = 0; j < 3; j++) await journal.AppendAsync([($"a/b/{i}-{j}.pack", Content("x"))], new byte[] { 1 }, default);
        }

        var path = Directory.GetFiles(_folder.Path, "*.journal").Order(StringComparer.Ordinal).Last(file => new FileInfo(file).Length > 64);
        var bytes = await File.ReadAllBytesAsync(path);
        for (var length = bytes.Length; length >= 0; length -= 13)
        {
            foreach (var file in Directory.GetFiles(_folder.Path, "*.journal")) if (string.CompareOrdinal(file, path) > 0) File.Delete(file);
            await File.WriteAllBytesAsync(path, bytes.AsMemory(0, length));
            _folder.Applied.Clear();
            await using var journal = await _folder.OpenAsync();
            var whole = 6 + WholeRecords(bytes, length);
            Assert.Equal(Enumerable.Range(1, whole).Select(i => (long)i), _folder.Applied.Select(item => item.Sequence));
            Assert.Equal(whole, (await JournalFolder.ListAsync(_folder.Store(journal), "")).Length);
            Assert.Equal(whole + 1, await journal.AppendAsync([($"a/b/new-{length}.pack", Content("y"))], default, default));
        }
    }

    [Fact]
    public async Task Open_TailNeverPromised_IsCutEvenIfOnlyItsMiddleIsMissing()
    {
        await using (var journal = await _folder.OpenAsync())
        {
            await journal.AppendAsync([], "one"u8.ToArray(), default);
            await journal.AppendAsync([("a/b/2.pack", new byte[5000])], "two"u8.ToArray(), default);
        }

        // A group of one record of which the disk wrote the end and not the middle.
        var path = Directory.GetFiles(_folder.Path, "*.journal").Single();
        var bytes = await File.ReadAllBytesAsync(path);
        bytes[^3000] ^= 1;
        await File.WriteAllBytesAsync(path, bytes);
        _folder.Applied.Clear();
        await using var again = await _folder.OpenAsync();
        Assert.Equal([(1, "one")], _folder.Applied);
        Assert.Empty(await JournalFolder.ListAsync(_folder.Store(again), ""));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Open_DurableRecordDamaged_IsRefusedAndNothingIsCut(bool inAnOlderFile)
    {
        await using (var journal = await _folder.OpenAsync())
        {
            await journal.AppendAsync([("a/b/1.pack", new byte[500])], "one"u8.ToArray(), default);
            if (inAnOlderFile) await journal.RotateAsync();
            await journal.AppendAsync([], "two"u8.ToArray(), default);
        }

        var path = Directory.GetFiles(_folder.Path, "*.journal").Order(StringComparer.Ordinal).First();
        var bytes = await File.ReadAllBytesAsync(path);
        bytes[300] ^= 1;
        await File.WriteAllBytesAsync(path, bytes);
        var error = await Assert.ThrowsAsync<JournalException>(() => _folder.OpenAsync());
        Assert.Equal(JournalFault.Damaged, error.Fault);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(path));
    }

    [Fact]
    public async Task Open_Twice_IsRefused()
    {
        await using var journal = await _folder.OpenAsync();
        Assert.Equal(JournalFault.InUse, (await Assert.ThrowsAsync<JournalException>(() => _folder.OpenAsync())).Fault);
    }

    [Fact]
    public async Task Append_FsyncFails_PoisonsUntilTheNextStart()
    {
        var broken = false;
        _folder.Options = _folder.Options with
        {
            Sync = (handle, what) =>
            {
                if (broken) throw new IOException("I/O error");
                LibC.SyncData(handle, what);
            },
        };
        await using (var journal = await _folder.OpenAsync())
        {
            await journal.AppendAsync([], "one"u8.ToArray(), default);
            broken = true;
            Assert.Equal(JournalFault.Poisoned, (await Assert.ThrowsAsync<JournalException>(async () => await journal.AppendAsync([("a/b/1.pack", new byte[10])], "two"u8.ToArray(), default))).Fault);
            broken = false;
            Assert.Equal(JournalFault.Poisoned, journal.Failure?.Fault);
            await Assert.ThrowsAsync<JournalException>(async () => await journal.AppendAsync([], "three"u8.ToArray(), default));
            Assert.Empty(await JournalFolder.ListAsync(_folder.Store(journal), ""));
            Assert.Equal([(1, "one")], _folder.Applied);
        }

        await using var again = await _folder.OpenAsync();
        Assert.True(await again.AppendAsync([], "four"u8.ToArray(), default) > 1);
    }

    [Fact]
    public async Task Append_WhileAGroupIsBeingWritten_BecomesOneGroupWithOneFsync()
    {
        using var first = new SemaphoreSlim(0);
        using var go = new SemaphoreSlim(0);
        var syncs = 0;
        _folder.Options = _folder.Options with
        {
            Sync = (_, _) =>
            {
                if (Interlocked.Increment(ref syncs) > 1) return;
                first.Release();
                go.Wait();
            },
        };
        await using var journal = await _folder.OpenAsync();
        var leader = journal.AppendAsync([], default, default);
        await first.WaitAsync();
        var followers = Enumerable.Range(0, 50).Select(_ => journal.AppendAsync([], new byte[10], default).AsTask()).ToArray();
        go.Release();
        Assert.Equal(1, await leader);
        Assert.Equal(Enumerable.Range(2, 50).Select(i => (long)i), await Task.WhenAll(followers));
        Assert.Equal((2, 51L, 2L), (syncs, journal.Commits, journal.Groups));
        Assert.Null(journal.Failure);
    }

    [Fact]
    public async Task Append_ApplyFails_IsReplayedByTheNextStart()
    {
        _folder.FailApply = "two";
        await using (var journal = await _folder.OpenAsync())
        {
            await journal.AppendAsync([], "one"u8.ToArray(), default);
            await Assert.ThrowsAsync<JournalException>(async () => await journal.AppendAsync([], "two"u8.ToArray(), default));
            await Assert.ThrowsAsync<JournalException>(async () => await journal.AppendAsync([], "three"u8.ToArray(), default));
        }

        _folder.FailApply = null;
        _folder.Applied.Clear();
        await using var again = await _folder.OpenAsync();
        Assert.Equal([(1, "one"), (2, "two")], _folder.Applied);
    }

    [Fact]
    public async Task Append_DiskFull_IsAClearErrorAndTheJournalGoesOn()
    {
        using var disk = SmallDisk.TryMount(1 << 20);
        Assert.SkipWhen(disk is null, "A small file system can be mounted by root only.");
        var stored = new List<string>();
        using var folder = new JournalFolder(disk.Path);
        await using (var journal = await folder.OpenAsync())
        {
            await Assert.ThrowsAsync<StorageFullException>(async () =>
            {
                for (var i = 0; i < 100; i++)
                {
                    await journal.AppendAsync([($"a/b/{i}.pack", Content($"{i}"))], new byte[20_000], default);
                    stored.Add($"a/b/{i}.pack");
                }
            });
            Assert.InRange(stored.Count, 10, 99);
            await journal.AppendAsync([], "small"u8.ToArray(), default);
        }

        folder.Applied.Clear();

        // The torn-tail rewrite of the newest file needs room of its own; the disk is made larger first, as an operator would.
        SmallDisk.Resize(disk.Path, 4 << 20);
        await using var again = await folder.OpenAsync();
        Assert.Equal(stored.Count + 1, folder.Applied.Count);
        foreach (var name in stored) Assert.Equal(Content(name[4..^5]), await folder.ReadAsync(again, name));
    }

    [Fact]
    public async Task Append_BelowTheFreeSpaceFloor_IsRefused()
    {
        _folder.Options = _folder.Options with { MinFreeBytes = 1L << 50 };
        await using var journal = await _folder.OpenAsync();
        await Assert.ThrowsAsync<StorageFullException>(async () => await journal.AppendAsync([], default, default));
    }

    [Fact]
    public async Task Drain_ClosedFiles_MovesObjectsAndDropsTheFilesAfterTheCheckpoint()
    {
        await using (var journal = await _folder.OpenAsync())
        {
            for (var i = 0; i < 20; i++) await journal.AppendAsync([($"a/b/{i}.pack", Content($"{i}")), ($"a/b/{i}.index", Content($"i{i}"))], "x"u8.ToArray(), default);
            _folder.OnCheckpoint = () => Assert.Equal(2, Directory.GetFiles(_folder.Path, "*.journal").Length);
            Assert.Equal(40, await _folder.Drain(journal).DrainAllAsync(default));
            Assert.Equal(1, _folder.Checkpoints);
            Assert.Single(Directory.GetFiles(_folder.Path, "*.journal"));
            Assert.Equal(40, (await JournalFolder.ListAsync(_folder.Inner, "")).Length);
            for (var i = 0; i < 20; i++) Assert.Equal(Content($"{i}"), await _folder.ReadAsync(journal, $"a/b/{i}.pack"));
            Assert.Equal(0, await _folder.Drain(journal).DrainAllAsync(default));
        }

        _folder.Applied.Clear();
        await using var again = await _folder.OpenAsync();
        Assert.Empty(_folder.Applied);
        Assert.Equal(21, await again.AppendAsync([], default, default));
    }

    [Fact]
    public async Task Drain_ObjectMovedBeforeACrash_IsNotMovedTwice()
    {
        await using (var journal = await _folder.OpenAsync()) await journal.AppendAsync([("a/b/1.pack", Content("1")), ("a/b/2.pack", Content("2"))], default, default);
        await using (var writer = await _folder.Inner.CreateAsync("a/b/1.pack", default))
        {
            await writer.WriteAsync(Content("1"), default);
            await writer.CommitAsync(default);
        }

        await using var again = await _folder.OpenAsync();
        await _folder.Drain(again).DrainAllAsync(default);
        Assert.Equal(["a/b/1.pack", "a/b/2.pack"], await JournalFolder.ListAsync(_folder.Inner, ""));
    }

    [Fact]
    public async Task Delete_BeforeOrAfterTheDrain_IsNeverUndoneByARestart()
    {
        await using (var journal = await _folder.OpenAsync())
        {
            await journal.AppendAsync([("a/b/1.pack", Content("1")), ("a/b/2.pack", Content("2")), ("a/b/3.pack", Content("3"))], default, default);
            var store = _folder.Store(journal);
            Assert.True(await store.DeleteAsync("a/b/1.pack", default));

            // 2 has been moved out, but its file has not been dropped yet: it is deleted from both.
            await using (var writer = await _folder.Inner.CreateAsync("a/b/2.pack", default)) await writer.CommitAsync(default);
            journal.Index.Remove(["a/b/2.pack"]);
            Assert.True(await store.DeleteAsync("a/b/2.pack", default));
        }

        await using var again = await _folder.OpenAsync();
        Assert.Equal(["a/b/3.pack"], await JournalFolder.ListAsync(_folder.Store(again), ""));
        await _folder.Drain(again).DrainAllAsync(default);
        Assert.Equal(3, _folder.CheckpointedThrough);
        Assert.Equal(["a/b/3.pack"], await JournalFolder.ListAsync(_folder.Store(again), ""));
        Assert.Single(Directory.GetFiles(_folder.Path, "*.journal"));
    }

    [Fact]
    public async Task Drain_Compacted_MovesOnlyWhatIsStillReferredTo()
    {
        await using var journal = await _folder.OpenAsync();
        await journal.AppendAsync([("a/b/1.pack", Content("1")), ("a/b/2.pack", Content("2")), ("a/b/3.pack", Content("3"))], default, default);
        var drain = _folder.Drain(journal);
        drain.Compact = (objects, _) =>
        {
            Assert.Equal(["a/b/1.pack", "a/b/2.pack", "a/b/3.pack"], objects.Order());
            return ValueTask.FromResult(new JournalVerdict(new HashSet<string> { "a/b/1.pack", "a/b/2.pack" }, new HashSet<string>()));
        };
        Assert.Equal(1, await drain.DrainAllAsync(default));
        Assert.Equal(["a/b/3.pack"], await JournalFolder.ListAsync(_folder.Store(journal), ""));
    }

    [Fact]
    public async Task Step_SeriesArrivingOneByOne_IsOfferedForMergingOnceItHasStoppedGrowing()
    {
        _folder.Options = _folder.Options with { QuietSeconds = 3600 };
        await using var journal = await _folder.OpenAsync();
        var (offered, step) = Offers(journal);
        await ArriveAsync(journal, 0, 70);
        await step();
        Assert.Empty(offered);
        await ArriveAsync(journal, 70, 1);
        await step();
        Assert.Empty(offered);
        await step();
        Assert.Equal(71, offered.Count);
        Assert.All(offered, name => Assert.StartsWith("a/b/", name, StringComparison.Ordinal));
        Assert.Empty(await JournalFolder.ListAsync(_folder.Inner, ""));
    }

    [Fact]
    public async Task Step_SeriesArrivingOneByOneWithoutEnd_IsOfferedWhileItGrows()
    {
        _folder.Options = _folder.Options with { QuietSeconds = 3600 };
        await using var journal = await _folder.OpenAsync();
        var (offered, step) = Offers(journal);
        await ArriveAsync(journal, 0, 520);
        await step();
        Assert.Equal(520, offered.Count);
    }

    /// <summary>What a drain is going to offer for merging, and its next look, after the pause between two.</summary>
    private (List<string> Offered, Func<Task> Step) Offers(EdgeJournal journal)
    {
        var clock = new TestClock(DateTimeOffset.UnixEpoch);
        var drain = _folder.Drain(journal, clock);
        var offered = new List<string>();
        drain.Compact = (objects, _) =>
        {
            offered.AddRange(objects);
            return ValueTask.FromResult(new JournalVerdict(new HashSet<string>(), new HashSet<string>()));
        };
        return (offered, async () =>
        {
            clock.Advance(TimeSpan.FromSeconds(6));
            await drain.StepAsync(default);
        });
    }

    private static async Task ArriveAsync(EdgeJournal journal, int first, int count)
    {
        for (var i = first; i < first + count; i++) await journal.AppendAsync([($"a/b/{i}.index", new byte[10]), ($"a/c{i}/1.index", new byte[10])], default, default);
    }

    [Fact]
    public async Task Step_PastTheLimits_DrainsTheOldestFileWhileCommitsGoOn()
    {
        _folder.Options = _folder.Options with { FileBytes = 4096, KeepBytes = 10_000, QuietSeconds = 3600 };
        await using var journal = await _folder.OpenAsync();
        for (var i = 0; i < 20; i++) await journal.AppendAsync([($"a/b/{i}.pack", new byte[2000])], default, default);
        var before = Directory.GetFiles(_folder.Path, "*.journal").Length;
        await _folder.Drain(journal).StepAsync(default);
        Assert.Equal(before - 1, Directory.GetFiles(_folder.Path, "*.journal").Length);
        Assert.NotEmpty(await JournalFolder.ListAsync(_folder.Inner, ""));
        Assert.Equal(20, (await JournalFolder.ListAsync(_folder.Store(journal), "")).Length);
    }

    [Fact]
    public async Task Append_BeforeStartOrWithAnUnsafeName_IsRefused()
    {
        using (var other = new JournalFolder())
        {
            await using var idle = EdgeJournal.Open(other.Path, other.Options, TimeProvider.System);
            await Assert.ThrowsAsync<InvalidOperationException>(async () => await idle.AppendAsync([], default, default));
        }

        await using var journal = await _folder.OpenAsync();
        await Assert.ThrowsAsync<ArgumentException>(async () => await journal.AppendAsync([("../x", default)], default, default));
    }

    [Fact]
    public void Crc32C_Rfc3720Vectors_Agree()
    {
        Assert.Equal(0x8A9136AAu, Crc32C.Append(0, new byte[32]));
        Assert.Equal(0x62A8AB43u, Crc32C.Append(0, [.. Enumerable.Repeat((byte)0xFF, 32)]));
        Assert.Equal(0xE3069283u, Crc32C.Append(Crc32C.Append(0, "1234"u8), "56789"u8));
    }

    private static byte[] Content(string name) => [.. Enumerable.Range(0, 300 + (name.Length * 7)).Select(i => (byte)(i + name[i % name.Length]))];

    private static int WholeRecords(byte[] bytes, int length)
    {
        var count = 0;
        for (var at = FileHeader.Size; at + RecordHeader.Size <= length; count++)
        {
            at += RecordHeader.Size + BitConverter.ToInt32(bytes, at + 24);
            if (at > length) break;
        }

        return length < FileHeader.Size ? 0 : count;
    }
}
