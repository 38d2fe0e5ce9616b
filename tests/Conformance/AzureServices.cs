using System.Diagnostics;
using System.Text.Json;
using Xunit;

namespace Skylight.Conformance;

/// <summary>
/// The stand-ins of Azure services (Azurite, Cosmos protocol server) for a test run: <c>eng/azure-local/serve.mjs</c> with the npm packages that its
/// <c>package-lock.json</c> pins, installed once under <c>.tools/azure-local</c> of the repository (ignored by git). Without node, npm or the packages
/// their tests are skipped with the reason; where <see cref="Variable"/> is 1, as in the gate, they fail with it.
/// </summary>
public sealed class AzureServices : IAsyncLifetime
{
    /// <summary>The environment variable by which a run insists on these tests.</summary>
    public const string Variable = "SKYLIGHT_NEED_AZURE";

    private Process? _process;
    private Addresses? _addresses;

    /// <summary>Why they are not there; null when they are.</summary>
    public string? Missing { get; private set; }

    public string Account => _addresses!.Account;

    public string AccountKey => _addresses!.AccountKey;

    public Uri BlobUrl => _addresses!.BlobUrl;

    public Uri QueueUrl => _addresses!.QueueUrl;

    public Uri CosmosUrl => _addresses!.CosmosUrl;

    public string CosmosKey => _addresses!.CosmosKey;

    public string ConnectionString => _addresses!.ConnectionString;

    /// <summary>Settings under which a host uses them, with containers and a database of its own.</summary>
    public Dictionary<string, string?> Settings(string name) => new(_addresses!.Settings)
    {
        ["Skylight:Objects:Container"] = name,
        ["Skylight:AuditAnchors:Container"] = $"{name}-anchors",
        ["Skylight:Cosmos:Database"] = name,
    };

    /// <summary>Ends the test that asks when the services are not there.</summary>
    public void Need() => Need(Missing, Environment.GetEnvironmentVariable(Variable) == "1");

    /// <summary>Ends the test that asks: as skipped, or as failed where they must be there.</summary>
    /// <param name="missing">Why they are not; null when they are.</param>
    public static void Need(string? missing, bool required)
    {
        if (missing is null) return;
        if (required) Assert.Fail($"{Variable} is 1, and {missing}");
        Assert.Skip(missing);
    }

    public async ValueTask InitializeAsync()
    {
        var root = Root();
        var source = Path.Combine(root, "eng", "azure-local");
        var modules = Path.Combine(root, ".tools", "azure-local");
        if (!IsInstalled(source, modules) && await InstallAsync(source, modules) is { } failure)
        {
            Missing = $"The npm packages of eng/azure-local cannot be installed here: {failure}";
            return;
        }

        try
        {
            var start = new ProcessStartInfo("node") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
            foreach (var argument in (string[])[Path.Combine(source, "serve.mjs"), "--modules", modules]) start.ArgumentList.Add(argument);
            _process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            Missing = $"node cannot be started: {error.Message}";
            return;
        }

        _process.ErrorDataReceived += static (_, _) => { };
        _process.BeginErrorReadLine();
        var line = await _process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException("The stand-ins of Azure services ended before they were ready.");
        _addresses = JsonSerializer.Deserialize<Addresses>(line, JsonSerializerOptions.Web);
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is null) return;
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private static bool IsInstalled(string source, string modules) =>
        File.Exists(Path.Combine(modules, "installed.json")) && File.ReadAllBytes(Path.Combine(modules, "installed.json")).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(source, "package-lock.json")));

    /// <summary>Null, or why not.</summary>
    private static async Task<string?> InstallAsync(string source, string modules)
    {
        Directory.CreateDirectory(modules);
        foreach (var file in (string[])["package.json", "package-lock.json"]) File.Copy(Path.Combine(source, file), Path.Combine(modules, file), overwrite: true);
        try
        {
            var start = new ProcessStartInfo("npm") { RedirectStandardError = true, RedirectStandardOutput = true, WorkingDirectory = modules };
            foreach (var argument in (string[])["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=60000"]) start.ArgumentList.Add(argument);
            using var process = Process.Start(start)!;
            var output = process.StandardOutput.ReadToEndAsync();
            var error = await process.StandardError.ReadToEndAsync();
            await output;
            await process.WaitForExitAsync();
            if (process.ExitCode != 0) return error.Split('\n').FirstOrDefault(line => line.StartsWith("npm error", StringComparison.Ordinal)) ?? "npm ci failed";
            File.Copy(Path.Combine(source, "package-lock.json"), Path.Combine(modules, "installed.json"), overwrite: true);
            return null;
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            return error.Message;
        }
    }

    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Serverless.sln"))) folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The tests do not run inside the repository.");
        return folder;
    }

    private sealed record Addresses(string Account, string AccountKey, Uri BlobUrl, Uri QueueUrl, Uri CosmosUrl, string CosmosKey, string ConnectionString, Dictionary<string, string?> Settings);
}
