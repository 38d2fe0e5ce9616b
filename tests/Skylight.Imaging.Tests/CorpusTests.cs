using System.Security.Cryptography;
using System.Text.Json;
using Xunit.Sdk;

namespace Skylight.Imaging.Tests;

/// <summary>
/// Stored values of real files against independent decoders. Convention: as DCMTK, colour JPEG and JPEG 2000 come out as RGB; where two decoders disagree
/// (GDCM leaves YBR as it is, and lays 16- and 32-bit RLE colour out by plane) DCMTK's answer is expected.
/// </summary>
public sealed class CorpusTests
{
    /// <summary>Pixel Representation says signed, the JPEG 2000 stream says unsigned. The dataset's word counts (PS3.5 8.2.4): GDCM keeps the stream's.</summary>
    private static readonly HashSet<string> OtherSign = ["J2K_pixelrep_mismatch.dcm"];

    /// <summary>Its JPEG 2000 size marker is overwritten with a delimiter item: no decoder reads it.</summary>
    private const string Damaged = "JPEG2000-embedded-sequence-delimiter.dcm";

    /// <summary>62 bytes short: refused by name of what is missing, never filled up.</summary>
    private const string Truncated = "MR_truncated.dcm";

    [Fact]
    public void ReadFrame_OfEveryCorpusFile_AgreesWithOtherDecoders()
    {
        var corpus = Find();
        if (corpus is null) throw SkipException.ForSkip("The corpus of real files is not beside the repository.");
        var failures = new List<string>();
        var compared = 0;
        using var expected = JsonDocument.Parse(File.ReadAllText(Path.Combine(corpus, "expected.json")));
        foreach (var entry in expected.RootElement.EnumerateArray())
        {
            var name = entry.GetProperty("file").GetString()!;
            if (!entry.TryGetProperty("pixels", out var pixels) || pixels.ValueKind != JsonValueKind.Object) continue;
            var references = new[] { "stored", "dcmtk", "gdcm" }
                .Where(r => pixels.TryGetProperty(r, out var v) && v.ValueKind == JsonValueKind.Object && v.TryGetProperty("sha256", out _))
                .Select(r => (Name: r, Value: pixels.GetProperty(r))).ToList();
            if (references.Count == 0) continue;
            try
            {
                using var image = DicomImage.Open(File.OpenRead(Path.Combine(corpus, "files", name)));
                var all = new byte[image.Layout.FrameBytes * image.Layout.Frames];
                for (var i = 0; i < image.Layout.Frames; i++) image.ReadFrame(i, all.AsSpan(i * image.Layout.FrameBytes));
                var digest = Convert.ToHexStringLower(SHA256.HashData(AsInFile(all, image.Layout, bigEndian: entry.GetProperty("transferSyntax").GetString() == "1.2.840.10008.1.2.2")));
                compared++;
                if (references.Any(r => r.Value.GetProperty("sha256").GetString() == digest)) continue;
                if (OtherSign.Contains(name) && IsSignExtended(all, image.Layout, references[0].Value.GetProperty("probes"))) continue;
                failures.Add($"{name}: none of {string.Join(", ", references.Select(r => $"{r.Name} ({r.Value.GetProperty("bytes")} bytes)"))}, ours {all.Length} bytes");
            }
            catch (PixelDataException error) when (name == Truncated && error.Code == PixelDataError.Truncated)
            {
                compared++;
            }
            catch (Exception error) when (error is PixelDataException or Dicom.DicomFormatException)
            {
                failures.Add($"{name}: {error.Message}");
            }
        }

        Assert.True(compared > 40, $"only {compared} files were compared");
        Assert.True(failures.Count == 0, string.Join("\n", failures));
    }

    [Fact]
    public void Render_OfEveryCorpusImage_GivesAPicture()
    {
        var corpus = Find();
        if (corpus is null) throw SkipException.ForSkip("The corpus of real files is not beside the repository.");
        var rendered = 0;
        var failures = new List<string>();
        foreach (var file in Directory.EnumerateFiles(Path.Combine(corpus, "files")))
        {
            try
            {
                using var image = DicomImage.Open(File.OpenRead(file));
                var shown = image.Render(0, new Skylight.Imaging.Display.RenderOptions { MaxWidth = 64, MaxHeight = 64 });
                Assert.True(Math.Max(shown.Width, shown.Height) == 64);
                Assert.Equal(0xD8FF, BitConverter.ToUInt16(shown.ToJpeg()));
                rendered++;
            }
            catch (PixelDataException error) when (Path.GetFileName(file) != Damaged && error.Code is (PixelDataError.BadStream or PixelDataError.Mismatch or PixelDataError.Unsupported))
            {
                failures.Add($"{Path.GetFileName(file)}: {error.Message}");
            }
            catch (Exception error) when (error is PixelDataException or Dicom.DicomFormatException)
            {
                // Files without pixels, or broken on purpose: that they are named as such is what the reader's own tests check.
            }
        }

        Assert.True(failures.Count == 0, string.Join("\n", failures));
        Assert.True(rendered > 50, $"only {rendered} images were rendered");
    }

    /// <summary>Our value is the reference's bit pattern, read as two's complement of Bits Stored.</summary>
    private static bool IsSignExtended(byte[] values, PixelLayout layout, JsonElement probes)
    {
        var unused = 32 - layout.BitsStored;
        return layout is { Signed: true, BytesPerSample: 2 } && probes.GetArrayLength() > 0 && probes.EnumerateArray().All(probe =>
            BitConverter.ToInt16(values, 2 * probe[0].GetInt32()) == (probe[1].GetInt32() << unused) >> unused);
    }

    /// <summary>"stored" references of uncompressed files are taken over the bytes of the file: packed bits, big-endian words.</summary>
    private static byte[] AsInFile(byte[] values, PixelLayout layout, bool bigEndian)
    {
        if (layout.BitsAllocated == 1)
        {
            var packed = new byte[(values.Length + 7) / 8];
            for (var i = 0; i < values.Length; i++) packed[i / 8] |= (byte)(values[i] << (i % 8));
            return packed;
        }

        if (!bigEndian) return values;
        // 8-bit samples in a big-endian OW value are swapped in pairs; an odd last one with the padding byte.
        var unit = Math.Max(2, layout.BytesPerSample);
        var swapped = new byte[(values.Length + unit - 1) / unit * unit];
        values.CopyTo(swapped, 0);
        for (var at = 0; at < swapped.Length; at += unit) swapped.AsSpan(at, unit).Reverse();
        return swapped[..values.Length];
    }

    private static string? Find()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            var path = Path.Combine(at.FullName, "shared", "corpus");
            if (File.Exists(Path.Combine(path, "expected.json"))) return path;
        }

        return null;
    }
}
