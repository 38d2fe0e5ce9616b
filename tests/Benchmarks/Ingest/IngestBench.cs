using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Benchmarks.Archive.Rival;
using Skylight.Core.Catalog;
using Skylight.Core.Ingest;
using Skylight.Edge.Hosting;

namespace Skylight.Benchmarks.Ingest;

/// <summary>
/// What taking an instance in costs inside the host, without HTTP, sign-in and audit: processor time, memory allocated, exceptions and work items each. The host is
/// the edge's own, in this process, on a data folder of its own.
/// </summary>
internal static class IngestBench
{
    public static async Task<int> RunAsync(string[] options)
    {
        string Option(string name, string otherwise) => Array.IndexOf(options, name) is var at and >= 0 && at + 1 < options.Length ? options[at + 1] : otherwise;
        int Number(string name, int otherwise) => int.Parse(Option(name, otherwise.ToString(CultureInfo.InvariantCulture)), CultureInfo.InvariantCulture);
        var kind = Option("--kind", "tiny") == "ct" ? StudyKind.Ct : StudyKind.Tiny;
        var (clients, together, rounds) = (Number("--clients", 4), Number("--together", 1), Number("--rounds", 5));
        var perStudy = Number("--per-study", kind == StudyKind.Ct ? 500 : 10);
        var count = Number("--instances", kind == StudyKind.Ct ? 500 : 4000);
        var folder = Directory.CreateTempSubdirectory("skylight-bench-").FullName;
        try
        {
            await using var host = await EdgeHost.StartAsync(
                new EdgeSetup { DataFolder = folder, Settings = new Dictionary<string, string?> { ["Skylight:Edge:Port"] = "0" }, Quiet = !options.Contains("--log") }, CancellationToken.None);
            var ingest = host.Services.GetRequiredService<IngestService>();
            Console.WriteLine($"{count} instances ({kind}), {clients} at once, {together} together, {perStudy} a study");
            for (var round = 0; round < rounds; round++) await RoundAsync(ingest, Instances(kind, round, count, perStudy), clients, together);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        return 0;
    }

    private static List<SyntheticInstance> Instances(StudyKind kind, int round, int count, int perStudy) =>
        [.. Enumerable.Range(0, count).Select(i => new SyntheticInstance(kind, 100 + round, i / perStudy, i % perStudy >= perStudy / 2 && kind == StudyKind.Tiny ? 1 : 0, i % perStudy))];

    private static async Task RoundAsync(IngestService ingest, List<SyntheticInstance> instances, int clients, int together)
    {
        var files = new SyntheticStudies();
        var groups = instances.Chunk(together).Select(group => group.Select(files.File).ToArray()).ToArray();
        var thrown = 0L;
        void Count(object? sender, System.Runtime.ExceptionServices.FirstChanceExceptionEventArgs error) => Interlocked.Increment(ref thrown);
        GC.Collect();
        AppDomain.CurrentDomain.FirstChanceException += Count;
        var collected = GC.CollectionCount(0);
        var (cpu, allocated, items, contended, clock) = (Environment.CpuUsage, GC.GetTotalAllocatedBytes(), ThreadPool.CompletedWorkItemCount, Monitor.LockContentionCount, Stopwatch.StartNew());
        var next = -1;
        await Task.WhenAll(Enumerable.Range(0, clients).Select(_ => Task.Run(async () =>
        {
            for (var at = Interlocked.Increment(ref next); at < groups.Length; at = Interlocked.Increment(ref next)) await StoreAsync(ingest, groups[at]);
        })));
        var (seconds, used) = (clock.Elapsed.TotalSeconds, Environment.CpuUsage);
        AppDomain.CurrentDomain.FirstChanceException -= Count;
        double Each(double value) => value / instances.Count;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{instances.Count / seconds,7:0} /s  user {Each((used.UserTime - cpu.UserTime).TotalMicroseconds),6:0} us  kernel {Each((used.PrivilegedTime - cpu.PrivilegedTime).TotalMicroseconds),5:0} us  allocated {Each(GC.GetTotalAllocatedBytes() - allocated) / 1024,6:0.0} KB  collections {GC.CollectionCount(0) - collected,4}  exceptions {Each(thrown),5:0.000}  work items {Each(ThreadPool.CompletedWorkItemCount - items),5:0.0}  contended {Each(Monitor.LockContentionCount - contended),5:0.00}"));
    }

    private static async Task StoreAsync(IngestService ingest, byte[][] files)
    {
        await using var batch = ingest.Open(new IngestContext("bench", new IngestSource("bench", SourceTrust.Other, IngestChannel.Stow), null));
        foreach (var file in files) await batch.AddInstanceAsync(new MemoryStream(file, writable: false), new IngestName("1"), CancellationToken.None);
        var report = await batch.CommitAsync(CancellationToken.None);
        if (report.Files.Any(file => file.Kind != OutcomeKind.Stored)) throw new InvalidDataException("Not every instance was stored.");
    }
}
