using System.CommandLine;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Skylight.Cli;

var root = new RootCommand("""
    Skylight: medical images to and from a Skylight host.

    Exit codes: 0 done, 1 partly done (rejected or held items, a failed check), 2 usage, or not to be done now (a folder in use, a wrong passphrase), 3 not authorised,
    4 not found, 5 network, 6 server error, 70 a fault of this program, 130 interrupted.
    """);
root.Add(Connection.Url);
root.Add(Connection.Token);
root.Add(Connection.Json);
foreach (var command in Commands.All()) root.Add(command);

var parsed = root.Parse(args);
using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true;
    stop.Cancel();
};

try
{
    // Ctrl+C is ours alone: the library's own handler would cancel before the token above says why.
    var configuration = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
    if (parsed.Errors.Count == 0) return await parsed.InvokeAsync(configuration, stop.Token);
    await parsed.InvokeAsync(configuration, stop.Token);
    return ExitCode.Usage;
}
catch (CliException error)
{
    return Fail(error.ExitCode, error.Message);
}
catch (HttpRequestException error)
{
    return Fail(ExitCode.Network, $"The host cannot be reached: {error.Message}");
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    return Fail(ExitCode.Interrupted, "Interrupted.");
}
catch (TaskCanceledException)
{
    return Fail(ExitCode.Network, "The host did not answer in time.");
}
catch (Exception error) when (error is IOException or UnauthorizedAccessException)
{
    return Fail(ExitCode.Partial, error.Message);
}
catch (SqliteException error)
{
    return Fail(ExitCode.Partial, $"A database cannot be read or written: {error.Message}");
}
catch (Exception fault)
{
    // Caught rather than left to the runtime: that would abort, and a core dump may hold keys.
    return Fail(ExitCode.Fault, $"a fault of this program: {fault}");
}

int Fail(int code, string message)
{
    Console.Error.WriteLine(parsed.GetValue(Connection.Json) ? JsonSerializer.Serialize(new { error = message, exitCode = code }) : $"skylight: {message}");
    return code;
}
