using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Skylight.Dicom;
using Skylight.EndToEnd.Tests.DicomWeb;

namespace Skylight.EndToEnd.Tests.Lifecycle;

/// <summary>A correction over HTTP: proposed, approved, seen by every reader (and by tools of others), undone.</summary>
public sealed class CorrectionHttpTests(EdgeFixture edge) : IClassFixture<EdgeFixture>
{
    [Fact]
    public async Task Correction_IsSeenByEveryReader_ExceptInTheOriginal()
    {
        using var technician = await edge.ClientAsync("technician");
        using var reader = await edge.ClientAsync("radiologist");
        using var records = await edge.ClientAsync("medical-records");
        var file = DemoInstance.Load(Path.Combine(edge.Demo, "chest-cr"))[0];
        (await EdgeFixture.StoreAsync(technician, "dicomweb/studies", file.Bytes)).Dispose();
        var address = $"api/studies/{file.Study}/corrections";
        var order = new { scope = "study", reason = "correct", source = "registration", values = new Dictionary<string, string> { ["PatientName"] = "Gai^Zheng=改^正", ["AccessionNumber"] = "ACC-7" } };

        using (var wrong = await technician.PostAsJsonAsync(address, new { values = new Dictionary<string, string> { ["SOPInstanceUID"] = "1.2" } })) Assert.Equal(HttpStatusCode.UnprocessableEntity, wrong.StatusCode);
        using (var preview = await technician.PostAsJsonAsync($"{address}?preview=true", order))
            Assert.Contains("改^正", (await preview.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("changes")[0].GetProperty("proposed").GetString(), StringComparison.Ordinal);
        Assert.Equal(0, (await technician.GetFromJsonAsync<JsonElement>(address)).GetProperty("items").GetArrayLength());
        using var before = await EdgeFixture.GetAsync(reader, file.Path, "application/dicom");
        using var proposed = await technician.PostAsJsonAsync(address, order);
        Assert.Equal(HttpStatusCode.Accepted, proposed.StatusCode);
        var correction = proposed.Headers.Location!.OriginalString;
        using (var own = await technician.PostAsync($"{correction}/approve", null)) Assert.Equal(HttpStatusCode.Forbidden, own.StatusCode);
        using (var approved = await records.PostAsync($"{correction}/approve", null)) Assert.Equal(HttpStatusCode.OK, approved.StatusCode);

        var found = await EdgeFixture.JsonAsync(reader, "dicomweb/studies?AccessionNumber=ACC-7");
        Assert.Equal(file.Study, found[0].GetProperty("0020000D").GetProperty("Value")[0].GetString());
        var metadata = await EdgeFixture.JsonAsync(reader, $"{file.Path}/metadata");
        Assert.Equal("改^正", metadata[0].GetProperty("00100010").GetProperty("Value")[0].GetProperty("Ideographic").GetString());
        Assert.Equal("CORRECT", metadata[0].GetProperty("04000561").GetProperty("Value")[0].GetProperty("04000565").GetProperty("Value")[0].GetString());
        using var after = await EdgeFixture.GetAsync(reader, file.Path, "application/dicom");
        Assert.NotEqual(before.Headers.ETag, after.Headers.ETag);
        var corrected = await after.Content.ReadAsByteArrayAsync();
        var dataset = DicomFile.Read(corrected).Dataset;
        Assert.Equal(("Gai^Zheng=改^正", "ACC-7"), (dataset.GetString(DicomTags.PatientName), dataset.GetString(DicomTags.AccessionNumber)));
        Assert.Equal(file.File.Dataset.GetBytes(DicomTags.PixelData).ToArray(), dataset.GetBytes(DicomTags.PixelData).ToArray());
        await ReadByOthersAsync(corrected);
        using var original = await reader.GetAsync(file.Path.Replace("dicomweb/", "api/", StringComparison.Ordinal) + "/original");
        Assert.Equal(file.Bytes, await original.Content.ReadAsByteArrayAsync());

        using (var undone = await records.PostAsync($"{correction}/undo", null)) Assert.Equal(HttpStatusCode.OK, undone.StatusCode);
        using var again = await EdgeFixture.GetAsync(reader, file.Path, "application/dicom");
        Assert.Equal(file.Dataset, DemoInstance.DatasetOf(await again.Content.ReadAsByteArrayAsync()));
    }

    /// <summary>DCMTK's dump, where it is installed, reads the whole file and finds the sequence.</summary>
    private async Task ReadByOthersAsync(byte[] file)
    {
        if (!File.Exists("/usr/bin/dcmdump")) return;
        var path = Path.Combine(edge.Data, "corrected.dcm");
        await File.WriteAllBytesAsync(path, file);
        using var dump = Process.Start(new ProcessStartInfo("/usr/bin/dcmdump", ["+sd", "-q", path]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var (text, errors) = (await dump.StandardOutput.ReadToEndAsync(), await dump.StandardError.ReadToEndAsync());
        await dump.WaitForExitAsync();
        Assert.True(dump.ExitCode == 0 && errors.Length == 0, errors);
        Assert.Contains("OriginalAttributesSequence", text, StringComparison.Ordinal);
        Assert.Contains("ModifiedAttributesSequence", text, StringComparison.Ordinal);
    }
}
