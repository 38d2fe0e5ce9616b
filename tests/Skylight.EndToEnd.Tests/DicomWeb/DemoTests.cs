using System.Security.Cryptography;
using Skylight.Cli.Demo;
using Skylight.Dicom;

namespace Skylight.EndToEnd.Tests.DicomWeb;

public sealed class DemoTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-demo-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Make_SameSeed_GivesTheSameFiles()
    {
        var first = await MakeAsync("a", 3);
        var again = await MakeAsync("b", 3);
        var other = await MakeAsync("c", 4);

        Assert.Equal(first.Select(f => Convert.ToHexString(SHA256.HashData(f.Bytes))), again.Select(f => Convert.ToHexString(SHA256.HashData(f.Bytes))));
        Assert.Empty(first.Select(f => f.Sop).Intersect(other.Select(f => f.Sop)));
    }

    [Fact]
    public async Task Make_Studies_AreWholeAndNamedInSeveralScripts()
    {
        var files = await MakeAsync("d", 1);

        Assert.Equal(4, files.Select(f => f.Study).Distinct().Count());
        Assert.Equal(files.Count, files.Select(f => f.Sop).Distinct().Count());
        Assert.Equal(["CR", "CT", "MR"], files.Select(f => f.File.Dataset.GetString(DicomTags.Modality)).Distinct().Order(StringComparer.Ordinal));
        var names = files.Select(f => f.File.Dataset.GetString(DicomTags.PatientName)).ToHashSet();
        Assert.Equal(["Zhang^Wei=张^伟=zhāng^wěi", "Li^Na=李^娜=lǐ^nà", "Müller^Jürgen", "Chen^Jing"], names.OrderBy(n => n switch { ['Z', ..] => 0, ['L', ..] => 1, ['M', ..] => 2, _ => 3 }));
        foreach (var series in files.Where(f => f.File.Dataset.Contains(DicomTags.ImagePositionPatient)).GroupBy(f => f.Series))
        {
            // Slices lie one after the other at equal distances, and their pixels are not empty.
            var heights = series.OrderBy(f => f.File.Dataset.GetInt32(DicomTags.InstanceNumber)).Select(f => f.File.Dataset.GetDoubles(DicomTags.ImagePositionPatient)[2]).ToList();
            Assert.Single(heights.Zip(heights.Skip(1), (a, b) => Math.Round(b - a, 2)).Distinct());
            Assert.All(series, f => Assert.True(f.File.Dataset.GetBytes(DicomTags.PixelData).Span.ContainsAnyExcept((byte)0)));
        }
    }

    [Fact]
    public async Task Make_Files_ConformByDciodvfy()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/dciodvfy"), "dciodvfy (Debian package dicom3tools) is not here");
        await MakeAsync("e", 1);
        foreach (var file in Directory.EnumerateFiles(Path.Combine(_folder, "e"), "*.dcm", SearchOption.AllDirectories).Where(f => f.EndsWith("I0001.dcm", StringComparison.Ordinal)))
        {
            using var process = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("/usr/bin/dciodvfy", [file]) { RedirectStandardError = true })!;
            var report = await process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync();
            Assert.DoesNotContain("Error", report, StringComparison.Ordinal);
        }
    }

    private async Task<List<DemoInstance>> MakeAsync(string name, int seed)
    {
        var folder = Path.Combine(_folder, name);
        Assert.Equal(0, await DemoCommand.Create().Parse(["make", "-o", folder, "--scale", "0.1", "--seed", seed.ToString(System.Globalization.CultureInfo.InvariantCulture)]).InvokeAsync());
        return DemoInstance.Load(folder);
    }
}
