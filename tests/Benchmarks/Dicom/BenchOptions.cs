using System.Globalization;

namespace Skylight.Benchmarks.Dicom;

/// <summary>What <c>./dev bench dicom</c> was asked for.</summary>
/// <param name="Files">CT files that are made and read.</param>
/// <param name="Rounds">Rounds that count; one more before them warms caches and compilers.</param>
/// <param name="Size">Rows and columns of a CT slice.</param>
/// <param name="Sections">Names of the sections to run; empty for all.</param>
/// <param name="Json">Prints one JSON object instead of tables.</param>
internal sealed record BenchOptions(int Files, int Rounds, int Size, IReadOnlyList<string> Sections, bool Json)
{
    public const string Usage = "usage: ./dev bench dicom [SECTION…] [--files 1000] [--rounds 5] [--size 512] [--json]";

    /// <summary>Null when the arguments cannot be understood.</summary>
    public static BenchOptions? Parse(string[] arguments)
    {
        int files = 1000, rounds = 5, size = 512;
        var sections = new List<string>();
        var json = false;
        for (var i = 0; i < arguments.Length; i++)
        {
            switch (arguments[i])
            {
                case "--json": json = true; break;
                case "--files" when Number(arguments, ref i) is { } n: files = n; break;
                case "--rounds" when Number(arguments, ref i) is { } n: rounds = n; break;
                case "--size" when Number(arguments, ref i) is { } n: size = n; break;
                case ['-', ..]: return null;
                default: sections.Add(arguments[i]); break;
            }
        }

        return new BenchOptions(files, rounds, size, sections, json);
    }

    private static int? Number(string[] arguments, ref int i) =>
        ++i < arguments.Length && int.TryParse(arguments[i], CultureInfo.InvariantCulture, out var value) && value > 0 ? value : null;
}
