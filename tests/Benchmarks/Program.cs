using Skylight.Benchmarks.Archive;
using Skylight.Benchmarks.Durable;

switch (args)
{
    case ["durable", .. var options]:
        return await DurableBench.RunAsync(options);
    case ["archive", .. var options]:
        return await ArchiveBench.RunAsync(options);
    default:
        Console.Error.WriteLine("usage: ./dev bench durable|archive [--data DIR] [--rounds N]");
        return 2;
}
