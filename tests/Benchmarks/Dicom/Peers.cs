using System.Diagnostics;
using System.Globalization;

namespace Skylight.Benchmarks.Dicom;

/// <summary>The toolkits beside us: DCMTK and GDCM in small C++ programs that are compiled here, pydicom in a script.</summary>
internal sealed class Peers
{
    private static string SourceFolder => Path.Combine(AppContext.BaseDirectory, "Dicom", "peers");

    private Peers(string? dcmtk, string? gdcm) => (Dcmtk, Gdcm) = (dcmtk, gdcm);

    /// <summary>The compiled program, or null when DCMTK's headers or a compiler are not there.</summary>
    public string? Dcmtk { get; }

    /// <summary>The compiled program, or null when GDCM's headers or a compiler are not there.</summary>
    public string? Gdcm { get; }

    public static Peers Build(string folder)
    {
        var version = Directory.Exists("/usr/include") ? Directory.GetDirectories("/usr/include", "gdcm-*").Order(StringComparer.Ordinal).LastOrDefault() : null;
        return new Peers(
            Compile(folder, "dcmtk_peer", "g++ and libdcmtk-dev", ["-ldcmdata", "-loflog", "-lofstd", "-lpthread"]),
            version is null ? null : Compile(folder, "gdcm_peer", "g++ and libgdcm-dev", ["-I" + version, "-lgdcmMSFF", "-lgdcmDSED", "-lgdcmCommon"]));
    }

    public Contestant ByDcmtk(string list, string mode) => new("dcmtk", () => Dcmtk is null ? null : Child(Dcmtk, [list, mode]));

    public Contestant ByGdcm(string list, string mode) => new("gdcm", () => Gdcm is null ? null : Child(Gdcm, [list, mode]));

    public static Contestant ByPydicom(string list, string mode) => new("pydicom", () => Child("/usr/bin/python3", [Path.Combine(SourceFolder, "python_peer.py"), list, mode]));

    /// <summary>Compiles one of the programs in peers/; null, with a word on standard error, when that is not possible.</summary>
    public static string? Compile(string folder, string name, string needs, string[] libraries)
    {
        var program = Path.Combine(folder, name);
        if (Run("g++", ["-O2", "-std=c++17", "-o", program, Path.Combine(SourceFolder, name + ".cc"), .. libraries]) is not null) return program;
        Console.Error.WriteLine($"{name} is left out: it needs {needs}");
        return null;
    }

    /// <summary>Runs one round of a peer, which prints "seconds cpu-seconds elements bytes".</summary>
    public static Sample? Child(string program, string[] arguments)
    {
        if (Run(program, arguments)?.Split(' ', StringSplitOptions.TrimEntries) is not [var seconds, var cpu, var elements, var bytes]) return null;
        var inv = CultureInfo.InvariantCulture;
        return new Sample(double.Parse(seconds, inv), double.Parse(cpu, inv), long.Parse(elements, inv), long.Parse(bytes, inv));
    }

    private static string? Run(string program, string[] arguments)
    {
        try
        {
            using var child = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var errors = child.StandardError.ReadToEndAsync();
            var text = child.StandardOutput.ReadToEnd();
            child.WaitForExit();
            if (child.ExitCode == 0) return text;
            Console.Error.WriteLine($"{Path.GetFileName(program)}: {errors.GetAwaiter().GetResult().Split('\n')[0]}");
            return null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            // Not installed: its lines are left out.
            return null;
        }
    }
}
