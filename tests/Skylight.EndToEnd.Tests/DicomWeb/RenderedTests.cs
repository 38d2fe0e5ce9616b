using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Core.Events;
using Skylight.Dicom;
using Skylight.Imaging;

namespace Skylight.EndToEnd.Tests.DicomWeb;

public abstract class RenderedTests(EdgeFixture edge)
{
    [Fact]
    public async Task Rendered_OfAnInstance_IsAJpegOfTheViewport()
    {
        var file = await StoreAsync("head-mr", 0, "1.2.61.1");
        using var reader = await edge.ClientAsync("radiologist");
        using var plain = await EdgeFixture.GetAsync(reader, file.Path + "/rendered", null);
        Assert.Equal("image/jpeg", plain.Content.Headers.ContentType!.MediaType);
        var picture = await plain.Content.ReadAsByteArrayAsync();
        Assert.Equal(plain.Content.Headers.ContentLength, picture.Length);
        Assert.Equal((file.File.Dataset.GetInt32(DicomTags.Columns)!.Value, file.File.Dataset.GetInt32(DicomTags.Rows)!.Value), SizeOfJpeg(picture));

        using var boxed = await EdgeFixture.GetAsync(reader, file.Path + "/rendered?viewport=64,40&quality=50", "image/jpeg");
        var (width, height) = SizeOfJpeg(await boxed.Content.ReadAsByteArrayAsync());
        Assert.True(width <= 64 && height == 40, $"{width} x {height}");
        using var cropped = await EdgeFixture.GetAsync(reader, file.Path + "/rendered?viewport=30,30,2,2,10,10", "image/png");
        Assert.Equal((30, 30), SizeOfPng(await cropped.Content.ReadAsByteArrayAsync()));
    }

