using Skylight.Local.Backup;

namespace Skylight.Local.Tests.Backup;

/// <summary>The objects of a folder, listed while a host moves them.</summary>
public sealed class SourceObjectsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void List_ObjectBroughtBackBehindTheLook_IsInItOnce()
    {
        Put("objects", "a/b/1.pack");
        Put("objects-cool", "a/b/2.pack");
        Put("objects-archive", "a/b/3.pack");
        using var names = new SourceObjects(new BackupOptions(_folder, "")).List().Select(item => $"{item.Tier} {item.Name}").GetEnumerator();
        var seen = new List<string>();
        while (names.MoveNext())
        {
            seen.Add(names.Current);
            if (seen.Count == 2) File.Move(PathOf("objects-archive", "a/b/3.pack"), PathOf("objects", "a/b/3.pack"));
        }

        Assert.Equal(["objects a/b/1.pack", "objects-cool a/b/2.pack", "objects a/b/3.pack"], seen);
    }

    [Fact]
    public void List_WhatWasKeptOfDamagedObjects_IsNotInIt()
    {
        Put("objects", "damaged/a/b/1.pack");
        Put("objects", ".temporary/7");
        Assert.Empty(new SourceObjects(new BackupOptions(_folder, "")).List());
    }

    [Fact]
    public void Find_ObjectMovedMeanwhile_IsWhereItIs()
    {
        Put("objects", "a/b/1.pack");
        var source = new SourceObjects(new BackupOptions(_folder, ""));
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf("objects-cold", "a/b/1.pack"))!);
        File.Move(PathOf("objects", "a/b/1.pack"), PathOf("objects-cold", "a/b/1.pack"));
        Assert.Equal("objects-cold", source.Find("a/b/1.pack")?.Tier);
        Assert.Null(source.Find("a/b/2.pack"));
    }

    private string PathOf(string tier, string name) => Path.Combine(_folder, tier, name);

    private void Put(string tier, string name)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(tier, name))!);
        File.WriteAllText(PathOf(tier, name), "bytes");
    }
}
