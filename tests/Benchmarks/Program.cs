using Skylight.Benchmarks.Archive;
using Skylight.Benchmarks.Dicom;
using Skylight.Benchmarks.Durable;

switch (args)
{
    case ["durable", .. var options]:
        return await DurableBench.RunAsync(options);
    case ["archive", .. var options]:
        return await ArchiveBench.RunAsync(options);
    case ["dicom", .. var options]:
        return DicomBench.Run(options);
    default:
        Console.Error.WriteLine("usage: ./dev bench durable|archive [--data DIR] [--rounds N] | dicom [SECTION…] [--files N] [--rounds N] [--size N] [--json]");
        return 2;
}
