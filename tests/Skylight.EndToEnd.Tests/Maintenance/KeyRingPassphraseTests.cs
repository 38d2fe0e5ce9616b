using Skylight.Cli;
using Skylight.Cli.Maintenance;
using Skylight.EndToEnd.Tests.DicomWeb;

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

        _edge.PassphraseFile = Path.Combine(_edge.Data, "last");
        await _edge.StartAsync();
        using var radiologist = await _edge.ClientAsync("radiologist");
        Assert.Equal(file.Bytes, await radiologist.GetByteArrayAsync($"api/studies/{file.Study}/series/{file.Series}/instances/{file.Sop}/original"));
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
