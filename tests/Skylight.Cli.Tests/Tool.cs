using System.Diagnostics;

namespace Skylight.Cli.Tests;

/// <summary>The command-line tool as its users run it: a process with arguments, streams and an exit code.</summary>
internal static class Tool
{
    public static async Task<(int Code, string Output, string Errors)> RunAsync(string[] arguments, byte[]? input = null, (string Name, string Value)? environment = null)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "skylight.dll"), .. arguments])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        if (environment is { } variable) start.Environment[variable.Name] = variable.Value;
        var cancel = TestContext.Current.CancellationToken;
        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(cancel), process.StandardError.ReadToEndAsync(cancel));
        if (input is not null) await process.StandardInput.BaseStream.WriteAsync(input, cancel);
        process.StandardInput.Close();
        await process.WaitForExitAsync(cancel);
        return (process.ExitCode, await output, await errors);
    }
}
