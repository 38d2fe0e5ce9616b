using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Core.Events;
using Skylight.Core.Statistics;
using Skylight.EndToEnd.Tests.DicomWeb;

namespace Skylight.EndToEnd.Tests.Statistics;

public sealed class StatisticsHttpTests(EdgeFixture edge) : IClassFixture<EdgeFixture>
{
    [Fact]
    public async Task SavedStatistic_CountsWhatWasStored_ForTheAdministratorAlone()
    {
        using var uploader = await edge.ClientAsync("uploader");
        (await EdgeFixture.StoreAsync(uploader, "dicomweb/studies", DemoInstance.Load(edge.Demo).Select(f => f.Bytes))).EnsureSuccessStatusCode();
        using var admin = await edge.ClientAsync("institution-admin");
        Assert.Equal(HttpStatusCode.BadRequest, (await admin.PostAsJsonAsync("api/statistics", new { name = "", by = new[] { "modality" } })).StatusCode);
        using var created = await admin.PostAsJsonAsync("api/statistics", new { name = "按设备类型", by = new[] { "modality" } });
        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
        var address = created.Headers.Location!.OriginalString;

        // The events of the stored studies mark their days; the timer counts them.
        var ends = DateTime.UtcNow.AddMinutes(4);
        JsonElement rows;
        do
        {
            Assert.True(DateTime.UtcNow < ends, "The studies are not counted.");
            await edge.Services.GetRequiredService<StudyOutbox>().PublishAsync(default);
            await edge.Services.GetRequiredService<StatisticsKeeper>().CountMarkedAsync(default);
            await Task.Delay(200);
            rows = (await JsonAsync(admin, address + "?refresh=true")).GetProperty("result").GetProperty("rows");
        }
        while (rows.EnumerateArray().Sum(row => row.GetProperty("studies").GetInt32()) < 4);
        Assert.Contains(rows.EnumerateArray(), row => row.GetProperty("keys")[0].GetString() == "CT" && row.GetProperty("studies").GetInt32() == 2);
        Assert.DoesNotContain("张", rows.GetRawText(), StringComparison.Ordinal);

        using var radiologist = await edge.ClientAsync("radiologist");
        Assert.Equal(HttpStatusCode.Forbidden, (await radiologist.GetAsync(address)).StatusCode);
        Assert.Equal(1, (await JsonAsync(admin, "api/statistics")).GetProperty("items").GetArrayLength());
        Assert.Equal(HttpStatusCode.NoContent, (await admin.DeleteAsync(address)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await admin.GetAsync(address)).StatusCode);
    }

    private static async Task<JsonElement> JsonAsync(HttpClient client, string path)
    {
        using var response = await client.GetAsync(path);
        Assert.True(response.IsSuccessStatusCode, $"{(int)response.StatusCode} {path}");
        return JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync()).RootElement;
    }
}
