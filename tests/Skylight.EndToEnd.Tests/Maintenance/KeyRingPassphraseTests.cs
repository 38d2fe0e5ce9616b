using System.Text.Json;
using Skylight.Cli;
using Skylight.Cli.Integrity;
using Skylight.Cli.Maintenance;
using Skylight.EndToEnd.Tests.DicomWeb;
using Skylight.Local.Backup;
using Skylight.Local.Keys;

namespace Skylight.EndToEnd.Tests.Maintenance;

/// <summary>The passphrase of a host's key ring is changed while it is stopped, and what was stored before is read after.</summary>
public sealed class KeyRingPassphraseTests : IAsyncLifetime
{
    private readonly Host _edge = new();

    public ValueTask InitializeAsync() => _edge.InitializeAsync();

    public ValueTask DisposeAsync() => _edge.DisposeAsync();

    [Fact]
    public async Task Change_RefusesARunningHost_AndServesWhatWasStored()
    {
        var file = DemoInstance.Load(_edge.Demo)[0];
        using (var technician = await _edge.ClientAsync("technician"))
        using (var stored = await EdgeFixture.StoreAsync(technician, "dicomweb/studies", file.Bytes)) Assert.True(stored.IsSuccessStatusCode);
        var next = Passphrase("next", "another secret");
        var before = await File.ReadAllBytesAsync(Path.Combine(_edge.Folder.FullName, "keys.json"));
        var refused = Assert.Throws<CliException>(() => PassphraseCommand.Change(_edge.Folder, null, next));
        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.Contains("A host has this folder open", refused.Message, StringComparison.Ordinal);
        await _edge.StopAsync();
        Assert.Equal(before, await File.ReadAllBytesAsync(Path.Combine(_edge.Folder.FullName, "keys.json")));

        PassphraseCommand.Change(_edge.Folder, null, next);
        Assert.Equal(ExitCode.Usage, Assert.Throws<CliException>(() => PassphraseCommand.Change(_edge.Folder, null, next)).ExitCode);
        PassphraseCommand.Change(_edge.Folder, next, Passphrase("last", "the last secret"));

        // A tool that is not told of it says so.
        Assert.Equal(ExitCode.Usage, (await Assert.ThrowsAsync<CliException>(() => OfflineArchive.OpenAsync(_edge.Folder, default))).ExitCode);

        _edge.PassphraseFile = Path.Combine(_edge.Data, "last");
        await _edge.StartAsync();
        using var radiologist = await _edge.ClientAsync("radiologist");
        Assert.Equal(file.Bytes, await radiologist.GetByteArrayAsync($"api/studies/{file.Study}/series/{file.Series}/instances/{file.Sop}/original"));
    }

    [Fact]
    public async Task Restore_OfARingWithItsOwn_TriesItBeforeAnythingIsCopied_AndLeavesTheHostsOtherPlacesAlone()
    {
        var file = DemoInstance.Load(_edge.Demo)[0];
        using (var technician = await _edge.ClientAsync("technician"))
        using (var stored = await EdgeFixture.StoreAsync(technician, "dicomweb/studies", file.Bytes)) Assert.True(stored.IsSuccessStatusCode);
        await _edge.StopAsync();
        var own = Passphrase("own", "another secret");
        PassphraseCommand.Change(_edge.Folder, null, own);
        var places = JsonSerializer.Serialize(new Dictionary<string, string> { ["Skylight:Audit:AnchorFolder"] = Path.Combine(_edge.Data, "anchors"), ["Skylight:KeyRing:Path"] = Path.Combine(_edge.Data, "elsewhere.json") });
        await File.WriteAllTextAsync(Path.Combine(_edge.Folder.FullName, "settings.json"), places);
        var set = new BackupOptions(_edge.Folder.FullName, Path.Combine(_edge.Data, "set")) { KeyRingPassphraseFile = own.FullName };
        await FolderBackup.RunAsync(set, TimeProvider.System, default);

        var restore = new RestoreOptions(set.To, Path.Combine(_edge.Data, "back"));
        Assert.Equal(KeyRingFault.PassphraseNeeded, (await Assert.ThrowsAsync<KeyRingException>(() => RestoreCommand.RunAsync(restore, verify: true, json: false, default))).Fault);
        var wrong = restore with { KeyRingPassphraseFile = Passphrase("wrong", "a wrong secret").FullName };
        Assert.Equal(KeyRingFault.WrongPassphrase, (await Assert.ThrowsAsync<KeyRingException>(() => RestoreCommand.RunAsync(wrong, verify: true, json: false, default))).Fault);
        Assert.False(Directory.Exists(restore.To));

        Assert.Equal(ExitCode.Done, await RestoreCommand.RunAsync(restore with { KeyRingPassphraseFile = own.FullName }, verify: true, json: false, default));
        Assert.False(Directory.Exists(Path.Combine(_edge.Data, "anchors")));
        Assert.False(File.Exists(Path.Combine(_edge.Data, "elsewhere.json")));
        Assert.True(File.Exists(Path.Combine(restore.To, "keys.json")));
    }

    private FileInfo Passphrase(string name, string text)
    {
        var file = new FileInfo(Path.Combine(_edge.Data, name));
        File.WriteAllText(file.FullName, text + "\n");
        file.UnixFileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return file;
    }

    private sealed class Host : EdgeFixture
    {
        public string PassphraseFile { get; set; } = "";

        protected override IEnumerable<KeyValuePair<string, string?>> Settings => [new("Skylight:KeyRing:PassphraseFile", PassphraseFile.Length > 0 ? PassphraseFile : null)];
    }
}
