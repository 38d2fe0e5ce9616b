namespace Skylight.Benchmarks.Dicom;

/// <summary>The decoders beside ours: the native libraries called directly, DCMTK and GDCM in small C++ programs, pydicom in a script.</summary>
internal sealed class PixelPeers
{
    private readonly string? _codecs, _dcmtk, _gdcm;

    private PixelPeers(string? codecs, string? dcmtk, string? gdcm) => (_codecs, _dcmtk, _gdcm) = (codecs, dcmtk, gdcm);

    public static PixelPeers Build(string folder)
    {
        var gdcm = Newest("gdcm-*");
        return new PixelPeers(
            Newest("openjpeg-*") is not { } openjpeg ? null
                : Peers.Compile(folder, "codec_peer", "g++, libopenjp2-7-dev, libcharls2 and libturbojpeg0", ["-I" + openjpeg, "-l:libopenjp2.so.7", "-l:libcharls.so.2", "-l:libturbojpeg.so.0"]),
            Peers.Compile(folder, "image_peer", "g++ and libdcmtk-dev", ["-ldcmjpls", "-ldcmjpeg", "-ldcmimage", "-ldcmimgle", "-ldcmdata", "-loflog", "-lofstd", "-lpthread"]),
            gdcm is null ? null : Peers.Compile(folder, "gdcm_image_peer", "g++ and libgdcm-dev", ["-I" + gdcm, "-lgdcmMSFF", "-lgdcmDSED", "-lgdcmCommon"]));
    }

    /// <summary>The library that we call too, on the bare frame.</summary>
    public Contestant ByLibrary(string library, string codec, string frame, int count, int width, int height, int samples, int bits) =>
        new(library, () => _codecs is null ? null : Peers.Child(_codecs, [codec, frame, $"{count}", $"{width}", $"{height}", $"{samples}", $"{bits}"]));

    public Contestant DecodeByDcmtk(string file, int count) => new("dcmtk", () => _dcmtk is null ? null : Peers.Child(_dcmtk, ["decode", file, $"{count}"]));

    public Contestant RenderByDcmtk(string file, int count) => new("dcmtk", () => _dcmtk is null ? null : Peers.Child(_dcmtk, ["render", file, $"{count}"]));

    public Contestant DecodeByGdcm(string file, int count) => new("gdcm", () => _gdcm is null ? null : Peers.Child(_gdcm, [file, $"{count}"]));

    public static Contestant DecodeByPydicom(string file, int count) =>
        new("pydicom", () => Peers.Child("/usr/bin/python3", [Path.Combine(AppContext.BaseDirectory, "Dicom", "peers", "pixel_peer.py"), file, $"{count}"]));

    private static string? Newest(string include) =>
        Directory.Exists("/usr/include") ? Directory.GetDirectories("/usr/include", include).Order(StringComparer.Ordinal).LastOrDefault() : null;
}
