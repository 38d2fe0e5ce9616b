using System.Globalization;
using System.Text.Json;

namespace Skylight.Benchmarks.Dicom;

/// <summary><c>./dev bench dicom</c>: sections of contests on files that are made here. A section adds its contests in <see cref="Contests"/>.</summary>
internal static class DicomBench
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private static readonly string[] s_sections = [ParseSection.Name, DecodeSection.Name, RenderSection.Name];

    public static int Run(string[] arguments)
    {
        if (BenchOptions.Parse(arguments) is not { } options || options.Sections.Except(s_sections).Any())
        {
            Console.Error.WriteLine($"{BenchOptions.Usage}\nsections: {string.Join(' ', s_sections)}");
            return 2;
        }

        var folder = Directory.CreateTempSubdirectory("skylight-bench-").FullName;
        try
        {
            var (standings, ratios) = ContestRunner.Run(Contests(options, folder), options.Rounds);
            ratios.AddRange(ParseSection.Derived(ratios.ToList()));
            if (options.Json) Console.WriteLine(JsonSerializer.Serialize(new { options.Files, options.Rounds, options.Size, cores = Environment.ProcessorCount, standings, ratios }, s_json));
            else Print(options, standings, ratios);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static List<Contest> Contests(BenchOptions options, string folder)
    {
        bool Wants(string section) => options.Sections.Count == 0 || options.Sections.Contains(section);
        var peers = Peers.Build(folder);
        var contests = new List<Contest>();
        if (Wants(ParseSection.Name))
        {
            var paths = CtFiles.Make(Path.Combine(folder, "ct"), options.Files, options.Size);
            var list = Path.Combine(folder, "ct.txt");
            File.WriteAllLines(list, paths);
            contests.AddRange(ParseSection.Contests(paths, list, peers));
        }

        if (Wants(DecodeSection.Name) || Wants(RenderSection.Name))
        {
            var pixels = PixelPeers.Build(folder);
            if (Wants(DecodeSection.Name)) contests.AddRange(DecodeSection.Contests(folder, pixels));
            if (Wants(RenderSection.Name)) contests.AddRange(RenderSection.Contests(folder, pixels));
        }

        return contests;
    }

    private static void Print(BenchOptions options, List<Standing> standings, List<Ratio> ratios)
    {
        var inv = CultureInfo.InvariantCulture;
        Console.WriteLine($"{options.Files} CT files of {options.Size} x {options.Size}, one thread, {options.Rounds} rounds in turns; median (best)");
        Console.WriteLine($"{"work",-10} {"by",-10} {"a second",18} {"CPU us each",12} {"allocated",10} {"elements",9}  throughput");
        foreach (var contest in standings.GroupBy(s => s.Contest))
        {
            foreach (var s in contest)
            {
                var allocated = s.AllocatedPerItem == 0 ? "-" : s.AllocatedPerItem.ToString(inv);
                var throughput = s.MegabytesPerSecond is { } m ? string.Create(inv, $"{m:F1} {s.Unit}/s") : "";
                Console.WriteLine(string.Create(inv, $"{s.Contest,-10} {s.Name,-10} {s.ItemsPerSecond,8:F0} ({s.BestItemsPerSecond,7:F0}) {s.CpuMicroseconds,12:F1} {allocated,10} {s.ElementsPerItem,9:F1}  {throughput}"));
            }

            foreach (var r in ratios.Where(r => r.Contest == contest.Key))
                Console.WriteLine(string.Create(inv, $"{"",-10} x {r.Against,-9} {r.PerCpuSecond:F1} times per CPU second, {r.PerSecond:F1} times per second{(r.Note is null ? "" : $" ({r.Note})")}"));
        }
    }
}
