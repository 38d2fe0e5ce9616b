using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Skylight.Edge.Hosting;

namespace Skylight.Edge.Tests.Hosting;

public sealed class SettingsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Start_SeveralBadSettings_NamesEveryOneAndNoValue()
    {
        var reasons = await RefusedAsync(new()
        {
            ["Skylight:Edge:Address"] = "0.0.0.0",
            ["Skylight:Edge:DrainSeconds"] = "secret-1",
            ["Skylight:Edge:MaxConnections"] = "3",
            ["Skylight:Edge:MetricsNetworks:0"] = "secret-2",
            ["Skylight:Edge:CorsOrigins:0"] = "https://a.example/secret-3",
            ["Skylight:Edge:CertificateFile"] = null,
            ["Skylight:Edge:Prot"] = "7071",
            ["Skylight:Http:MaxBodyBytes"] = "1",
            ["Skylight:Hosting:PublicBaseUrl"] = "http://images.example.org",
            ["Skylight:Telemetry:OtlpEndpoint"] = "ftp://secret-4",
            ["Skylight:Telemetry:TraceSampleRatio"] = "2",
        });
        string[] expected =
        [
            "Skylight:Edge:Address", "Skylight:Edge:DrainSeconds", "Skylight:Edge:MaxConnections", "Skylight:Edge:MetricsNetworks", "Skylight:Edge:CorsOrigins",
            "Skylight:Edge:Prot ", "Skylight:Http:MaxBodyBytes", "Skylight:Hosting:PublicBaseUrl", "Skylight:Telemetry:OtlpEndpoint", "Skylight:Telemetry:TraceSampleRatio",
        ];
        foreach (var name in expected) Assert.Single(reasons, r => r.StartsWith(name, StringComparison.Ordinal));
        Assert.Equal(expected.Length, reasons.Count);
        Assert.DoesNotContain(reasons, r => r.Contains("secret", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Skylight:Replika:Folder")]
    [InlineData("Skylight:Audit:AnchorFoldr")]
    [InlineData("Skylight:Nope")]
    public async Task Start_NameThatNothingReads_IsRefused(string name)
    {
        var reason = Assert.Single(await RefusedAsync(new() { [name] = "secret" }));
        Assert.StartsWith(name.StartsWith("Skylight:Replika", StringComparison.Ordinal) ? "Skylight:Replika is not a setting." : $"{name} is not a setting.", reason, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Skylight:Objects:RehydrationDelaySeconds", "x")]
    [InlineData("Skylight:Objects:MinFreeBytes", "-1")]
    [InlineData("Skylight:Tiers:KeepAccessedDays", "-1")]
    public async Task Start_ValueThatRulesOfOtherSectionsAskFor_IsNamedOnceUnderItsOwn(string name, string value)
    {
        var reason = Assert.Single(await RefusedAsync(new() { [name] = value, ["Skylight:Replica:Folder"] = Path.Combine(_folder, "second") }));
        Assert.StartsWith(name, reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_SectionOfAStoreThatIsNotInUse_IsLetPass()
    {
        var reason = Assert.Single(await RefusedAsync(new() { ["Skylight:KeyBackup:Store:ServiceUrl"] = "https://keys.example.org", ["Skylight:Edge:DrainSeconds"] = "x" }));
        Assert.StartsWith("Skylight:Edge:DrainSeconds", reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("::")]
    [InlineData("192.0.2.1")]
    public async Task Start_OpenAddressWithoutTls_IsRefused(string address)
    {
        var reason = Assert.Single(await RefusedAsync(new() { ["Skylight:Edge:Address"] = address }));
        Assert.Contains("needs TLS", reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_DevOnAnOpenAddress_IsRefused()
    {
        var setup = Setup(new() { ["Skylight:Edge:Address"] = "0.0.0.0" }) with { Dev = true };
        var refused = await Assert.ThrowsAsync<StartupException>(() => EdgeHost.StartAsync(setup, CancellationToken.None));
        Assert.Contains(refused.Reasons, r => r.Contains("--dev", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Start_OpenAddressWithCertificate_SpeaksTlsOnly()
    {
        var (certificate, key) = Certificate();
        using var own = X509CertificateLoader.LoadCertificateFromFile(certificate);
        await using var host = await TestHost.StartAsync(settings: new Dictionary<string, string?>
        {
            ["Skylight:Edge:Address"] = "0.0.0.0",
            ["Skylight:Edge:CertificateFile"] = certificate,
            ["Skylight:Edge:CertificateKeyFile"] = key,
        });
        Assert.Equal("https", host.Edge.Address.Scheme);
        using var handler = new SocketsHttpHandler { SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = (_, presented, _, _) => presented is not null && presented.GetCertHashString() == own.GetCertHashString() } };
        using var client = new HttpClient(handler);
        using var response = await client.GetAsync(new Uri(host.Edge.Address, "/health/live"));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.True(response.Headers.Contains("Strict-Transport-Security"));
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => client.GetAsync(new UriBuilder(host.Edge.Address) { Scheme = "http", Path = "/health/live" }.Uri));
    }

    [Fact]
    public async Task Start_CertificateWithoutKey_IsRefused()
    {
        var (certificate, _) = Certificate();
        var reason = Assert.Single(await RefusedAsync(new() { ["Skylight:Edge:CertificateFile"] = certificate }));
        Assert.StartsWith("Skylight:Edge:CertificateFile", reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_SettingsFile_IsReadAndCommandLineWins()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "settings.json"), """{"Skylight":{"Edge":{"Port":"not a port","DrainSeconds":7}}}""");
        await using var host = await EdgeHost.StartAsync(Setup([]), CancellationToken.None);
        Assert.NotEqual(0, host.Address.Port);
    }

    [Fact]
    public async Task Start_FolderInUse_IsRefusedAndNamesTheHolder()
    {
        await using var first = await EdgeHost.StartAsync(Setup([]), CancellationToken.None);
        var refused = await Assert.ThrowsAsync<StartupException>(() => EdgeHost.StartAsync(Setup([]), CancellationToken.None));
        var reason = Assert.Single(refused.Reasons);
        Assert.Contains("in use by another Skylight host", reason, StringComparison.Ordinal);
        Assert.Contains($"process {Environment.ProcessId}", reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Folder", "objects")]
    [InlineData("Folder", "objects/second")]
    [InlineData("Folder", "objects-archive")]
    [InlineData("Folder", ".")]
    [InlineData("Folder", "..")]
    [InlineData("Folder", "link")]
    [InlineData("KeyFolder", ".")]
    [InlineData("KeyFolder", "objects/keys")]
    public async Task Start_SecondCopiesInThePlaceOfTheFirst_IsRefused(string setting, string place)
    {
        Directory.CreateDirectory(Path.Combine(_folder, "objects"));
        Directory.CreateSymbolicLink(Path.Combine(_folder, "link"), Path.Combine(_folder, "objects"));
        var reason = Assert.Single(await RefusedAsync(new() { [$"Skylight:Replica:{setting}"] = Path.Combine(_folder, place) }));
        Assert.StartsWith($"Skylight:Replica:{setting} ", reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_KeyRingThatCannotBeUsed_IsRefusedInALine()
    {
        await using (await EdgeHost.StartAsync(Setup([]), CancellationToken.None))
        {
        }

        var ring = Path.Combine(_folder, "keys.json");
        File.SetUnixFileMode(ring, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        Assert.Contains("mode 0600", Assert.Single(await RefusedAsync([])), StringComparison.Ordinal);
        File.Delete(ring);
        Assert.Contains("no key ring file", Assert.Single(await RefusedAsync([])), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_FolderGivenBack_CanBeTakenAgain()
    {
        for (var i = 0; i < 3; i++)
        {
            await using var host = await EdgeHost.StartAsync(Setup([]), CancellationToken.None);
        }
    }

    [Fact]
    public async Task Start_Refused_GivesTheFolderBack()
    {
        await RefusedAsync(new() { ["Skylight:Edge:DrainSeconds"] = "-1" });
        await using var host = await EdgeHost.StartAsync(Setup([]), CancellationToken.None);
    }

    [Fact]
    public async Task Start_FolderIsAFile_IsRefused()
    {
        var file = Path.Combine(_folder, "file");
        await File.WriteAllTextAsync(file, "");
        var refused = await Assert.ThrowsAsync<StartupException>(() => EdgeHost.StartAsync(Setup([]) with { DataFolder = file }, CancellationToken.None));
        Assert.Contains("cannot be used", Assert.Single(refused.Reasons), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_PortInUse_IsRefused()
    {
        await using var other = await TestHost.StartAsync();
        var reason = Assert.Single(await RefusedAsync(new() { ["Skylight:Edge:Port"] = other.Edge.Address.Port.ToString(System.Globalization.CultureInfo.InvariantCulture) }));
        Assert.Contains("in use", reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_Arguments_BecomeSettings()
    {
        var setup = EdgeSetup.Parse(["--data", "/d", "--port=8080", "--dev", "--Skylight:Http:MaxBodyBytes", "5"]);
        Assert.Equal("/d", setup.DataFolder);
        Assert.True(setup.Dev);
        Assert.Equal("8080", setup.Settings["Skylight:Edge:Port"]);
        Assert.Equal("5", setup.Settings["Skylight:Http:MaxBodyBytes"]);
    }

    [Fact]
    public void Parse_UnknownArguments_NamesEach()
    {
        var refused = Assert.Throws<StartupException>(() => EdgeSetup.Parse(["--prot", "--x", "y", "--port"]));
        Assert.Equal(4, refused.Reasons.Count);
    }

    private EdgeSetup Setup(Dictionary<string, string?> settings)
    {
        settings.TryAdd("Skylight:Edge:Port", "0");
        return new EdgeSetup { DataFolder = _folder, Settings = settings, Quiet = true };
    }

    private async Task<IReadOnlyList<string>> RefusedAsync(Dictionary<string, string?> settings) =>
        (await Assert.ThrowsAsync<StartupException>(() => EdgeHost.StartAsync(Setup(settings), CancellationToken.None))).Reasons;

    private (string Certificate, string Key) Certificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        var (certificateFile, keyFile) = (Path.Combine(_folder, "server.pem"), Path.Combine(_folder, "server.key"));
        File.WriteAllText(certificateFile, certificate.ExportCertificatePem());
        File.WriteAllText(keyFile, key.ExportPkcs8PrivateKeyPem());
        return (certificateFile, keyFile);
    }
}
