using System.Diagnostics;

namespace Skylight.EndToEnd.Tests.DicomWeb;

/// <summary>The interface as other people's programs see it. Skipped, with the reason, where the program is not installed.</summary>
public abstract class ClientLibraryTests(EdgeFixture edge)
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "DicomWeb", "node");

    [Fact]
    public async Task DicomwebClient_StoresSearchesAndRetrieves()
    {
        Assert.SkipUnless(await HasClientAsync(), "node with the npm package dicomweb-client is not here (npm ci in tests/Skylight.EndToEnd.Tests/DicomWeb/node)");
        var files = Directory.EnumerateFiles(Path.Combine(edge.Demo, "chest-ct"), "*.dcm", SearchOption.AllDirectories).Order(StringComparer.Ordinal);
        var (code, output, error) = await RunAsync(
            "node", [Path.Combine(Folder, "check.mjs"), new Uri(edge.Address, "dicomweb").AbsoluteUri, await edge.TokenAsync("uploader"), await edge.TokenAsync("radiologist"), .. files]);
        Assert.True(code == 0, error);
        Assert.Contains("\"series\":2", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pydicom_ReadsWhatIsRetrieved()
    {
        var (installed, _, _) = await RunAsync("/usr/bin/python3", ["-c", "import pydicom, numpy"]);
        Assert.SkipUnless(installed == 0, "python3 with pydicom and numpy is not here");
        var file = DemoInstance.Load(Path.Combine(edge.Demo, "chest-ct"))[0];
        using var uploader = await edge.ClientAsync("uploader");
        (await EdgeFixture.StoreAsync(uploader, "dicomweb/studies", file.Bytes)).EnsureSuccessStatusCode();
        using var reader = await edge.ClientAsync("radiologist");
        using var answer = await EdgeFixture.GetAsync(reader, file.Path, "application/dicom");
        var retrieved = Path.Combine(edge.Data, "retrieved.dcm");
        await File.WriteAllBytesAsync(retrieved, await answer.Content.ReadAsByteArrayAsync());

        var (code, output, error) = await RunAsync(
            "/usr/bin/python3",
            ["-c", "import sys, pydicom; d = pydicom.dcmread(sys.argv[1]); print(d.PatientName.ideographic, d.pixel_array.shape[0], d.file_meta.TransferSyntaxUID)", retrieved]);
        Assert.True(code == 0, error);
        Assert.Equal($"张^伟 {file.File.Dataset.GetInt32(Skylight.Dicom.DicomTags.Rows)} 1.2.840.10008.1.2.1", output.Trim());
    }

    private static async Task<bool> HasClientAsync()
    {
        if ((await RunAsync("node", ["--version"])).Code != 0) return false;
        if (Directory.Exists(Path.Combine(Folder, "node_modules", "dicomweb-client"))) return true;
        return (await RunAsync("npm", ["ci", "--prefix", Folder, "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=0", "--fetch-timeout=20000"])).Code == 0;
    }

    /// <summary>Exit code −1 when the program is not there.</summary>
    private static async Task<(int Code, string Output, string Error)> RunAsync(string program, IEnumerable<string> arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, StandardOutputEncoding = System.Text.Encoding.UTF8 })!;
            var output = process.StandardOutput.ReadToEndAsync();
            var error = process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync();
            return (process.ExitCode, await output, await error);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return (-1, "", $"{program} is not installed");
        }
    }
}

public sealed class ClientLibraryTestsOnDisk(EdgeFixture edge) : ClientLibraryTests(edge), IClassFixture<EdgeFixture>;

public sealed class ClientLibraryTestsOnAzure(AzureEdgeFixture edge) : ClientLibraryTests(edge.Ready()), IClassFixture<AzureEdgeFixture>;
