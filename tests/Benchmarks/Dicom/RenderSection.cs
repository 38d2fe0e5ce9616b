using System.Diagnostics;
using Skylight.Imaging;
using Skylight.Imaging.Display;

namespace Skylight.Benchmarks.Dicom;

/// <summary>A file on disk to a JPEG of 512 pixels, quality 85, with the file's own window: opening and reading are counted. DCMTK runs in process, as dcmj2pnm works.</summary>
internal static class RenderSection
{
    public const string Name = "render";

    public static IReadOnlyList<Contest> Contests(string folder, PixelPeers peers)
    {
        var ct = PixelFiles.Ct(folder);
        var cr = PixelFiles.Cr(folder);
        return [Of("render-ct", ct, 20, peers), Of("render-cr10", cr, 5, peers)];
    }

    private static Contest Of(string name, string file, int count, PixelPeers peers) =>
        new(name, count, "MPixel", [new Contestant("skylight", () => Ours(file, count)), peers.RenderByDcmtk(file, count)]);

    private static Sample Ours(string path, int count)
    {
        long pixels = 0;
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        using var process = Process.GetCurrentProcess();
        var cpu = process.TotalProcessorTime;
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < count; i++)
        {
            using var image = DicomImage.Open(File.OpenRead(path));
            image.Render(0, new RenderOptions { MaxWidth = 512, MaxHeight = 512 }).ToJpeg();
            pixels += image.Layout.PixelCount;
        }

        var seconds = clock.Elapsed.TotalSeconds;
        process.Refresh();
        return new Sample(seconds, (process.TotalProcessorTime - cpu).TotalSeconds, count, pixels, GC.GetAllocatedBytesForCurrentThread() - allocated);
    }
}
