using Skylight.Benchmarks.Archive;
using Skylight.Benchmarks.Azure;
using Skylight.Benchmarks.Catalog;
using Skylight.Benchmarks.Compression;
using Skylight.Benchmarks.Dicom;
using Skylight.Benchmarks.Durable;
using Skylight.Benchmarks.Fuzz;
using Skylight.Benchmarks.Ingest;

switch (args)
{
    case ["durable", .. var options]:
        return await DurableBench.RunAsync(options);
    case ["archive", .. var options]:
        return await ArchiveBench.RunAsync(options);
    case ["ingest", .. var options]:
        return await IngestBench.RunAsync(options);
    case ["catalog", .. var options]:
        return await CatalogBench.RunAsync(options);
    case ["azure", .. var options]:
        return await AzureBench.RunAsync(options);
    case ["dicom", .. var options]:
        return DicomBench.Run(options);
    case ["compression", .. var options]:
        return await CompressionBench.RunAsync(options);
    case ["fuzz", .. var options]:
        return FuzzBench.Run(options);
    case ["fuzz-worker", .. var options]:
        return FuzzBench.Work(options);
    default:
        Console.Error.WriteLine("usage: ./dev bench durable [--data DIR] [--rounds N] | archive [--data DIR] [--rounds N] [--seconds N] [--studies N] [--slices N] [--tiny N] [--only TITLE] [--alone] [--no-limits] [--no-rival] | ingest [--kind tiny|ct] [--clients N] [--together N] [--per-study N] [--instances N] [--rounds N] | catalog [--data DIR] [--studies N] [--queries N] | azure [--slices N] | dicom [SECTION…] [--files N] [--rounds N] [--size N] [--json] | compression [FOLDER…] | fuzz [--inputs N] [--seed S]");
        return 2;
}
