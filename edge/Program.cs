using Skylight.Edge;
using Skylight.Edge.Hosting;
using Skylight.Edge.Setup;

// sysexits.h: EX_CONFIG. What a supervisor restarts in vain.
const int BadConfiguration = 78;

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
