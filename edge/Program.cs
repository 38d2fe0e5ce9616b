using Skylight.Edge;
using Skylight.Edge.Hosting;
using Skylight.Edge.Setup;

// sysexits.h: EX_CONFIG, what a supervisor restarts in vain; EX_SOFTWARE, a fault of ours.
const int BadConfiguration = 78;
const int Fault = 70;

// Files with keys and records are this user's alone, whatever the shell's mask is.
PrivateFiles.Set();
try
{
    if (args.Length > 0 && !args[0].StartsWith('-')) return await SetupVerbs.RunAsync(args[0], args[1..], CancellationToken.None);
    if (args.Contains("--help"))
    {
        Console.WriteLine("skylight-edge [--data DIR] [--port N] [--address IP] [--dev] [--Section:Key VALUE …]");
        Console.WriteLine(SetupVerbs.Help);
        return 0;
    }

    await using var host = await EdgeHost.StartAsync(EdgeSetup.Parse(args), CancellationToken.None);
    await host.WaitForShutdownAsync(CancellationToken.None);
    return 0;
}
catch (StartupException refused)
{
    Console.Error.WriteLine("Skylight cannot start:");
    foreach (var reason in refused.Reasons) Console.Error.WriteLine("  - " + reason);
    return BadConfiguration;
}
catch (OperationCanceledException)
{
    Console.Error.WriteLine("Skylight was told to stop before it had started.");
    return 0;
}
catch (Exception fault)
{
    // Caught rather than left to the runtime: that would abort, and a core dump holds keys.
    Console.Error.WriteLine("Skylight stopped on a fault:");
    Console.Error.WriteLine(fault.ToString());
    return Fault;
}
