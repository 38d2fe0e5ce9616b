using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using Skylight.Dicom;
using Skylight.EndToEnd.Tests.DicomWeb;

namespace Skylight.EndToEnd.Tests.Lifecycle;

/// <summary>Versions over HTTP: listed, read as received, whole and in part, and made current, which every reader and every search then shows.</summary>
public sealed class VersionHttpTests(EdgeFixture edge) : IClassFixture<EdgeFixture>
{
    [Fact]
    public async Task Version_MadeCurrent_IsWhatEverybodySees()
    {
        using var uploader = await edge.ClientAsync("uploader");
        using var technician = await edge.ClientAsync("technician");
        using var reader = await edge.ClientAsync("radiologist");
        var first = DemoInstance.Load(Path.Combine(edge.Demo, "chest-cr"))[0];
        var second = first.With(data =>
        {
            data.Set(DicomTags.StudyDescription, Vr.LO, "Umbenannt");
            data.Set(DicomTags.SeriesDescription, Vr.LO, "Umbenannte Serie");
        });
        (await EdgeFixture.StoreAsync(uploader, "dicomweb/studies", first.Bytes)).Dispose();
        (await EdgeFixture.StoreAsync(uploader, "dicomweb/studies", second.Bytes)).Dispose();
        Assert.Equal("Umbenannt", await ShownAsync(reader, first.Study));
        Assert.Equal(1, await CountAsync(reader, "umbenannt"));
        using var before = await EdgeFixture.GetAsync(reader, first.Path, "application/dicom");

        var address = first.Path.Replace("dicomweb/", "api/", StringComparison.Ordinal) + "/versions";
        Assert.Equal([1, 2], (await reader.GetFromJsonAsync<JsonElement>(address)).GetProperty("items").EnumerateArray().Select(item => item.GetProperty("revision").GetInt32()));
        await ReadAsync(reader, $"{address}/1", first.Bytes);
        await ReadAsync(reader, $"{address}/2", second.Bytes);
        using (var missing = await reader.GetAsync($"{address}/3")) Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);
        using (var refused = await reader.PostAsync($"{address}/1/restore", null)) Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        using (var restored = await technician.PostAsync($"{address}/1/restore", null)) Assert.Equal(HttpStatusCode.OK, restored.StatusCode);

        var own = first.File.Dataset.GetString(DicomTags.StudyDescription);
        Assert.Equal(own, await ShownAsync(reader, first.Study));
        Assert.Equal(0, await CountAsync(reader, "umbenannt"));
        Assert.Equal(own, Value((await EdgeFixture.JsonAsync(reader, $"{first.Path}/metadata"))[0], "00081030"));
        Assert.DoesNotContain("Umbenannte", (await EdgeFixture.JsonAsync(reader, $"dicomweb/studies/{first.Study}/series")).GetRawText(), StringComparison.Ordinal);
        Assert.DoesNotContain("Umbenannt", (await EdgeFixture.JsonAsync(reader, $"dicomweb/studies/{first.Study}/instances?includefield=all")).GetRawText(), StringComparison.Ordinal);
        using var after = await EdgeFixture.GetAsync(reader, first.Path, "application/dicom");
        Assert.NotEqual(before.Headers.ETag, after.Headers.ETag);
        Assert.Equal(first.Dataset, DemoInstance.DatasetOf(await after.Content.ReadAsByteArrayAsync()));
        using var again = await technician.PostAsync($"{address}/1/restore", null);
        Assert.Equal((HttpStatusCode.Conflict, "version-current"), (again.StatusCode, (await again.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString()));
    }

    /// <summary>Whole, a range, a range of another content, one past the end; the digest each time.</summary>
    private static async Task ReadAsync(HttpClient reader, string address, byte[] file)
    {
        var digest = $"sha-256=:{Convert.ToBase64String(SHA256.HashData(file))}:";
        using var whole = await reader.GetAsync(address);
        Assert.Equal((HttpStatusCode.OK, digest), (whole.StatusCode, whole.Headers.GetValues("Repr-Digest").Single()));
        Assert.Equal(file, await whole.Content.ReadAsByteArrayAsync());

        using var part = await RangeAsync(reader, address, new RangeHeaderValue(100, 299), null);
        Assert.Equal((HttpStatusCode.PartialContent, digest), (part.StatusCode, part.Headers.GetValues("Repr-Digest").Single()));
        Assert.Equal($"bytes 100-299/{file.Length}", part.Content.Headers.ContentRange!.ToString());
        Assert.Equal(file[100..300], await part.Content.ReadAsByteArrayAsync());
        using var end = await RangeAsync(reader, address, new RangeHeaderValue(null, 10), whole.Headers.ETag);
        Assert.Equal(file[^10..], await end.Content.ReadAsByteArrayAsync());
        using var other = await RangeAsync(reader, address, new RangeHeaderValue(100, 299), new EntityTagHeaderValue("\"other\""));
        Assert.Equal((HttpStatusCode.OK, file.Length), (other.StatusCode, (await other.Content.ReadAsByteArrayAsync()).Length));
        using var beyond = await RangeAsync(reader, address, new RangeHeaderValue(file.Length, null), null);
        Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, beyond.StatusCode);
    }

    private static async Task<HttpResponseMessage> RangeAsync(HttpClient reader, string address, RangeHeaderValue range, EntityTagHeaderValue? condition)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        request.Headers.Range = range;
        if (condition is not null) request.Headers.IfRange = new RangeConditionHeaderValue(condition);
        return await reader.SendAsync(request);
    }

    private static async Task<string?> ShownAsync(HttpClient reader, string study) => Value((await EdgeFixture.JsonAsync(reader, $"dicomweb/studies?StudyInstanceUID={study}&includefield=StudyDescription"))[0], "00081030");

    private static async Task<int> CountAsync(HttpClient reader, string words) => (await reader.GetFromJsonAsync<JsonElement>($"api/studies?q={words}")).GetProperty("items").GetArrayLength();

    private static string? Value(JsonElement attributes, string tag) =>
        attributes.TryGetProperty(tag, out var attribute) && attribute.TryGetProperty("Value", out var values) ? values[0].GetString() : null;
}
