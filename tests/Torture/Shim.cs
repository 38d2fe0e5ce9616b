using System.Diagnostics;

namespace Skylight.Torture;

/// <summary>The recorder that is preloaded into the host, compiled from <c>shim.c</c> by the C compiler at hand.</summary>
internal static class Shim
{
    /// <summary>Why it cannot be used here; null when it can.</summary>
    public static string? Unavailable() =>
        !OperatingSystem.IsLinux() ? "only on Linux"
        : !File.Exists("/usr/bin/gcc") ? "gcc is not installed"
        : null;

    public static async Task<string> CompileAsync(string folder, CancellationToken cancellationToken)
    {
        var library = Path.Combine(folder, "shim.so");
        var start = new ProcessStartInfo("/usr/bin/gcc") { RedirectStandardError = true };
        foreach (var argument in (string[])["-O2", "-shared", "-fPIC", "-o", library, Path.Combine(AppContext.BaseDirectory, "shim.c"), "-ldl", "-lpthread"]) start.ArgumentList.Add(argument);
        using var compiler = Process.Start(start)!;
        var errors = await compiler.StandardError.ReadToEndAsync(cancellationToken);
        await compiler.WaitForExitAsync(cancellationToken);
        return compiler.ExitCode == 0 ? library : throw new InvalidOperationException($"The recorder could not be compiled: {errors}");
    }
}
