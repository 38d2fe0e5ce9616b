using Skylight.Benchmarks.Durable;

switch (args)
{
    case ["durable", .. var options]:
        return await DurableBench.RunAsync(options);
    default:
        Console.Error.WriteLine("usage: ./dev bench durable [--data DIR] [--rounds N]");
        return 2;
}
