using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Skylight.Dicom;
using Skylight.EndToEnd.Tests.DicomWeb;

namespace Skylight.EndToEnd.Tests.Ingest;

/// <summary>Held and quarantined content over HTTP, from the sender to the technician to the reader.</summary>
public abstract class IntakeHttpTests(EdgeFixture edge)
{
    private static async Task<List<JsonElement>> Items(HttpClient technician, string status) =>
        [.. (await technician.GetFromJsonAsync<JsonElement>($"api/intake?status={status}&limit=500")).GetProperty("items").EnumerateArray()];

    [Fact]
    public async Task HeldInstance_AcceptedByTechnician_IsServed()
    {
        using var uploader = await edge.ClientAsync("uploader");
        using var technician = await edge.ClientAsync("technician");
        using var reader = await edge.ClientAsync("radiologist");
        var first = DemoInstance.Load(Path.Combine(edge.Demo, "head-mr"))[0];
        var other = first.With(d => d.Set(DicomTags.PixelData, Vr.OW, new byte[d.GetBytes(DicomTags.PixelData).Length]));
        (await EdgeFixture.StoreAsync(uploader, "dicomweb/studies", first.Bytes)).Dispose();
        (await EdgeFixture.StoreAsync(uploader, "dicomweb/studies", other.Bytes)).Dispose();

        var item = (await Items(technician, "open")).Single(i => i.GetProperty("sopInstanceUid").GetString() == first.Sop);
        Assert.Equal(("heldInstance", "pixels-differ"), (item.GetProperty("kind").GetString(), item.GetProperty("code").GetString()));
        Assert.NotEqual("", item.GetProperty("titleZh").GetString());
        var path = $"api/intake/{item.GetProperty("id").GetString()}";
        using var notApplicable = await technician.PostAsync($"{path}/link", null);
        Assert.Equal(HttpStatusCode.Conflict, notApplicable.StatusCode);
        using var refused = await reader.PostAsync($"{path}/accept", null);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        using var accepted = await technician.PostAsJsonAsync($"{path}/accept", new { note = "checked with the modality" });
        Assert.Equal(HttpStatusCode.OK, accepted.StatusCode);
        var decided = await accepted.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(("accepted", "accept"), (decided.GetProperty("status").GetString(), decided.GetProperty("decisions")[1].GetProperty("action").GetString()));

        using var served = await EdgeFixture.GetAsync(reader, first.Path, "application/dicom");
        Assert.Equal(other.Dataset, DemoInstance.DatasetOf(await served.Content.ReadAsByteArrayAsync()));
        using var again = await technician.PostAsync($"{path}/reject", null);
        Assert.Equal((HttpStatusCode.Conflict, "already-decided"), (again.StatusCode, (await again.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString()));
    }

    [Fact]
    public async Task Quarantined_IsListed_AndRejected()
    {
        using var uploader = await edge.ClientAsync("uploader");
        using var technician = await edge.ClientAsync("technician");
        var noise = "no image at all, but somebody sent it"u8.ToArray();
        using var stored = await EdgeFixture.StoreAsync(uploader, "dicomweb/studies", noise);
        Assert.Equal(HttpStatusCode.Conflict, stored.StatusCode);
        var item = (await Items(technician, "open")).Single(i => i.GetProperty("kind").GetString() == "quarantined" && i.GetProperty("size").GetInt64() == noise.Length);
        var path = $"api/intake/{item.GetProperty("id").GetString()}";
        using var still = await technician.PostAsync($"{path}/accept", null);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, still.StatusCode);
        using var rejected = await technician.PostAsync($"{path}/reject", null);
        Assert.Equal(HttpStatusCode.OK, rejected.StatusCode);
        Assert.DoesNotContain(await Items(technician, "open"), i => i.GetProperty("id").GetString() == item.GetProperty("id").GetString());
        using var missing = await technician.GetAsync($"api/intake/{new string('a', 32)}");
        Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);
        using var unknown = await technician.GetAsync("api/intake?status=whatever");
        Assert.Equal(HttpStatusCode.BadRequest, unknown.StatusCode);
    }
}

public sealed class IntakeHttpTestsOnDisk(EdgeFixture edge) : IntakeHttpTests(edge), IClassFixture<EdgeFixture>;

public sealed class IntakeHttpTestsOnAzure(AzureEdgeFixture edge) : IntakeHttpTests(edge.Ready()), IClassFixture<AzureEdgeFixture>;
