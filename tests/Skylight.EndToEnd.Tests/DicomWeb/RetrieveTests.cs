using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;
using Skylight.Dicom;
using Skylight.Imaging;

namespace Skylight.EndToEnd.Tests.DicomWeb;

public abstract class RetrieveTests(EdgeFixture edge)
{
    [Fact]
    public async Task Instance_InImplicitVr_GoesOutExplicit()
    {
        var file = await StoreAsync("head-mr", 0, "1.2.51.1", TransferSyntax.ImplicitLittle);
        using var reader = await edge.ClientAsync("radiologist");
        foreach (var accept in new[] { "application/dicom", "application/dicom; transfer-syntax=*", "multipart/related; type=application/dicom; transfer-syntax=1.2.840.10008.1.2.1;q=0.1, application/dicom;transfer-syntax=1.2.3" })
        {
            using var response = await EdgeFixture.GetAsync(reader, file.Path, accept);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            var bytes = response.Content.Headers.ContentType!.MediaType == "application/dicom"
                ? await response.Content.ReadAsByteArrayAsync()
                : Assert.Single(await EdgeFixture.PartsAsync(response)).Content;
            var received = DicomFile.Read(bytes);
            Assert.Equal("1.2.840.10008.1.2.1", received.Syntax.Uid);
            Assert.Equal(file.File.Dataset.GetBytes(DicomTags.PixelData), received.Dataset.GetBytes(DicomTags.PixelData));
            Assert.Equal(file.File.Dataset.Select(e => e.Tag), received.Dataset.Select(e => e.Tag));
        }

        using var original = await edge.ClientAsync("technician");
        using var exact = await original.GetAsync($"api/studies/{file.Study}/series/{file.Series}/instances/{file.Sop}/original");
        Assert.Equal(file.Bytes, await exact.Content.ReadAsByteArrayAsync());
        Assert.Equal($"sha-256=:{Convert.ToBase64String(SHA256.HashData(file.Bytes))}:", exact.Headers.GetValues("Repr-Digest").Single());
    }

    [Theory]
    [InlineData("1.2.840.10008.1.2.5", "1.2.59.1", "image/dicom-rle")]
    [InlineData("1.2.840.10008.1.2.4.80", "1.2.59.2", "image/jls")]
    [InlineData("1.2.840.10008.1.2.4.90", "1.2.59.3", "image/jp2")]
    public async Task Instance_Encapsulated_IsDecodedWhereItIsAskedFor(string syntax, string sop, string mediaType)
    {
        var native = DemoInstance.Load(Path.Combine(edge.Demo, "enhanced-ct"))[0].With(d => d.Set(DicomTags.SOPInstanceUID, sop));
        var file = DemoInstance.Of(DicomWriter.ToArray(Transcoder.Convert(native.File, TransferSyntax.Of(syntax))));
        using var uploader = await edge.ClientAsync("uploader");
        (await EdgeFixture.StoreAsync(uploader, "dicomweb/studies", file.Bytes)).EnsureSuccessStatusCode();
        var pixels = native.File.Dataset.GetBytes(DicomTags.PixelData).ToArray();
        var frames = native.File.Dataset.GetInt32(DicomTags.NumberOfFrames)!.Value;
        using var reader = await edge.ClientAsync("radiologist");

        using var whole = await EdgeFixture.GetAsync(reader, file.Path, "application/dicom");
        var received = DicomFile.Read(await whole.Content.ReadAsByteArrayAsync());
        Assert.Equal("1.2.840.10008.1.2.1", received.Syntax.Uid);
        Assert.Equal(pixels, received.Dataset.GetBytes(DicomTags.PixelData).ToArray());
        Assert.Equal(native.File.Dataset.Select(e => e.Tag), received.Dataset.Select(e => e.Tag));

        using var frame = await EdgeFixture.GetAsync(reader, $"{file.Path}/frames/{frames}", "multipart/related; type=\"application/octet-stream\"");
        var part = Assert.Single(await EdgeFixture.PartsAsync(frame));
        Assert.Equal(pixels[^(pixels.Length / frames)..], part.Content);
        Assert.Equal("application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1", part.ContentType);

        // A native frame can be had compressed as well, without loss.
        var plain = await StoreAsync("enhanced-ct", 0, sop + ".1");
        using var encoded = await EdgeFixture.GetAsync(reader, plain.Path + "/frames/1", mediaType);
        Assert.Equal($"{mediaType}; transfer-syntax={syntax}", encoded.Content.Headers.ContentType!.ToString());
        Assert.Equal(file.File.Dataset.TryGet(DicomTags.PixelData, out var e) ? e.Fragments!.Fragments[0].ToArray() : [], Padded(await encoded.Content.ReadAsByteArrayAsync()));
    }

