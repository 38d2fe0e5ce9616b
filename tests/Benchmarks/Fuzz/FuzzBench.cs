using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.IO.MemoryMappedFiles;
using Skylight.Imaging.Tests.Fuzz;

namespace Skylight.Benchmarks.Fuzz;

/// <summary>
/// <c>./dev bench fuzz</c>: damaged frames for every codec, decoded in a child process. A child that dies in native code has written down the number of the
/// input before; the input is kept, told, and the run goes on behind it.
/// </summary>
internal static class FuzzBench
{
    private const string Usage = "usage: ./dev bench fuzz [--inputs 100000] [--seed 1] [--keep DIR]";
    private const int Slow = 5;

    public static int Run(string[] options)
    {
        var (inputs, seed, keep) = (100_000L, 1, Path.Combine(Path.GetTempPath(), "skylight-fuzz"));
        for (var i = 0; i < options.Length; i += 2)
        {
            if (i + 1 == options.Length) return Wrong();
            if (options[i] == "--keep") keep = options[i + 1];
            else if (options[i] == "--inputs" && long.TryParse(options[i + 1], CultureInfo.InvariantCulture, out var n) && n > 0) inputs = n;
            else if (options[i] == "--seed" && int.TryParse(options[i + 1], CultureInfo.InvariantCulture, out var s)) seed = s;
            else return Wrong();
        }

        var (next, crashes, totals) = (0L, 0, new long[3]);
        var note = Path.GetTempFileName();
        try
        {
            while (next < inputs)
            {
                var (exit, last) = Child(seed, next, inputs, note, totals);
                if (exit == 0) break;
                crashes++;
                Directory.CreateDirectory(keep);
                var input = CodecFuzzer.Make(seed, last);
                var path = Path.Combine(keep, $"{input.Target.Name}-{seed}-{last}.bin");
                File.WriteAllBytes(path, input.Frame);
                Console.WriteLine($"input {last} ({input.Target.Name}, {input.Layout.Rows} x {input.Layout.Columns} x {input.Layout.SamplesPerPixel} x {input.Layout.BitsAllocated}): exit code {exit}, kept as {path}");
                next = last + 1;
            }
        }
        finally
        {
            File.Delete(note);
        }

        Console.WriteLine($"inputs {inputs}, decoded {totals[0]}, refused {totals[1]}, slower than {Slow} s {totals[2]}, crashes {crashes}");
        return crashes == 0 && totals[2] == 0 ? 0 : 1;

        static int Wrong()
        {
            Console.Error.WriteLine(Usage);
            return 2;
        }
    }

    /// <summary>The child: decodes inputs from one number up to another; each number is written down before its input is decoded.</summary>
    public static int Work(string[] arguments)
    {
        var inv = CultureInfo.InvariantCulture;
        var (seed, from, to) = (int.Parse(arguments[0], inv), long.Parse(arguments[1], inv), long.Parse(arguments[2], inv));
        using var file = MemoryMappedFile.CreateFromFile(arguments[3], FileMode.Open);
        using var note = file.CreateViewAccessor(0, 32);
        var clock = new Stopwatch();
        for (var number = from; number < to; number++)
        {
            var input = CodecFuzzer.Make(seed, number);
            note.Write(0, number);
            clock.Restart();
            var slot = CodecFuzzer.Run(input) ? 8 : 16;
            note.Write(slot, note.ReadInt64(slot) + 1);
            if (clock.Elapsed.TotalSeconds <= Slow) continue;
            note.Write(24, note.ReadInt64(24) + 1);
            Console.Error.WriteLine($"input {number} ({input.Target.Name}) took {clock.Elapsed.TotalSeconds:F1} s");
        }

        return 0;
    }

    private static (int Exit, long Last) Child(int seed, long from, long to, string note, long[] totals)
    {
        File.WriteAllBytes(note, new byte[32]);
        var inv = CultureInfo.InvariantCulture;
        string[] arguments = [Path.Combine(AppContext.BaseDirectory, "skylight-bench.dll"), "fuzz-worker", seed.ToString(inv), from.ToString(inv), to.ToString(inv), note];
        using var child = Process.Start(new ProcessStartInfo(Environment.ProcessPath is { } path && Path.GetFileName(path) == "dotnet" ? path : "dotnet", arguments))!;
        child.WaitForExit();
        var bytes = File.ReadAllBytes(note);
        for (var i = 0; i < 3; i++) totals[i] += BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(8 + (8 * i)));
        return (child.ExitCode, BinaryPrimitives.ReadInt64LittleEndian(bytes));
    }
}
