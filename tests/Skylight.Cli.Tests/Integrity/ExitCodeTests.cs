namespace Skylight.Cli.Tests.Integrity;

/// <summary>A watcher tells by the exit code whether damage was found or nobody could look.</summary>
public sealed class ExitCodeTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(4, "holds no backup", "restore", "--from", "{}/none", "--list")]
    [InlineData(4, "holds no backup", "restore", "--from", "{}", "--to", "{}/to")]
    [InlineData(4, "has no archive", "backup", "--data", "{}/none", "--to", "{}/set")]
    [InlineData(4, "has no archive", "verify", "--data", "{}/none")]
    [InlineData(2, "lies inside", "backup", "--data", "{}/data", "--to", "{}/data/set")]
    [InlineData(2, "lies inside", "backup", "--data", "{}/data", "--to", "{}/link/set")]
    [InlineData(2, "lies inside", "backup", "--data", "{}/link", "--to", "{}/data/objects-cold/set")]
    [InlineData(2, "1 to 35", "backup", "--data", "{}/data", "--to", "{}/set", "--keep-days", "36")]
    [InlineData(2, "is no JSON", "reindex", "--azure", "{}/bad.json", "--without-backup")]
    [InlineData(2, "Skylight:", "reindex", "--azure", "{}/empty.json", "--without-backup")]
    [InlineData(2, "is no copy of catalog.db", "reindex", "--data", "{}/data", "--backup", "{}/bad.json")]
    [InlineData(2, "is no copy of catalog.db", "reindex", "--data", "{}/data", "--backup", "{}/data/catalog.db")]
    [InlineData(1, "database", "verify", "--data", "{}/damaged")]
    [InlineData(4, "has no archive", "keys", "passphrase", "--data", "{}/data", "--new-passphrase-file", "{}/bad.json")]
    [InlineData(2, "SKYLIGHT_URL", "search", "--token", "t")]
    public async Task Refused_SaysWhyInALine_AndByItsCode(int code, string words, params string[] arguments)
    {
        Directory.CreateDirectory(Path.Combine(_folder, "data"));
        Directory.CreateSymbolicLink(Path.Combine(_folder, "link"), Path.Combine(_folder, "data"));
        await File.WriteAllTextAsync(Path.Combine(_folder, "data", "catalog.db"), "");
        await File.WriteAllTextAsync(Path.Combine(Directory.CreateDirectory(Path.Combine(_folder, "damaged")).FullName, "catalog.db"), new string('x', 5000));
        await File.WriteAllTextAsync(Path.Combine(_folder, "bad.json"), "{\"Skylight\":");
        await File.WriteAllTextAsync(Path.Combine(_folder, "empty.json"), "{}");
        var told = await Tool.RunAsync([.. arguments.Select(argument => argument.Replace("{}", _folder, StringComparison.Ordinal))], environment: ("SKYLIGHT_URL", "not an address"));
        Assert.Equal((code, ""), (told.Code, told.Output));
        Assert.StartsWith("skylight: ", told.Errors, StringComparison.Ordinal);
        Assert.Contains(words, Assert.Single(told.Errors.TrimEnd().Split('\n')), StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(_folder, "data", "set")));
    }
}