    [Fact]
    public async Task Rendered_WithAnotherWindow_IsAnotherPicture_AndItsETagIsItsOwn()
    {
        var file = await StoreAsync("head-mr", 1, "1.2.61.2");
        using var reader = await edge.ClientAsync("radiologist");
        using var plain = await EdgeFixture.GetAsync(reader, file.Path + "/rendered", "image/png");
        using var dark = await EdgeFixture.GetAsync(reader, file.Path + "/rendered?window=30000,10,linear-exact", "image/png");
        Assert.NotEqual(await plain.Content.ReadAsByteArrayAsync(), await dark.Content.ReadAsByteArrayAsync());
        Assert.NotEqual(plain.Headers.ETag, dark.Headers.ETag);

        // What the timers do to the study meanwhile changes no picture.
        await edge.Services.GetRequiredService<StudyOutbox>().PublishAsync(default);
        using var again = new HttpRequestMessage(HttpMethod.Get, file.Path + "/rendered");
        again.Headers.TryAddWithoutValidation("Accept", "image/png");
        again.Headers.IfNoneMatch.Add(plain.Headers.ETag!);
        using var unchanged = await reader.SendAsync(again);
        Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);
    }

    [Theory]
    [InlineData("viewport=0,5")]
    [InlineData("viewport=5")]
    [InlineData("viewport=100000,100000")]
    [InlineData("viewport=64,64,9000,9000,4,4")]
    [InlineData("window=1")]
    [InlineData("window=1,0,linear")]
    [InlineData("window=1,NaN,linear")]
    [InlineData("window=1,2,cubic")]
    [InlineData("quality=0")]
    [InlineData("quality=101")]
    public async Task Rendered_WithAMalformedParameter_IsRefused(string query)
    {
        var file = await StoreAsync("head-mr", 0, "1.2.61.1");
        using var reader = await edge.ClientAsync("radiologist");
        using var answer = await EdgeFixture.GetAsync(reader, $"{file.Path}/rendered?{query}", "image/jpeg");
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("render-parameter", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1.2.840.10008.1.2.1", "1.2.62.1")]
    [InlineData("1.2.840.10008.1.2.1.99", "1.2.62.2")]
    [InlineData("1.2.840.10008.1.2.2", "1.2.62.3")]
    public async Task Rendered_OfFrames_ShowsEachOfThem(string syntax, string sop)
    {
        var file = await StoreAsync("enhanced-ct", 0, sop, f => f.With(d => d.Set(DicomTags.SOPInstanceUID, sop), TransferSyntax.Of(syntax)));
        using var reader = await edge.ClientAsync("radiologist");
        using var one = await EdgeFixture.GetAsync(reader, file.Path + "/frames/2/rendered", "image/png");
        var second = await one.Content.ReadAsByteArrayAsync();
        using var two = await EdgeFixture.GetAsync(reader, file.Path + "/frames/1,2/rendered", "multipart/related; type=\"image/png\"");
        var parts = await EdgeFixture.PartsAsync(two);
        Assert.Equal(2, parts.Count);
        Assert.Equal(second, parts[1].Content);
        Assert.NotEqual(second, parts[0].Content);
        Assert.EndsWith("/frames/2/rendered", parts[1].Location, StringComparison.Ordinal);
        using var single = await EdgeFixture.GetAsync(reader, file.Path + "/frames/1,2/rendered", "image/png");
        Assert.Equal(HttpStatusCode.NotAcceptable, single.StatusCode);
        using var beyond = await EdgeFixture.GetAsync(reader, file.Path + "/frames/9999/rendered", "image/png");
        Assert.Equal(HttpStatusCode.NotFound, beyond.StatusCode);
        using var thumbnail = await EdgeFixture.GetAsync(reader, file.Path + "/frames/1/thumbnail?viewport=16,16", "image/jpeg");
        Assert.Equal((16, 16), SizeOfJpeg(await thumbnail.Content.ReadAsByteArrayAsync()));
    }

    [Fact]
    public async Task Thumbnails_OfStudyAndSeries_ArePictures_AndRenderedStudyIsAllOfThem()
    {
        var file = await StoreAsync("head-mr", 2, "1.2.61.3");
        using var reader = await edge.ClientAsync("radiologist");
        foreach (var path in new[] { $"dicomweb/studies/{file.Study}", $"dicomweb/studies/{file.Study}/series/{file.Series}", file.Path })
        {
            using var thumbnail = await EdgeFixture.GetAsync(reader, path + "/thumbnail", "image/jpeg");
            var (width, height) = SizeOfJpeg(await thumbnail.Content.ReadAsByteArrayAsync());
            Assert.InRange(Math.Max(width, height), 16, 256);
            using var all = await EdgeFixture.GetAsync(reader, path + "/rendered?viewport=32,32", "multipart/related; type=\"image/jpeg\"");
            Assert.All(await EdgeFixture.PartsAsync(all), p => Assert.Equal("image/jpeg", p.ContentType));
        }
    }

    [Fact]
    public async Task Rendered_OfACompressedInstance_ShowsTheSamePicture()
    {
        var native = await StoreAsync("head-mr", 3, "1.2.63.1");
        var compressed = await StoreAsync("head-mr", 3, "1.2.63.2", f =>
            DemoInstance.Of(DicomWriter.ToArray(Transcoder.Convert(f.With(d => d.Set(DicomTags.SOPInstanceUID, "1.2.63.2")).File, TransferSyntax.Of("1.2.840.10008.1.2.4.90")))));
        using var reader = await edge.ClientAsync("radiologist");
        using var a = await EdgeFixture.GetAsync(reader, native.Path + "/rendered", "image/png");
        using var b = await EdgeFixture.GetAsync(reader, compressed.Path + "/rendered", "image/png");
        Assert.Equal(await a.Content.ReadAsByteArrayAsync(), await b.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Rendered_OfWhatHasNoPixels_Is406()
    {
        var file = await StoreAsync("head-mr", 0, "1.2.61.9", f => f.With(d => d.Set(DicomTags.SOPInstanceUID, "1.2.61.9").Remove(DicomTags.PixelData)));
        using var reader = await edge.ClientAsync("radiologist");
        using var answer = await EdgeFixture.GetAsync(reader, file.Path + "/rendered", "image/jpeg");
        Assert.Equal(HttpStatusCode.NotAcceptable, answer.StatusCode);
        using var other = await EdgeFixture.GetAsync(reader, file.Path + "/rendered", "image/gif");
        Assert.Equal(HttpStatusCode.NotAcceptable, other.StatusCode);
    }

    private async Task<DemoInstance> StoreAsync(string study, int index, string sop, Func<DemoInstance, DemoInstance>? change = null)
    {
        var file = DemoInstance.Load(Path.Combine(edge.Demo, study))[index];
        file = change?.Invoke(file) ?? file.With(d => d.Set(DicomTags.SOPInstanceUID, sop));
        using var uploader = await edge.ClientAsync("uploader");
        (await EdgeFixture.StoreAsync(uploader, "dicomweb/studies", file.Bytes)).EnsureSuccessStatusCode();
        return file;
    }

    private static (int Width, int Height) SizeOfJpeg(byte[] jpeg)
    {
        for (var at = 2; at + 9 < jpeg.Length; at += 2 + ((jpeg[at + 2] << 8) | jpeg[at + 3]))
            if (jpeg[at + 1] is 0xC0 or 0xC2) return ((jpeg[at + 7] << 8) | jpeg[at + 8], (jpeg[at + 5] << 8) | jpeg[at + 6]);
        throw new InvalidDataException("No frame header.");
    }

    private static (int, int) SizeOfPng(byte[] png) => ((png[18] << 8) | png[19], (png[22] << 8) | png[23]);
}

public sealed class RenderedTestsOnDisk(EdgeFixture edge) : RenderedTests(edge), IClassFixture<EdgeFixture>;

public sealed class RenderedTestsOnAzure(AzureEdgeFixture edge) : RenderedTests(edge.Ready()), IClassFixture<AzureEdgeFixture>;
