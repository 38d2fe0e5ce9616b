using System.Globalization;
using System.Text.Json;

namespace Skylight.Benchmarks.Archive.Rival;

/// <summary>
/// Skylight and Orthanc side by side: the same data, the same requests in turns (A B A B), every answer checked. Skylight encrypts, asks for sign-in and keeps
/// its audit trail, as it always does; Orthanc does none of these.
/// </summary>
/// <param name="tiny">Small instances in a round of storing them.</param>
/// <param name="only">Runs the scenarios whose title contains this, or with an exclamation mark before it those whose does not.</param>
/// <param name="alone">Skylight without its rival: for profiling.</param>
internal sealed class RivalBench(string folder, int rounds, TimeSpan time, int studies, int slices, int tiny, string only, bool alone) : IAsyncDisposable
{
    private const string DicomJson = "application/dicom+json";
    private const int Warm = 9000;

    private readonly SyntheticStudies _files = new();
    private readonly List<Server> _servers = [];

    public async Task RunAsync()
    {
        var host = Path.Combine(AppContext.BaseDirectory, "skylight-edge.dll");
        _servers.Add(await Server.StartSkylightAsync(host, Path.Combine(folder, "skylight")));
        if (!alone) _servers.Add(await Server.StartOrthancAsync(Path.Combine(folder, "orthanc")));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{"",-34} {"Skylight",12} {"Orthanc",12} {"ratio",8}   p50 ms        server CPU ms each   peak MB"));

        // Both compile or cache on first use; what is measured is the steady state.
        foreach (var server in _servers) await new Load(server, _files).StoreAsync(Tiny(Warm, 400), 4, 1);
        foreach (var server in _servers) await new Load(server, _files).StoreAsync(Ct(Warm, 1, 40), 4, 1);
        await StoreAsync();
        if (only.StartsWith("store", StringComparison.Ordinal)) return;
        await SearchAsync();
        await RetrieveAsync();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _servers) await server.DisposeAsync();
    }

    private static List<SyntheticInstance> Tiny(int set, int count) =>
        [.. Enumerable.Range(0, count).SelectMany(study => Enumerable.Range(0, 10).Select(i => new SyntheticInstance(StudyKind.Tiny, set, study, i / 5, i % 5)))];

    private static List<SyntheticInstance> Ct(int set, int count, int slices) =>
        [.. Enumerable.Range(0, count).SelectMany(study => Enumerable.Range(0, slices).Select(i => new SyntheticInstance(StudyKind.Ct, set, study, 0, i)))];

    private async Task StoreAsync()
    {
        var few = Math.Max(1, tiny / 10);
        // The set with number 1 is what is searched afterwards.
        await CompareAsync("store 12 KB, 4 clients", "obj/s", (load, round) => load.StoreAsync(Tiny(100 + round, few), 4, 1));
        await CompareAsync("store 12 KB, 32 clients", "obj/s", (load, round) => load.StoreAsync(Tiny(200 + round, few), 32, 1));
        await CompareAsync("store 12 KB, 50 a request", "obj/s", (load, round) => load.StoreAsync(Tiny(300 + round, few), 4, 50));
        await CompareAsync("store CT slice 526 KB, 4 clients", "obj/s", (load, round) => load.StoreAsync(Ct(400 + round, 1, slices), 4, 1));
        if (only.StartsWith("store", StringComparison.Ordinal)) return;
        foreach (var server in _servers) await new Load(server, _files).StoreAsync(Tiny(1, studies), 8, 50);
        foreach (var server in _servers) await new Load(server, _files).StoreAsync(Ct(1, 1, slices), 4, 20);
        if (only.Length > 0) foreach (var server in _servers) await new Load(server, _files).StoreAsync([new SyntheticInstance(StudyKind.Enhanced, 1, 0, 0, 0)], 1, 1);
        await CompareAsync("store one object of 52 MB", "obj/s", (load, round) => load.StoreAsync([new SyntheticInstance(StudyKind.Enhanced, 1, round, 0, 0)], 1, 1));
    }

    private async Task SearchAsync()
    {
        SyntheticInstance At(int n) => new(StudyKind.Tiny, 1, (int)((n * 7919L) % studies), 0, 0);
        var days = Math.Min(730, studies);
        string Day(int n, int after) => SyntheticStudies.FirstDay.AddDays(Math.Min(days - 1, (int)((n * 31L) % days) + after)).ToString("yyyyMMdd", CultureInfo.InvariantCulture);
        await FindAsync("find by patient id", n => $"studies?PatientID={At(n).PatientId}", (n, found) => Single(found, At(n)));
        await FindAsync("find by accession number", n => $"studies?AccessionNumber={At(n).Accession}", (n, found) => Single(found, At(n)));
        await FindAsync("find by study UID", n => $"studies?StudyInstanceUID={At(n).StudyUid}", (n, found) => Single(found, At(n)));
        await FindAsync("find by name prefix", n => $"studies?PatientName={At(n).PatientName[..^1]}*", (_, found) => found.GetArrayLength() is > 0 and <= 10);
        await FindAsync("find 7 days", n => $"studies?StudyDate={Day(n, 0)}-{Day(n, 6)}&limit=100", (_, found) => found.GetArrayLength() > 0);
        await FindAsync("find modality in 30 days", n => $"studies?ModalitiesInStudy=CT&StudyDate={Day(n, 0)}-{Day(n, 29)}&limit=100", (_, found) => found.GetArrayLength() > 0);
        await FindAsync("page of 50 studies", _ => "studies?limit=50", (_, found) => found.GetArrayLength() == 50);
    }

    private async Task RetrieveAsync()
    {
        SyntheticInstance Slice(int n) => new(StudyKind.Ct, 1, 0, 0, (int)((n * 7919L) % slices));
        string Address(SyntheticInstance i) => $"studies/{i.StudyUid}/series/{i.SeriesUid}/instances/{i.SopUid}";
        var first = Slice(0);
        var frame = SyntheticStudies.FrameBytes(StudyKind.Ct);
        const string Frame = "multipart/related; type=\"application/octet-stream\"";
        const string Dicom = "multipart/related; type=\"application/dicom\"";
        await CompareAsync($"metadata of {slices} slices, 1 client", "req/s", (load, _) => load.ReadAsync(1, time, DicomJson, _ => $"studies/{first.StudyUid}/metadata", (_, json) => Parse(json).GetArrayLength() == slices));
        await CompareAsync("one frame of 0.5 MB, 4 clients", "req/s", (load, _) => load.ReadAsync(4, time, Frame, n => Address(Slice(n)) + "/frames/1", (n, bytes) => _files.Holds(bytes.Span, Slice(n))));
        await CompareAsync("one instance, 4 clients", "req/s", (load, _) => load.ReadAsync(4, time, Dicom, n => Address(Slice(n)), (n, bytes) => _files.Holds(bytes.Span, Slice(n))));
        await CompareAsync($"study of {slices} slices, 1 client", "MB/s", (load, _) => load.ReadAsync(1, time, Dicom, _ => $"studies/{first.StudyUid}", (_, bytes) => bytes.Length > (long)slices * frame, slices));
        var big = new SyntheticInstance(StudyKind.Enhanced, 1, 0, 0, 0);
        await CompareAsync("one frame of a 52 MB object", "req/s", (load, _) => load.ReadAsync(1, time, Frame, n => Address(big) + $"/frames/{1 + (n % 100)}", (_, bytes) => bytes.Length >= frame));
    }

    private Task FindAsync(string title, Func<int, string> address, Func<int, JsonElement, bool> check) =>
        CompareAsync(title, "req/s", (load, _) => load.ReadAsync(4, time, DicomJson, address, (n, json) => check(n, Parse(json))));

    private static JsonElement Parse(ReadOnlyMemory<byte> json) => JsonSerializer.Deserialize<JsonElement>(json.Span);

    private static bool Single(JsonElement found, SyntheticInstance wanted) =>
        found.GetArrayLength() == 1 && found[0].GetProperty("0020000D").GetProperty("Value")[0].GetString() == wanted.StudyUid;

    /// <summary>The first round of a scenario that reads warms the caches of both and does not count.</summary>
    private async Task CompareAsync(string title, string unit, Func<Load, int, Task<Result>> run)
    {
        if (only.StartsWith('!') ? title.Contains(only[1..], StringComparison.OrdinalIgnoreCase) : !title.Contains(only, StringComparison.OrdinalIgnoreCase)) return;
        var results = _servers.Select(_ => new List<Result>()).ToArray();
        var reads = !title.StartsWith("store", StringComparison.Ordinal);
        for (var round = reads ? -1 : 0; round < rounds; round++)
        {
            for (var side = 0; side < _servers.Count; side++)
            {
                var result = await run(new Load(_servers[side], _files), Math.Max(round, 0));
                if (round >= 0) results[side].Add(result);
            }
        }

        double Rate(Result result) => unit == "MB/s" ? result.MegabytesPerSecond : result.PerSecond;
        var (ours, theirs) = (results[0], results[^1]);
        var ratio = Median(ours.Zip(theirs, (a, b) => Rate(a) / Rate(b)));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{title,-34} {Median(ours.Select(Rate)),7:0} {unit,-5} {Median(theirs.Select(Rate)),6:0} {unit,-5} {ratio,7:0.0}x   {Median(ours.Select(r => r.P50)),6:0.0} {Median(theirs.Select(r => r.P50)),6:0.0}   {Median(ours.Select(r => r.CpuPerObject)),8:0.00} {Median(theirs.Select(r => r.CpuPerObject)),8:0.00}   {ours.Max(r => r.PeakBytes) / 1e6,7:0} {theirs.Max(r => r.PeakBytes) / 1e6,6:0}"));
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }
}
