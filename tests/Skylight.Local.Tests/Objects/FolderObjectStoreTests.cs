using System.Diagnostics;
using Skylight.Archive.Objects;
using Skylight.Conformance;
using Skylight.Local.Objects;

namespace Skylight.Local.Tests.Objects;

public sealed class FolderObjectStoreTests : ObjectStoreConformance, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly FolderObjectStore _store;

    public FolderObjectStoreTests() => _store = FolderObjectStore.Open(Path.Combine(_folder, "objects"), new FolderObjectStoreOptions { MinFreeBytes = 0 }, TimeProvider.System);

    protected override IObjectStore Store => _store;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Open_AfterACrash_ClearsWhatWasNotCommitted()
    {
        var root = Path.Combine(_folder, "objects");
        var writer = await _store.CreateAsync("a/b/c.pack", default);
        await writer.WriteAsync(new byte[1000], default);
        Assert.Single(Directory.GetFiles(Path.Combine(root, ".temporary")));

        // The writer is forgotten, as a killed process forgets it.
        FolderObjectStore.Open(root, new FolderObjectStoreOptions { MinFreeBytes = 0 }, TimeProvider.System);
        Assert.Empty(Directory.GetFiles(root, "*", SearchOption.AllDirectories));
        await writer.DisposeAsync();
    }

    [Fact]
    public async Task Delete_OnAMediumThatWasTakenAway_SaysNothingIsGone()
    {
        var root = Path.Combine(_folder, "objects");
        await StoreAsync(_store, "a/b/c.pack", 1000);
        Directory.Move(root, root + ".away");
        await Assert.ThrowsAsync<IOException>(async () => await _store.DeleteAsync("a/b/c.pack", default));
        await Assert.ThrowsAsync<IOException>(async () => await _store.ListAsync("", default).ToListAsync());

        // A mount point without its medium.
        Directory.CreateDirectory(root);
        await Assert.ThrowsAsync<IOException>(async () => await _store.DeleteAsync("a/b/c.pack", default));
        Directory.Delete(root);
        Directory.Move(root + ".away", root);
        Assert.True(await _store.DeleteAsync("a/b/c.pack", default));
        Assert.False(await _store.DeleteAsync("a/b/c.pack", default));
    }

    [Fact]
    public async Task SetTier_ToAnotherFileSystem_CopiesAndVerifies()
    {
        using var disk = SmallDisk.TryMount(4 << 20);
        Assert.SkipWhen(disk is null, "A small file system can be mounted by root only.");
        var store = Tiered(new FolderObjectStoreOptions { MinFreeBytes = 0, ColdFolder = Path.Combine(disk.Path, "cold") }, TimeProvider.System);
        await StoreAsync(store, "a/b/small.pack", 1 << 20);
        await StoreAsync(store, "a/b/large.pack", 8 << 20);
        await store.SetTierAsync("a/b/small.pack", ObjectTier.Cold, default);
        await Assert.ThrowsAsync<StorageFullException>(async () => await store.SetTierAsync("a/b/large.pack", ObjectTier.Cold, default));
        Assert.Equal(ObjectTier.Hot, (await store.GetStatusAsync("a/b/large.pack", default))!.Value.Tier);
        Assert.Equal(new ObjectStatus(1 << 20, ObjectTier.Cold, false), await store.GetStatusAsync("a/b/small.pack", default));
        Assert.Equal([Path.Combine(disk.Path, "cold/a/b/small.pack")], Directory.GetFiles(disk.Path, "*", SearchOption.AllDirectories));
        Assert.Equal([Path.Combine(_folder, "tiered/a/b/large.pack")], Directory.GetFiles(Path.Combine(_folder, "tiered"), "*", SearchOption.AllDirectories));
        var bytes = new byte[1 << 20];
        Assert.Equal(bytes.Length, await store.ReadAsync("a/b/small.pack", 0, bytes, default));
        Assert.All(bytes, value => Assert.Equal(7, value));
    }

    [Fact]
    public async Task SetTier_BrokenOffByACrash_ReadsOneCopyAndIsFinishedByTheNextCall()
    {
        var options = new FolderObjectStoreOptions { MinFreeBytes = 0 };
        var store = Tiered(options, TimeProvider.System);
        await StoreAsync(store, "a/b/c.pack", 1000);

        // What a crash leaves between the copy and the removal of the old file, and one in the middle of a copy.
        var cold = Directory.CreateDirectory(Path.Combine(_folder, "tiered-cold/a/b")).FullName;
        await File.WriteAllBytesAsync(Path.Combine(cold, "c.pack"), new byte[10]);
        var half = Path.Combine(Directory.CreateDirectory(Path.Combine(_folder, "tiered-cold/.temporary")).FullName, "1");
        await File.WriteAllBytesAsync(half, new byte[10]);
        store = Tiered(options, TimeProvider.System);
        Assert.False(File.Exists(half));
        Assert.Equal(new ObjectStatus(1000, ObjectTier.Hot, false), await store.GetStatusAsync("a/b/c.pack", default));
        Assert.Equal(["a/b/c.pack"], await ListAsync(store));

        await store.SetTierAsync("a/b/c.pack", ObjectTier.Cold, default);
        Assert.Equal(new ObjectStatus(1000, ObjectTier.Cold, false), await store.GetStatusAsync("a/b/c.pack", default));
        Assert.Equal([Path.Combine(cold, "c.pack")], Directory.GetFiles(_folder, "c.pack", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Rehydration_WithADelay_EndsAtItsTime_AcrossARestart()
    {
        var time = new TestClock();
        var options = new FolderObjectStoreOptions { MinFreeBytes = 0, RehydrationDelaySeconds = 3600 };
        var store = Tiered(options, time);
        await StoreAsync(store, "a/b/c.pack", 1000);
        await store.SetTierAsync("a/b/c.pack", ObjectTier.Archive, default);
        await store.SetTierAsync("a/b/c.pack", ObjectTier.Hot, default);
        Assert.Equal(new ObjectStatus(1000, ObjectTier.Archive, true), await store.GetStatusAsync("a/b/c.pack", default));
        await Assert.ThrowsAsync<ObjectArchivedException>(async () => await store.ReadAsync("a/b/c.pack", 0, new byte[10], default));

        // Neither another call nor a restart starts it anew.
        time.Advance(TimeSpan.FromMinutes(59));
        store = Tiered(options, time);
        await store.SetTierAsync("a/b/c.pack", ObjectTier.Cool, default);
        Assert.True((await store.GetStatusAsync("a/b/c.pack", default))!.Value.Rehydrating);
        time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(10, await store.ReadAsync("a/b/c.pack", 0, new byte[10], default));
        Assert.Equal(new ObjectStatus(1000, ObjectTier.Hot, false), await store.GetStatusAsync("a/b/c.pack", default));
        Assert.Empty(Directory.GetFiles(Path.Combine(_folder, "tiered-archive"), "*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Archived_ReadByATool_StaysWhereItIs()
    {
        var store = Tiered(new FolderObjectStoreOptions { MinFreeBytes = 0, RehydrationDelaySeconds = 3600 }, TimeProvider.System);
        foreach (var name in (string[])["a/b/c.pack", "a/b/d.pack"])
        {
            await StoreAsync(store, name, 1000);
            await store.SetTierAsync(name, ObjectTier.Archive, default);
        }

        await store.SetTierAsync("a/b/d.pack", ObjectTier.Hot, default);
        var tool = Tiered(new FolderObjectStoreOptions { MinFreeBytes = 0, RehydrationDelaySeconds = 3600, ReadArchived = true }, TimeProvider.System);
        Assert.Equal(10, await tool.ReadAsync("a/b/c.pack", 0, new byte[10], default));
        Assert.Equal(10, await tool.ReadAsync("a/b/d.pack", 0, new byte[10], default));
        Assert.Equal(new ObjectStatus(1000, ObjectTier.Archive, false), await tool.GetStatusAsync("a/b/c.pack", default));
        Assert.Equal(new ObjectStatus(1000, ObjectTier.Archive, true), await tool.GetStatusAsync("a/b/d.pack", default));
    }

    [Fact]
    public async Task Create_BelowTheFreeSpaceFloor_IsRefused()
    {
        var store = FolderObjectStore.Open(Path.Combine(_folder, "full"), new FolderObjectStoreOptions { MinFreeBytes = 1L << 50 }, TimeProvider.System);
        await Assert.ThrowsAsync<StorageFullException>(async () => await store.CreateAsync("a/b/c.pack", default));
    }

    [Fact]
    public async Task Write_DiskFull_IsAClearErrorAndLeavesNothing()
    {
        using var disk = SmallDisk.TryMount(1 << 20);
        Assert.SkipWhen(disk is null, "A small file system can be mounted by root only.");
        var store = FolderObjectStore.Open(Path.Combine(disk.Path, "objects"), new FolderObjectStoreOptions { MinFreeBytes = 0 }, TimeProvider.System);
        await using (var writer = await store.CreateAsync("a/b/c.pack", default))
        {
            await Assert.ThrowsAsync<StorageFullException>(async () =>
            {
                for (var i = 0; i < 100; i++) await writer.WriteAsync(new byte[100_000], default);
            });
            await Assert.ThrowsAsync<InvalidOperationException>(async () => await writer.CommitAsync(default));
        }

        Assert.Null(await store.GetLengthAsync("a/b/c.pack", default));
        Assert.Empty(Directory.GetFiles(disk.Path, "*", SearchOption.AllDirectories));

        // Room again: the same store goes on.
        await using var next = await store.CreateAsync("a/b/d.pack", default);
        await next.WriteAsync(new byte[1000], default);
        await next.CommitAsync(default);
        Assert.Equal(1000, await store.GetLengthAsync("a/b/d.pack", default));
    }

    private FolderObjectStore Tiered(FolderObjectStoreOptions options, TimeProvider time) => FolderObjectStore.Open(Path.Combine(_folder, "tiered"), options, time);

    private static async Task StoreAsync(FolderObjectStore store, string name, int length)
    {
        var bytes = new byte[length];
        bytes.AsSpan().Fill(7);
        await using var writer = await store.CreateAsync(name, default);
        await writer.WriteAsync(bytes, default);
        await writer.CommitAsync(default);
    }

    private static async Task<string[]> ListAsync(FolderObjectStore store)
    {
        var names = new List<string>();
        await foreach (var name in store.ListAsync("", default)) names.Add(name);
        return [.. names];
    }
}

/// <summary>A file system of a given size in memory.</summary>
internal sealed class SmallDisk : IDisposable
{
    private SmallDisk(string path) => Path = path;

    public string Path { get; }

    /// <summary>Null where this user may not mount.</summary>
    public static SmallDisk? TryMount(int bytes)
    {
        var path = Directory.CreateTempSubdirectory("skylight-disk-").FullName;
        if (Run("mount", "-t", "tmpfs", "-o", $"size={bytes}", "tmpfs", path)) return new SmallDisk(path);
        Directory.Delete(path);
        return null;
    }

    public void Dispose()
    {
        Run("umount", "-l", Path);
        Directory.Delete(Path);
    }

    public static void Resize(string path, int bytes) => Assert.True(Run("mount", "-o", $"remount,size={bytes}", path));

    private static bool Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true });
        process!.WaitForExit();
        return process.ExitCode == 0;
    }
}
