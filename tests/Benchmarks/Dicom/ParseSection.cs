using System.Diagnostics;
using Skylight.Dicom;

namespace Skylight.Benchmarks.Dicom;

/// <summary>
/// Reading CT files on one thread: the header up to pixel data; the header with every value asked for as text; the whole file with its pixel data in memory;
/// and the header as DICOM JSON.
/// </summary>
internal static class ParseSection
{
    public const string Name = "parse";

    /// <summary>
    /// fo-dicom's files a second over DCMTK's, both measured on one machine in one run with files of 71 elements: 4.5 of 11.2 and 7.0 of 18.5 thousand for a header,
    /// 3.6 of 8.4 and 5.4 of 14.3 thousand with every value. It is not run here; what is said of it is derived from DCMTK's figure of this run.
    /// </summary>
    private static readonly Dictionary<string, double> s_foDicomToDcmtk = new(StringComparer.Ordinal) { ["header"] = 7.0 / 18.5, ["values"] = 5.4 / 14.3 };

    public static IReadOnlyList<Contest> Contests(string[] paths, string list, Peers peers)
    {
        Contest Of(string name, string? unit, Func<string[], Sample> ours, bool gdcm) => new(name, paths.Length, unit,
        [
            new Contestant("skylight", () => ours(paths)),
            peers.ByDcmtk(list, name),
            .. gdcm ? [peers.ByGdcm(list, name)] : Array.Empty<Contestant>(),
            Peers.ByPydicom(list, name),
        ]);

        return
        [
            Of("header", null, p => Measure(p, path => (DicomFile.ReadHeader(path).Dataset.Count, 0)), gdcm: true),
            Of("values", null, p => Measure(p, path => Touch(DicomFile.ReadHeader(path).Dataset)), gdcm: true),
            Of("whole", "file MB", p => Measure(p, Whole), gdcm: true),
            Of("json", "JSON MB", p => Measure(p, Json), gdcm: false),
        ];
    }

    /// <summary>What follows for fo-dicom from DCMTK's figure and the published relation of the two.</summary>
    public static IEnumerable<Ratio> Derived(IEnumerable<Ratio> ratios) =>
        from ratio in ratios
        where ratio.Against == "dcmtk" && s_foDicomToDcmtk.ContainsKey(ratio.Contest)
        let factor = s_foDicomToDcmtk[ratio.Contest]
        select new Ratio(ratio.Contest, "fo-dicom", ratio.PerCpuSecond / factor, ratio.PerSecond / factor, "derived: not run here, taken as its known share of DCMTK's speed");

    private static Sample Measure(string[] paths, Func<string, (long Elements, long Bytes)> read)
    {
        long elements = 0, bytes = 0;
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        using var process = Process.GetCurrentProcess();
        var cpu = process.TotalProcessorTime;
        var clock = Stopwatch.StartNew();
        foreach (var path in paths)
        {
            var (e, b) = read(path);
            elements += e;
            bytes += b;
        }

        var seconds = clock.Elapsed.TotalSeconds;
        process.Refresh();
        return new Sample(seconds, (process.TotalProcessorTime - cpu).TotalSeconds, elements, bytes, GC.GetAllocatedBytesForCurrentThread() - allocated);
    }

    private static (long Elements, long Bytes) Touch(DicomDataset dataset)
    {
        long elements = 0, bytes = 0;
        foreach (var e in dataset.Elements)
        {
            elements++;
            if (e.Sequence is { } s)
            {
                foreach (var item in s.Items)
                {
                    var (n, b) = Touch(item);
                    elements += n;
                    bytes += b;
                }
            }
            else
            {
                foreach (var text in dataset.GetStrings(e.Tag)) bytes += text.Length;
            }
        }

        return (elements, bytes);
    }

    private static (long Elements, long Bytes) Whole(string path) => (DicomFile.Read(path).Dataset.Count, new FileInfo(path).Length);

    private static (long Elements, long Bytes) Json(string path)
    {
        var dataset = DicomFile.ReadHeader(path).Dataset;
        return (dataset.Count, DicomJson.ToUtf8(dataset).Length);
    }
}
