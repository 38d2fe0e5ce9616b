using System.Diagnostics;
using Skylight.Dicom;
using Skylight.Imaging;

namespace Skylight.Benchmarks.Dicom;

/// <summary>One frame of each compressed syntax to stored values, again and again, on one thread. Reading and parsing of the file are not counted, for nobody.</summary>
internal static class DecodeSection
{
    public const string Name = "decode";

    public static IReadOnlyList<Contest> Contests(string folder, PixelPeers peers)
    {
        var ct = PixelFiles.Ct(folder);
        var colour = PixelFiles.Colour(folder);
        var contests = new List<Contest>
        {
            Of("rle", PixelFiles.Convert(ct, "1.2.840.10008.1.2.5", "rle.dcm"), 40, null, peers),
            Of("jpeg-ls", PixelFiles.Convert(ct, "1.2.840.10008.1.2.4.80", "jls.dcm"), 20, ("charls", "jls"), peers),
            Of("jpeg-2000", PixelFiles.Convert(ct, "1.2.840.10008.1.2.4.90", "j2k.dcm"), 12, ("openjpeg", "j2k"), peers),
            Of("jpeg-8bit", PixelFiles.Convert(colour, FrameCodec.JpegBaseline, "jpeg.dcm"), 40, ("turbojpeg", "jpeg"), peers),
        };
        if (PixelFiles.ByDcmcjpeg(ct, "+e1", "lossless.dcm") is { } lossless) contests.Add(Of("jpeg-lossl.", lossless, 20, null, peers));
        if (PixelFiles.ByDcmcjpeg(ct, "+ee", "extended.dcm") is { } extended) contests.Add(Of("jpeg-12bit", extended, 20, null, peers));
        return contests;
    }

    private static Contest Of(string name, string file, int count, (string Library, string Codec)? native, PixelPeers peers)
    {
        var (syntax, layout, frame) = Read(file);
        var bare = file + ".frame";
        File.WriteAllBytes(bare, frame);
        return new Contest(name, count, "MPixel",
        [
            new Contestant("skylight", () => Ours(syntax, layout, frame, count)),
            .. native is var (library, codec) ? [peers.ByLibrary(library, codec, bare, count, layout.Columns, layout.Rows, layout.SamplesPerPixel, layout.BitsAllocated)] : Array.Empty<Contestant>(),
            peers.DecodeByDcmtk(file, count),
            peers.DecodeByGdcm(file, count),
            PixelPeers.DecodeByPydicom(file, count),
        ]);
    }

    private static (string Syntax, PixelLayout Layout, byte[] Frame) Read(string path)
    {
        var file = DicomFile.Read(File.ReadAllBytes(path));
        file.Dataset.TryGet(DicomTags.PixelData, out var element);
        return (file.Syntax.Uid, DicomImage.ReadLayout(file.Dataset), [.. element.Fragments!.Fragments.SelectMany(f => f.ToArray())]);
    }

    private static Sample Ours(string syntax, PixelLayout layout, byte[] frame, int count)
    {
        var values = new byte[layout.FrameBytes];
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        using var process = Process.GetCurrentProcess();
        var cpu = process.TotalProcessorTime;
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < count; i++) FrameCodec.Decode(syntax, layout, frame, values);
        var seconds = clock.Elapsed.TotalSeconds;
        process.Refresh();
        return new Sample(seconds, (process.TotalProcessorTime - cpu).TotalSeconds, count, (long)count * layout.PixelCount, GC.GetAllocatedBytesForCurrentThread() - allocated);
    }
}
