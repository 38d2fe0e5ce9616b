using System.Security.Cryptography;
using System.Text.Json;
using Skylight.EndToEnd.Tests.DicomWeb;

namespace Skylight.EndToEnd.Tests.Uploads;

public abstract class UploadCommandTests(UploadFixture fixture)
{
    private static JsonElement Json(string text) => JsonDocument.Parse(text).RootElement;

    [Fact]
    public async Task Upload_OfAFolder_StoresIt_AndAgainFindsDuplicates()
    {
        var (code, output, _) = await fixture.RunAsync("upload", fixture.Edge.Demo);
        Assert.Equal((0, true), (code, output.Contains("completed", StringComparison.Ordinal)));
        var count = Directory.GetFiles(fixture.Edge.Demo, "*", SearchOption.AllDirectories).Length;
        var (again, json, _) = await fixture.RunAsync("upload", fixture.Edge.Demo, "--json");
        Assert.Equal(0, again);
        Assert.Equal($"completed: {count} 0 {count} 0 0 0 0", UploadFixture.Counts(Json(json)));
        var (status, shown, _) = await fixture.RunAsync("status", Json(json).GetProperty("uploadId").GetString()!, "--json");
        Assert.Equal((0, UploadFixture.Counts(Json(json))), (status, UploadFixture.Counts(Json(shown))));
    }

    [Fact]
    public async Task Upload_WithWhatIsNoImage_SaysWhich_AndExitsWith1()
    {
        var folder = fixture.Folder("mixed");
        Directory.CreateDirectory(Path.Combine(folder, "深", "er"));
        await File.WriteAllBytesAsync(Path.Combine(folder, "深", "er", "图像.dcm"), DemoInstance.Load(fixture.Edge.Demo)[0].With(d => d.Set(Skylight.Dicom.DicomTags.SOPInstanceUID, "2.25.77")).Bytes);
        await File.WriteAllBytesAsync(Path.Combine(folder, "noise.bin"), RandomNumberGenerator.GetBytes(5000));
        await File.WriteAllBytesAsync(Path.Combine(folder, "empty"), []);
        var (code, output, _) = await fixture.RunAsync("upload", folder, "--json");
        Assert.Equal(1, code);
        var report = Json(output);
        Assert.Equal(3, report.GetProperty("received").GetInt32());
        var rejected = report.GetProperty("rejected").EnumerateArray().Select(r => r.GetProperty("name").GetString()).ToArray();
        Assert.Contains("noise.bin", rejected);
        var (text, human, _) = await fixture.RunAsync("status", report.GetProperty("uploadId").GetString()!);
        Assert.Equal((1, true), (text, human.Contains("noise.bin", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Upload_Killed_IsResumedWithoutSendingAgainWhatHasArrived()
    {
        // Large enough to be under way for a while; what it holds does not matter to the transfer. Larger still where it was sent before it could be killed.
        string folder;
        var files = 3;
        do
        {
            folder = fixture.Folder($"killed-{files}");
            for (var i = 0; i < files; i++) await File.WriteAllBytesAsync(Path.Combine(folder, $"{i}.bin"), RandomNumberGenerator.GetBytes(24 << 20));
            files *= 2;
        }
        while (!await KilledAsync(folder));

        var (code, _, error) = await fixture.RunAsync("upload", folder, "--block-mib", "1");
        Assert.Equal(1, code);
        Assert.Contains("had arrived before", error, StringComparison.Ordinal);
    }

    /// <summary>False when it had ended before.</summary>
    private async Task<bool> KilledAsync(string folder)
    {
        using var process = fixture.Start(["upload", folder, "--block-mib", "1", "--parallel", "2"]);
        var reading = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        var before = await fixture.ArrivedAsync();
        while (await fixture.ArrivedAsync() < before + 8 && !process.HasExited) await Task.Delay(5);
        process.Kill();
        await process.WaitForExitAsync();
        await reading.Item1;
        await reading.Item2;
        return process.ExitCode != 1;
    }

    [Fact]
    public async Task Upload_FailsHonestly()
    {
        Assert.Equal(2, (await fixture.RunAsync("upload")).Code);
        Assert.Equal(2, (await fixture.RunAsync("upload", Path.Combine(fixture.Edge.Data, "not-there"))).Code);
        Assert.Equal(2, (await fixture.RunAsync("upload", fixture.Folder("nothing"))).Code);
        Assert.Equal(2, (await fixture.RunAsync("upload", fixture.Edge.Demo, "--parallel", "1000")).Code);
        Assert.Equal(4, (await fixture.RunAsync("status", "abcdefghijklmnopqrstuvwxyz")).Code);
        using var refused = fixture.Start(["upload", fixture.Edge.Demo], token: "not-a-token");
        await refused.WaitForExitAsync();
        Assert.Equal(3, refused.ExitCode);
        using var unreachable = fixture.Start(["upload", fixture.Edge.Demo, "--json"], url: new Uri("http://127.0.0.1:1/"));
        var error = await unreachable.StandardError.ReadToEndAsync();
        await unreachable.WaitForExitAsync();
        Assert.Equal(5, unreachable.ExitCode);
        Assert.Equal(5, Json(error).GetProperty("exitCode").GetInt32());
    }

    [Fact]
    public async Task Upload_WithoutWaiting_AnswersTheId()
    {
        var (code, output, _) = await fixture.RunAsync("upload", Directory.GetFiles(fixture.Edge.Demo, "*.dcm", SearchOption.AllDirectories)[0], "--no-wait", "--json");
        Assert.Equal(0, code);
        var id = Json(output).GetProperty("uploadId").GetString()!;
        var (done, shown, _) = await fixture.RunAsync("status", id, "--wait", "--json");
        Assert.Equal((0, 1), (done, Json(shown).GetProperty("received").GetInt32()));
    }
}

public sealed class UploadCommandTestsOnDisk(UploadFixture fixture) : UploadCommandTests(fixture), IClassFixture<UploadFixture>;

public sealed class UploadCommandTestsOnAzure(AzureUploadFixture fixture) : UploadCommandTests(fixture.Ready()), IClassFixture<AzureUploadFixture>;
