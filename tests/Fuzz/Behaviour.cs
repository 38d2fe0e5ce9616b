using System.Reflection;

namespace Skylight.Fuzz;

/// <summary>Digests of what happened: the same from run to run, unlike hash codes of strings.</summary>
internal static class Behaviour
{
    public const long Start = unchecked((long)0xCBF29CE484222325);

    public static long Add(long digest, long value) => unchecked((digest ^ value) * 0x100000001B3);

    public static long Add(long digest, string text)
    {
        foreach (var c in text) digest = Add(digest, c);
        return Add(digest, -1);
    }

    /// <summary>Sizes by their order of magnitude, so that they do not make every input a new behaviour.</summary>
    public static long Magnitude(long digest, long value) => Add(digest, long.Log2(Math.Max(1, value)));

    /// <summary>The type of the exception, and its code where it has one.</summary>
    public static long Of(Exception error)
    {
        var digest = Add(Start, error.GetType().Name);
        foreach (var name in (string[])["Code", "Fault", "Reason"])
            if (error.GetType().GetProperty(name, BindingFlags.Public | BindingFlags.Instance)?.GetValue(error) is { } code) digest = Add(digest, code.ToString() ?? "");
        return digest;
    }
}
