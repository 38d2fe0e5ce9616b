using System.Diagnostics;
using System.Globalization;
using Skylight.Dicom;

namespace Skylight.Benchmarks.Dicom;

/// <summary>Header parse, reading of every value and JSON of CT files, beside DCMTK (in process), pydicom and GDCM: every round runs each of them in turn.</summary>
internal static class DicomBench
{
    private sealed record Peer(string Name, string Mode, Func<string, Round?> Run);

    private sealed record Round(double Seconds, double Cpu, long Elements, long Bytes);

    public static int Run(string[] options)
    {
        int files = 1000, rounds = 5, size = 512;
        for (var i = 0; i + 1 < options.Length; i += 2)
        {
            if (!int.TryParse(options[i + 1], CultureInfo.InvariantCulture, out var value) || value < 1) return Usage();
            switch (options[i])
            {
                case "--files": files = value; break;
                case "--rounds": rounds = value; break;
                case "--size": size = value; break;
                default: return Usage();
            }
        }

        var folder = Directory.CreateTempSubdirectory("skylight-bench-").FullName;
        try
        {
            var paths = CtFiles.Make(folder, files, size);
            var list = Path.Combine(folder, "list.txt");
            File.WriteAllLines(list, paths);
            Measure(Peers(paths, BuildDcmtk(folder)), list, files, rounds);
            Allocations(paths[0]);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static int Usage()
    {
        Console.Error.WriteLine("usage: ./dev bench dicom [--files 1000] [--rounds 5] [--size 512]");
        return 2;
    }

    private static List<Peer> Peers(string[] paths, string? dcmtk)
    {
        var script = Path.Combine(AppContext.BaseDirectory, "Dicom", "peers", "python_peer.py");
        var peers = new List<Peer>();
        foreach (var mode in (string[])["parse", "read", "json"])
        {
            peers.Add(new Peer("skylight", mode, _ => Ours(paths, mode)));
            if (dcmtk is not null) peers.Add(new Peer("dcmtk", mode, list => Child(dcmtk, [list, mode])));
            peers.Add(new Peer("pydicom", mode, list => Child("/usr/bin/python3", [script, list, mode])));
            if (mode == "parse") peers.Add(new Peer("gdcm", mode, list => Child("/usr/bin/python3", [script, list, "gdcm"])));
        }

        return peers;
    }

    private static void Measure(List<Peer> peers, string list, int files, int rounds)
    {
        var results = peers.ToDictionary(p => p, _ => new List<Round>());
        for (var round = -1; round < rounds; round++)
        {
            foreach (var peer in peers)
            {
                // The first round warms caches and compilers and does not count.
                if (peer.Run(list) is { } result && round >= 0) results[peer].Add(result);
            }
        }

        Console.WriteLine($"{files} CT files, {rounds} rounds, one thread; median (best)");
        Console.WriteLine("mode   reader     files/s             CPU us/file   MB/s of JSON   elements/file");
        foreach (var mode in peers.GroupBy(p => p.Mode))
        {
            foreach (var peer in mode.Where(p => results[p].Count > 0))
            {
                var r = results[peer];
                var json = peer.Mode == "json" ? $"{Median(r, x => x.Bytes / x.Seconds / 1e6),8:F1}" : "       -";
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{peer.Mode,-6} {peer.Name,-9} {Median(r, x => files / x.Seconds),8:F0} ({r.Max(x => files / x.Seconds),6:F0})   {Median(r, x => x.Cpu * 1e6 / files),8:F1}      {json}       {r[0].Elements / files}"));
            }

            var ours = mode.First(p => p.Name == "skylight");
            foreach (var peer in mode.Where(p => p != ours && results[p].Count > 0))
            {
                var ratios = results[ours].Zip(results[peer], (a, b) => b.Cpu / a.Cpu).Order().ToList();
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"       skylight / {peer.Name}: {ratios[ratios.Count / 2]:F1}x files per CPU second (median of rounds)"));
            }
        }
    }

    private static double Median(List<Round> rounds, Func<Round, double> of) => rounds.Select(of).Order().ElementAt(rounds.Count / 2);

    private static Round Ours(string[] paths, string mode)
    {
        long elements = 0, bytes = 0;
        var cpu = Process.GetCurrentProcess().TotalProcessorTime;
        var clock = Stopwatch.StartNew();
        foreach (var path in paths)
        {
            var dataset = DicomFile.ReadHeader(path).Dataset;
            if (mode == "read") elements += Touch(dataset, ref bytes);
            else elements += dataset.Count;
            if (mode == "json") bytes += DicomJson.ToUtf8(dataset).Length;
        }

        return new Round(clock.Elapsed.TotalSeconds, (Process.GetCurrentProcess().TotalProcessorTime - cpu).TotalSeconds, elements, bytes);
    }

    private static long Touch(DicomDataset dataset, ref long bytes)
    {
        long n = 0;
        foreach (var e in dataset.Elements)
        {
            n++;
            if (e.Sequence is { } s)
                foreach (var item in s.Items) n += Touch(item, ref bytes);
            else
                foreach (var text in dataset.GetStrings(e.Tag)) bytes += text.Length;
        }

        return n;
    }

    private static void Allocations(string path)
    {
        var file = File.ReadAllBytes(path);
        var header = new ReadOptions { StopBeforePixelData = true };
        for (var i = 0; i < 3; i++) DicomFile.Read(file, header);
        var before = GC.GetAllocatedBytesForCurrentThread();
        DicomFile.Read(file, header);
        Console.WriteLine($"allocated for a dataset: {GC.GetAllocatedBytesForCurrentThread() - before} bytes");
    }

    private static string? BuildDcmtk(string folder)
    {
        var source = Path.Combine(AppContext.BaseDirectory, "Dicom", "peers", "dcmtk_peer.cc");
        var program = Path.Combine(folder, "dcmtk_peer");
        var built = Child("g++", ["-O2", "-o", program, source, "-ldcmdata", "-loflog", "-lofstd", "-lpthread"], parse: false);
        if (built is not null) return program;
        Console.Error.WriteLine("DCMTK is left out: it needs g++ and libdcmtk-dev");
        return null;
    }

    private static Round? Child(string program, string[] arguments, bool parse = true)
    {
        try
        {
            using var child = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var text = child.StandardOutput.ReadToEnd();
            child.StandardError.ReadToEnd();
            child.WaitForExit();
            if (child.ExitCode != 0) return null;
            if (!parse) return new Round(0, 0, 0, 0);
            var f = text.Split(' ', StringSplitOptions.TrimEntries);
            var inv = CultureInfo.InvariantCulture;
            return new Round(double.Parse(f[0], inv), double.Parse(f[1], inv), long.Parse(f[2], inv), long.Parse(f[3], inv));
        }
        catch (System.ComponentModel.Win32Exception)
        {
            // The peer is not installed: its lines are left out.
            return null;
        }
    }
}
