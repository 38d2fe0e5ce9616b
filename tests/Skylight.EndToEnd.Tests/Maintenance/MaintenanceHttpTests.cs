using System.Net.Http.Json;
using System.Text.Json;
using Skylight.EndToEnd.Tests.DicomWeb;

namespace Skylight.EndToEnd.Tests.Maintenance;

/// <summary>Rotation, re-encryption and verification on a host that serves.</summary>
public abstract class MaintenanceHttpTests(EdgeFixture edge)
{
    [Fact]
    public async Task RotateReencryptVerify_WhileStudiesStayReadable()
    {
        using var technician = await edge.ClientAsync("technician");
        using var radiologist = await edge.ClientAsync("radiologist");
        using var security = await edge.ClientAsync("security-admin");
        var files = DemoInstance.Load(edge.Demo).Take(6).Select(file => file.Bytes).ToArray();
        using (var stored = await EdgeFixture.StoreAsync(technician, "dicomweb/studies", files)) Assert.True(stored.IsSuccessStatusCode);
        var before = await StudiesAsync(radiologist);

        var rotation = await RunAsync(security, new { kind = "keyRotation" });
        Assert.Equal(("completed", "local:demo/2"), (rotation.GetProperty("state").GetString(), rotation.GetProperty("target").GetString()));
        Assert.True(rotation.GetProperty("changed").GetInt32() > 1);
        var reencryption = await RunAsync(security, new { kind = "reencryption", algorithm = "sm4Gcm" });
        Assert.Equal(("completed", 0), (reencryption.GetProperty("state").GetString(), reencryption.GetProperty("errors").GetInt32()));
        Assert.True(reencryption.GetProperty("changed").GetInt32() > 0);
        var verification = await RunAsync(security, new { kind = "verification" });
        Assert.Equal(("completed", 0), (verification.GetProperty("state").GetString(), verification.GetProperty("errors").GetInt32()));
        Assert.True(verification.GetProperty("bytes").GetInt64() > 0);
        Assert.Equal(before, await StudiesAsync(radiologist));
        foreach (var item in JsonDocument.Parse(before).RootElement.EnumerateArray())
        {
            using var study = await EdgeFixture.GetAsync(
                radiologist, $"dicomweb/studies/{item.GetProperty("0020000D").GetProperty("Value")[0].GetString()}", "multipart/related; type=\"application/dicom\"; transfer-syntax=*");
            Assert.NotEmpty(await EdgeFixture.PartsAsync(study));
        }

        var list = await security.GetFromJsonAsync<JsonElement>("api/maintenance");
        Assert.Equal(["keyRotation", "reencryption", "verification"], list.GetProperty("items").EnumerateArray().Select(run => run.GetProperty("kind").GetString()));
    }

    [Fact]
    public async Task Start_UnknownKind_IsRefused()
    {
        using var security = await edge.ClientAsync("security-admin");
        using var answer = await security.PostAsJsonAsync("api/maintenance", new { depth = "quick" });
        Assert.Equal(400, (int)answer.StatusCode);
    }

    private static async Task<string> StudiesAsync(HttpClient client)
    {
        var studies = await EdgeFixture.JsonAsync(client, "dicomweb/studies");
        return studies.GetRawText();
    }

    private static async Task<JsonElement> RunAsync(HttpClient client, object body)
    {
        using var started = await client.PostAsJsonAsync("api/maintenance", body);
        Assert.Equal(202, (int)started.StatusCode);
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        while (true)
        {
            var run = await client.GetFromJsonAsync<JsonElement>(started.Headers.Location, patience.Token);
            if (run.GetProperty("state").GetString() != "running") return run;
            await Task.Delay(50, patience.Token);
        }
    }
}

public sealed class MaintenanceHttpTestsOnDisk(EdgeFixture edge) : MaintenanceHttpTests(edge), IClassFixture<EdgeFixture>;

public sealed class MaintenanceHttpTestsOnAzure(AzureEdgeFixture edge) : MaintenanceHttpTests(edge.Ready()), IClassFixture<AzureEdgeFixture>;
