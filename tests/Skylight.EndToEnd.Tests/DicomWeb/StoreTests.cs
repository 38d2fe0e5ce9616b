using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Skylight.Dicom;

namespace Skylight.EndToEnd.Tests.DicomWeb;

public abstract class StoreTests(EdgeFixture edge)
{
    [Fact]
    public async Task Store_WholeStudy_IsFoundAndComesBackUnchanged()
    {
        using var uploader = await edge.ClientAsync("uploader");
        using var reader = await edge.ClientAsync("radiologist");
        var files = DemoInstance.Load(Path.Combine(edge.Demo, "chest-ct"));

        using var stored = await EdgeFixture.StoreAsync(uploader, "dicomweb/studies", files.Select(f => f.Bytes));
        Assert.Equal(HttpStatusCode.OK, stored.StatusCode);
        var receipt = JsonDocument.Parse(await stored.Content.ReadAsByteArrayAsync()).RootElement;
        Assert.Equal(files.Select(f => f.Sop), receipt.GetProperty("00081199").GetProperty("Value").EnumerateArray().Select(i => i.GetProperty("00081155").GetProperty("Value")[0].GetString()));

        var study = Assert.Single((await EdgeFixture.JsonAsync(reader, $"dicomweb/studies?StudyInstanceUID={files[0].Study}")).EnumerateArray());
        Assert.Equal(files.Count, study.GetProperty("00201208").GetProperty("Value")[0].GetInt32());
        Assert.Equal("张^伟", study.GetProperty("00100010").GetProperty("Value")[0].GetProperty("Ideographic").GetString());

        using var answer = await EdgeFixture.GetAsync(reader, $"dicomweb/studies/{files[0].Study}", "multipart/related; type=\"application/dicom\"; transfer-syntax=*");
        var parts = await EdgeFixture.PartsAsync(answer);
        Assert.Equal(files.Select(f => f.Sop).Order(StringComparer.Ordinal), parts.Select(p => p.Location![(p.Location!.LastIndexOf('/') + 1)..]).Order(StringComparer.Ordinal));
        foreach (var (location, contentType, content) in parts)
        {
            var file = files.Single(f => location!.EndsWith(f.Sop, StringComparison.Ordinal));
            Assert.Equal("application/dicom; transfer-syntax=1.2.840.10008.1.2.1", contentType);
            Assert.Equal(file.Dataset, DemoInstance.DatasetOf(content));
        }

        // Sending it again changes nothing and is a success.
        using var again = await EdgeFixture.StoreAsync(uploader, $"dicomweb/studies/{files[0].Study}", files.Take(2).Select(f => f.Bytes));
        Assert.Equal(HttpStatusCode.OK, again.StatusCode);
    }

    [Fact]
    public async Task Store_OtherPixelsUnderAKnownUid_IsHeldAndNotServed()
    {
        using var uploader = await edge.ClientAsync("uploader");
        using var reader = await edge.ClientAsync("radiologist");
        var first = DemoInstance.Load(Path.Combine(edge.Demo, "head-mr"))[0];
        var other = first.With(d => d.Set(DicomTags.PixelData, Vr.OW, new byte[d.GetBytes(DicomTags.PixelData).Length]));
        using var stored = await EdgeFixture.StoreAsync(uploader, "dicomweb/studies", first.Bytes);
        Assert.Equal(HttpStatusCode.OK, stored.StatusCode);

        using var held = await EdgeFixture.StoreAsync(uploader, "dicomweb/studies", other.Bytes);
        Assert.Equal(HttpStatusCode.Conflict, held.StatusCode);
        var receipt = JsonDocument.Parse(await held.Content.ReadAsByteArrayAsync()).RootElement;
        var failed = Assert.Single(receipt.GetProperty("00081198").GetProperty("Value").EnumerateArray());
        Assert.Equal(first.Sop, failed.GetProperty("00081155").GetProperty("Value")[0].GetString());

        using var served = await EdgeFixture.GetAsync(reader, first.Path, "application/dicom");
        Assert.Equal(first.Dataset, DemoInstance.DatasetOf(await served.Content.ReadAsByteArrayAsync()));
    }