    private static byte[] Padded(byte[] bytes) => bytes.Length % 2 == 0 ? bytes : [.. bytes, 0];

    [Fact]
    public async Task Instance_ThatCannotBeDecoded_GoesOutAsStoredOrNotAtAll()
    {
        var fragment = new byte[] { 0xFF, 0xD8, 1, 2, 3, 4, 0xFF, 0xD9 };
        var file = await StoreAsync("head-mr", 1, "1.2.52.1", TransferSyntax.Of("1.2.840.10008.1.2.4.50"), d => d
            .Set(DicomTags.BitsAllocated, 8.0).Set(DicomTags.BitsStored, 8.0).Set(DicomTags.HighBit, 7.0)
            .Set(DicomTags.PixelData, new DicomFragments(default, [fragment])));
        using var reader = await edge.ClientAsync("radiologist");

        using var stored = await EdgeFixture.GetAsync(reader, file.Path, "multipart/related; type=\"application/dicom\"; transfer-syntax=*");
        var part = Assert.Single(await EdgeFixture.PartsAsync(stored));
        Assert.Equal("application/dicom; transfer-syntax=1.2.840.10008.1.2.4.50", part.ContentType);
        Assert.Equal(file.Dataset, DemoInstance.DatasetOf(part.Content));

        using var decoded = await EdgeFixture.GetAsync(reader, file.Path, "application/dicom");
        Assert.Equal(HttpStatusCode.NotAcceptable, decoded.StatusCode);
        using var frame = await EdgeFixture.GetAsync(reader, file.Path + "/frames/1", "multipart/related; type=application/octet-stream; transfer-syntax=*");
        Assert.Equal(fragment, Assert.Single(await EdgeFixture.PartsAsync(frame)).Content);
        using var jpeg = await EdgeFixture.GetAsync(reader, file.Path + "/frames/1", "image/jpeg");
        Assert.Equal("image/jpeg", jpeg.Content.Headers.ContentType!.MediaType);
        using var octets = await EdgeFixture.GetAsync(reader, file.Path + "/frames/1", "multipart/related; type=\"application/octet-stream\"");
        Assert.Equal(HttpStatusCode.NotAcceptable, octets.StatusCode);
    }

