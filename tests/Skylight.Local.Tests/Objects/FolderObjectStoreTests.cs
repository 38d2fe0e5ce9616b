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