    [Fact]
    public async Task Store_InstanceOfAnotherStudyThanTheAddress_FailsAlone()
    {
        using var uploader = await edge.ClientAsync("uploader");
        using var reader = await edge.ClientAsync("radiologist");
        var right = DemoInstance.Load(Path.Combine(edge.Demo, "enhanced-ct"))[0];
        var wrong = right.With(d => d.Set(DicomTags.StudyInstanceUID, "1.2.3.4.5").Set(DicomTags.SOPInstanceUID, "1.2.3.4.5.6"));

        using var response = await EdgeFixture.StoreAsync(uploader, $"dicomweb/studies/{right.Study}", wrong.Bytes, right.Bytes);
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        var receipt = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync()).RootElement;
        Assert.Equal("1.2.3.4.5.6", Assert.Single(receipt.GetProperty("00081198").GetProperty("Value").EnumerateArray()).GetProperty("00081155").GetProperty("Value")[0].GetString());
        Assert.Equal(right.Sop, Assert.Single(receipt.GetProperty("00081199").GetProperty("Value").EnumerateArray()).GetProperty("00081155").GetProperty("Value")[0].GetString());
        using var missing = await reader.GetAsync("dicomweb/studies/1.2.3.4.5");
        Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);
    }

    [Fact]
    public async Task Store_GarbageBesideAnImage_IsReportedAndDoesNotStopIt()
    {
        using var uploader = await edge.ClientAsync("uploader");
        var good = DemoInstance.Load(Path.Combine(edge.Demo, "chest-cr"))[0];
        using var response = await EdgeFixture.StoreAsync(uploader, "dicomweb/studies", new byte[1000], good.Bytes);
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        var receipt = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync()).RootElement;
        Assert.Single(receipt.GetProperty("0008119A").GetProperty("Value").EnumerateArray());
        Assert.Single(receipt.GetProperty("00081199").GetProperty("Value").EnumerateArray());
    }

    [Fact]
    public async Task Store_BodyThatBreaksOff_StoresNothing()
    {
        using var uploader = await edge.ClientAsync("uploader");
        using var reader = await edge.ClientAsync("radiologist");
        var file = DemoInstance.Load(Path.Combine(edge.Demo, "head-mr"))[1].With(d => d.Set(DicomTags.StudyInstanceUID, "1.2.99").Set(DicomTags.SOPInstanceUID, "1.2.99.1"));
        byte[] body = [.. "--b\r\nContent-Type: application/dicom\r\n\r\n"u8, .. file.Bytes, .. "\r\n--b\r\nContent-Type: application/dicom\r\n\r\nDICM"u8];
        using var response = await PostAsync(uploader, body, "multipart/related; type=\"application/dicom\"; boundary=b");

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal("multipart-malformed", (await ProblemAsync(response)).GetProperty("code").GetString());
        Assert.Equal(HttpStatusCode.NotFound, (await reader.GetAsync("dicomweb/studies/1.2.99")).StatusCode);
    }

    [Theory]
    [InlineData("application/dicom", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("multipart/form-data; boundary=b", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("multipart/related; type=\"application/dicom+json\"; boundary=b", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("multipart/related; type=\"application/dicom\"", HttpStatusCode.BadRequest)]
    [InlineData("multipart/related; type=\"application/dicom\"; boundary=b", HttpStatusCode.BadRequest)]
    public async Task Store_NotMultipartOfDicom_IsRefused(string contentType, HttpStatusCode expected)
    {
        using var uploader = await edge.ClientAsync("uploader");
        using var response = await PostAsync(uploader, "--b--\r\n"u8.ToArray(), contentType);
        Assert.Equal(expected, response.StatusCode);
        Assert.NotEqual("", (await ProblemAsync(response)).GetProperty("titleZh").GetString());
    }

    [Fact]
    public async Task Store_SeriesInTwoRequests_IsOneSeries()
    {
        using var uploader = await edge.ClientAsync("uploader");
        using var reader = await edge.ClientAsync("radiologist");
        var files = DemoInstance.Load(Path.Combine(edge.Demo, "head-mr")).Where(f => f.File.Dataset.GetInt32(DicomTags.SeriesNumber) == 2)
            .Select((f, i) => f.With(d => d.Set(DicomTags.StudyInstanceUID, "1.2.61").Set(DicomTags.SeriesInstanceUID, "1.2.61.1").Set(DicomTags.SOPInstanceUID, $"1.2.61.1.{i}"))).ToList();
        foreach (var half in files.Chunk((files.Count + 1) / 2))
            (await EdgeFixture.StoreAsync(uploader, "dicomweb/studies/1.2.61", half.Select(f => f.Bytes))).EnsureSuccessStatusCode();

        var series = Assert.Single((await EdgeFixture.JsonAsync(reader, "dicomweb/studies/1.2.61/series")).EnumerateArray());
        Assert.Equal(files.Count, series.GetProperty("00201209").GetProperty("Value")[0].GetInt32());
        Assert.Equal(files.Count, (await EdgeFixture.JsonAsync(reader, "dicomweb/studies/1.2.61/metadata")).GetArrayLength());
        using var whole = await EdgeFixture.GetAsync(reader, "dicomweb/studies/1.2.61", null);
        Assert.Equal(files.Count, (await EdgeFixture.PartsAsync(whole)).Count);
    }

    [Fact]
    public async Task Store_OtherAttributesSamePixels_IsARevisionSeenEverywhere()
    {
        using var uploader = await edge.ClientAsync("uploader");
        using var reader = await edge.ClientAsync("radiologist");
        var first = DemoInstance.Load(Path.Combine(edge.Demo, "head-mr"))[5].With(d => d.Set(DicomTags.StudyInstanceUID, "1.2.62").Set(DicomTags.SeriesInstanceUID, "1.2.62.1").Set(DicomTags.SOPInstanceUID, "1.2.62.1.1"));
        var second = first.With(d => d.Set(DicomTags.SeriesDescription, "renamed"));
        (await EdgeFixture.StoreAsync(uploader, "dicomweb/studies", first.Bytes)).EnsureSuccessStatusCode();
        using var before = await EdgeFixture.GetAsync(reader, first.Path + "/metadata", null);
        (await EdgeFixture.StoreAsync(uploader, "dicomweb/studies", second.Bytes)).EnsureSuccessStatusCode();
        using var after = await EdgeFixture.GetAsync(reader, first.Path + "/metadata", null);

        Assert.NotEqual(before.Headers.ETag, after.Headers.ETag);
        var metadata = Assert.Single(JsonDocument.Parse(await after.Content.ReadAsByteArrayAsync()).RootElement.EnumerateArray());
        using var file = await EdgeFixture.GetAsync(reader, first.Path, "application/dicom");
        var served = DicomFile.Read(await file.Content.ReadAsByteArrayAsync()).Dataset.GetString(DicomTags.SeriesDescription);
        // Whichever revision is current, metadata and file tell of the same one, once.
        Assert.Equal(served, metadata.GetProperty("0008103E").GetProperty("Value")[0].GetString());
        Assert.Equal(1, (await EdgeFixture.JsonAsync(reader, "dicomweb/studies/1.2.62/instances")).GetArrayLength());
    }

    [Fact]
    public async Task Store_BodyPastTheLimit_Is413NamingTheUploadApi()
    {
        using var tcp = new System.Net.Sockets.TcpClient();
        await tcp.ConnectAsync(edge.Address.Host, edge.Address.Port);
        await using var stream = tcp.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            $"POST /dicomweb/studies HTTP/1.1\r\nHost: {edge.Address.Authority}\r\nAuthorization: Bearer {await edge.TokenAsync("uploader")}\r\n" +
            "Content-Type: multipart/related; type=\"application/dicom\"; boundary=b\r\nContent-Length: 99999999999\r\nConnection: close\r\n\r\n"));
        using var answer = new StreamReader(stream);
        var text = await answer.ReadToEndAsync();
        Assert.StartsWith("HTTP/1.1 413", text, StringComparison.Ordinal);
        Assert.Contains("/api/uploads", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Store_ByARadiologist_IsForbidden()
    {
        using var reader = await edge.ClientAsync("radiologist");
        using var response = await EdgeFixture.StoreAsync(reader, "dicomweb/studies", Encoding.ASCII.GetBytes("x"));
        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
    }

    private static async Task<HttpResponseMessage> PostAsync(HttpClient client, byte[] body, string contentType)
    {
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
        return await client.PostAsync("dicomweb/studies", content);
    }

    private static async Task<JsonElement> ProblemAsync(HttpResponseMessage response)
    {
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        return JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync()).RootElement;
    }
}

public sealed class StoreTestsOnDisk(EdgeFixture edge) : StoreTests(edge), IClassFixture<EdgeFixture>;

public sealed class StoreTestsOnAzure(AzureEdgeFixture edge) : StoreTests(edge.Ready()), IClassFixture<AzureEdgeFixture>;