    [Theory]
    [InlineData("1.2.840.10008.1.2.1", "1.2.53.1")]
    [InlineData("1.2.840.10008.1.2", "1.2.53.2")]
    [InlineData("1.2.840.10008.1.2.2", "1.2.53.3")]
    [InlineData("1.2.840.10008.1.2.1.99", "1.2.53.4")]
    public async Task Frames_OfANativeMultiframe_AreItsPixels(string syntax, string sop)
    {
        var file = await StoreAsync("enhanced-ct", 0, sop, TransferSyntax.Of(syntax));
        var pixels = DemoInstance.Load(Path.Combine(edge.Demo, "enhanced-ct"))[0].File.Dataset.GetBytes(DicomTags.PixelData).ToArray();
        var frames = file.File.Dataset.GetInt32(DicomTags.NumberOfFrames)!.Value;
        var length = pixels.Length / frames;
        using var reader = await edge.ClientAsync("radiologist");

        using var response = await EdgeFixture.GetAsync(reader, file.Path + $"/frames/{frames},1", "multipart/related; type=\"application/octet-stream\"");
        var parts = await EdgeFixture.PartsAsync(response);
        Assert.Equal(2, parts.Count);
        Assert.Equal(pixels[^length..], parts[0].Content);
        Assert.Equal(pixels[..length], parts[1].Content);
        Assert.EndsWith("/frames/1", parts[1].Location, StringComparison.Ordinal);

        using var alone = await EdgeFixture.GetAsync(reader, file.Path + "/frames/2", "application/octet-stream");
        Assert.Equal(pixels[length..(2 * length)], await alone.Content.ReadAsByteArrayAsync());
        Assert.Equal(HttpStatusCode.NotFound, (await reader.GetAsync(file.Path + $"/frames/{frames + 1}")).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await reader.GetAsync(file.Path + "/frames/0")).StatusCode);
    }

    [Theory]
    [InlineData(5, 5, 3, "1.2.58.1")]
    [InlineData(3001, 3003, 2, "1.2.58.2")]
    public async Task Frames_OfOneBitPixels_BeginAtTheirFirstBit(int rows, int columns, int frames, string sop)
    {
        // As in a segmentation: frames follow each other without padding, so that they begin anywhere in a byte.
        var bits = new bool[rows * columns * frames];
        var random = new Random(5);
        for (var i = 0; i < bits.Length; i++) bits[i] = random.Next(2) == 1;
        var file = await StoreAsync("head-mr", 0, sop, change: d => d
            .Set(DicomTags.Rows, (double)rows).Set(DicomTags.Columns, (double)columns).Set(DicomTags.NumberOfFrames, (double)frames)
            .Set(DicomTags.BitsAllocated, 1.0).Set(DicomTags.BitsStored, 1.0).Set(DicomTags.HighBit, 0.0).Set(DicomTags.PixelData, Vr.OB, Pack(bits)));
        using var reader = await edge.ClientAsync("radiologist");
        using var response = await EdgeFixture.GetAsync(reader, $"{file.Path}/frames/{string.Join(',', Enumerable.Range(1, frames))}", "multipart/related; type=\"application/octet-stream\"");
        var parts = await EdgeFixture.PartsAsync(response);
        for (var frame = 0; frame < frames; frame++) Assert.Equal(Pack(bits.AsSpan(frame * rows * columns, rows * columns)), parts[frame].Content);
    }

    [Fact]
    public async Task Metadata_OfASeries_HasEveryInstanceWithWorkingBulkAddresses()
    {
        var files = DemoInstance.Load(Path.Combine(edge.Demo, "chest-ct"));
        using var uploader = await edge.ClientAsync("uploader");
        (await EdgeFixture.StoreAsync(uploader, "dicomweb/studies", files.Select(f => f.Bytes))).EnsureSuccessStatusCode();
        using var reader = await edge.ClientAsync("radiologist");
        var series = files.Where(f => f.Series == files[0].Series).ToList();

        var metadata = (await EdgeFixture.JsonAsync(reader, $"dicomweb/studies/{files[0].Study}/series/{files[0].Series}/metadata")).EnumerateArray().ToList();
        Assert.Equal(series.Select(f => f.Sop).Order(StringComparer.Ordinal), metadata.Select(m => Text(m, "00080018")).Order(StringComparer.Ordinal));
        Assert.Equal(files.Count, (await EdgeFixture.JsonAsync(reader, $"dicomweb/studies/{files[0].Study}/metadata")).GetArrayLength());
        var one = Assert.Single((await EdgeFixture.JsonAsync(reader, files[0].Path + "/metadata")).EnumerateArray());
        Assert.Equal("张^伟", one.GetProperty("00100010").GetProperty("Value")[0].GetProperty("Ideographic").GetString());
        Assert.Equal("zhāng^wěi", one.GetProperty("00100010").GetProperty("Value")[0].GetProperty("Phonetic").GetString());
        Assert.Equal(files[0].File.Dataset.GetDoubles(DicomTags.ImagePositionPatient), one.GetProperty("00200032").GetProperty("Value").EnumerateArray().Select(v => v.GetDouble()));

        if (one.GetProperty("7FE00010").TryGetProperty("BulkDataURI", out var uri))
        {
            using var bulk = await EdgeFixture.GetAsync(reader, uri.GetString()!, "application/octet-stream");
            Assert.Equal(files[0].File.Dataset.GetBytes(DicomTags.PixelData).ToArray(), await bulk.Content.ReadAsByteArrayAsync());
            // Any other range of the file is not there.
            Assert.Equal(HttpStatusCode.NotFound, (await reader.GetAsync(files[0].Path + "/bulkdata/0-200")).StatusCode);
        }
    }

    [Theory]
    [InlineData("", "multipart/related; type=\"application/dicom\"")]
    [InlineData("", "application/dicom")]
    [InlineData("/frames/1", "multipart/related; type=\"application/octet-stream\"")]
    [InlineData("/frames/1", "application/octet-stream")]
    public async Task Instance_ThatGoesOutAsItIsStored_SaysItsLength(string below, string accept)
    {
        var file = await StoreAsync("head-mr", 3, "1.2.54.2");
        using var reader = await edge.ClientAsync("radiologist");
        using var request = new HttpRequestMessage(HttpMethod.Get, file.Path + below);
        request.Headers.TryAddWithoutValidation("Accept", accept);
        using var response = await reader.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        var length = response.Content.Headers.ContentLength;
        Assert.Equal((await response.Content.ReadAsByteArrayAsync()).Length, length);
    }

    [Fact]
    public async Task Study_AskedForAgainWithItsTag_IsNotModified()
    {
        var file = await StoreAsync("head-mr", 2, "1.2.54.1");
        using var reader = await edge.ClientAsync("radiologist");
        using var first = await EdgeFixture.GetAsync(reader, file.Path + "/metadata", null);
        reader.DefaultRequestHeaders.IfNoneMatch.Add(first.Headers.ETag!);
        Assert.Equal(HttpStatusCode.NotModified, (await reader.GetAsync(file.Path + "/metadata")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await EdgeFixture.GetAsync(reader, file.Path, "application/dicom")).StatusCode);
        // The tag opens nothing: whoever may not see the study learns nothing.
        using var stranger = await edge.ClientAsync("clinician");
        stranger.DefaultRequestHeaders.IfNoneMatch.Add(first.Headers.ETag!);
        Assert.Equal(HttpStatusCode.NotFound, (await stranger.GetAsync(file.Path + "/metadata")).StatusCode);
    }

    [Theory]
    [InlineData("dicomweb/studies/9.9")]
    [InlineData("dicomweb/studies/9.9/metadata")]
    [InlineData("dicomweb/studies/9.9/series")]
    [InlineData("dicomweb/studies/9.9/series/9/instances/9/frames/1")]
    [InlineData("api/studies/9.9/series/9/instances/9/original")]
    [InlineData("institutions/nowhere/dicomweb/studies")]
    public async Task Get_WhatIsNotThere_Is404(string path)
    {
        using var reader = await edge.ClientAsync("radiologist");
        Assert.Equal(HttpStatusCode.NotFound, (await reader.GetAsync(path)).StatusCode);
    }

    [Fact]
    public async Task Get_UnacceptableOrMalformedAccept_Is406Or400()
    {
        var file = await StoreAsync("head-mr", 3, "1.2.55.1");
        using var reader = await edge.ClientAsync("radiologist");
        Assert.Equal(HttpStatusCode.NotAcceptable, (await EdgeFixture.GetAsync(reader, $"dicomweb/studies/{file.Study}", "application/dicom")).StatusCode);
        Assert.Equal(HttpStatusCode.NotAcceptable, (await EdgeFixture.GetAsync(reader, file.Path, "text/html")).StatusCode);
        Assert.Equal(HttpStatusCode.NotAcceptable, (await EdgeFixture.GetAsync(reader, file.Path + "/metadata", "multipart/related; type=\"application/dicom+xml\"")).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await EdgeFixture.GetAsync(reader, file.Path + "?accept=nonsense", null)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await EdgeFixture.GetAsync(reader, file.Path + "?accept=application/dicom", "text/html")).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await reader.GetAsync("dicomweb/studies?nonsense=1")).StatusCode);
    }

    [Fact]
    public async Task Delete_Study_HidesItFromEveryAnswer()
    {
        var file = await StoreAsync("head-mr", 4, "1.2.56.1");
        using var technician = await edge.ClientAsync("technician");
        using var reader = await edge.ClientAsync("radiologist");
        Assert.Equal(HttpStatusCode.OK, (await reader.GetAsync($"dicomweb/studies/{file.Study}")).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await reader.DeleteAsync($"dicomweb/studies/{file.Study}")).StatusCode);

        Assert.Equal(HttpStatusCode.NoContent, (await technician.DeleteAsync($"dicomweb/studies/{file.Study}")).StatusCode);
        foreach (var path in new[] { $"dicomweb/studies/{file.Study}", $"dicomweb/studies/{file.Study}/series", $"{file.Path}/frames/1", $"{file.Path}/metadata" })
            Assert.Equal(HttpStatusCode.NotFound, (await reader.GetAsync(path)).StatusCode);
        Assert.Equal(0, (await EdgeFixture.JsonAsync(reader, $"dicomweb/studies?StudyInstanceUID={file.Study}")).GetArrayLength());
        Assert.Equal(HttpStatusCode.NotFound, (await technician.DeleteAsync($"dicomweb/studies/{file.Study}")).StatusCode);
    }

    [Fact]
    public async Task Study_OfADamagedPack_IsNeverWrongBytes()
    {
        var file = await StoreAsync("chest-cr", 0, "1.2.57.1", change: d =>
        {
            var noise = new byte[3_000_000];
            new Random(3).NextBytes(noise);
            d.Set(DicomTags.Rows, 1000.0).Set(DicomTags.Columns, 1500.0).Set(DicomTags.PixelData, Vr.OW, noise);
        });
        await edge.DamageAsync(3_000_000, 2_000_000);
        using var reader = await edge.ClientAsync("radiologist");
        using var request = new HttpRequestMessage(HttpMethod.Get, file.Path);
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/dicom"));
        using var response = await reader.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        var received = new MemoryStream();
        var failure = await Record.ExceptionAsync(async () =>
        {
            response.EnsureSuccessStatusCode();
            await using var body = await response.Content.ReadAsStreamAsync();
            await body.CopyToAsync(received);
        });

        Assert.NotNull(failure);
        Assert.True(received.Length < file.Bytes.Length);
    }

    /// <summary>Stores one instance of a demo study as an instance of a study of its own.</summary>
    private async Task<DemoInstance> StoreAsync(string folder, int index, string sop, TransferSyntax? syntax = null, Action<DicomDataset>? change = null)
    {
        var file = DemoInstance.Load(Path.Combine(edge.Demo, folder))[index].With(d =>
        {
            d.Set(DicomTags.SOPInstanceUID, sop).Set(DicomTags.StudyInstanceUID, sop + ".7").Set(DicomTags.SeriesInstanceUID, sop + ".8");
            change?.Invoke(d);
        }, syntax);
        using var uploader = await edge.ClientAsync("uploader");
        using var response = await EdgeFixture.StoreAsync(uploader, "dicomweb/studies", file.Bytes);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        return file;
    }

    private static byte[] Pack(ReadOnlySpan<bool> bits)
    {
        var bytes = new byte[(bits.Length + 7) / 8];
        for (var i = 0; i < bits.Length; i++)
        {
            if (bits[i]) bytes[i / 8] |= (byte)(1 << (i % 8));
        }
        return bytes;
    }

    private static string? Text(JsonElement item, string tag) => item.GetProperty(tag).GetProperty("Value")[0].GetString();
}

public sealed class RetrieveTestsOnDisk(EdgeFixture edge) : RetrieveTests(edge), IClassFixture<EdgeFixture>;

public sealed class RetrieveTestsOnAzure(AzureEdgeFixture edge) : RetrieveTests(edge.Ready()), IClassFixture<AzureEdgeFixture>;
