using System.Buffers;

namespace Skylight.Archive.Objects;

/// <summary>
/// The one rule for object names: 1 to 8 parts joined by '/', each of 1 to 100 characters of <c>a-z 0-9 . _ -</c> that starts with a letter or
/// digit; at most 400 characters. So no name can leave a folder, hide as a dot file, or differ only by case.
/// </summary>
public static class ObjectName
{
    private static readonly SearchValues<char> Allowed = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789._-");

    /// <summary>True for a whole valid name.</summary>
    public static bool IsValid(ReadOnlySpan<char> name)
    {
        if (name.IsEmpty || name.Length > 400) return false;
        var parts = 0;
        foreach (var range in name.Split('/'))
        {
            var part = name[range];
            if (++parts > 8 || part.IsEmpty || part.Length > 100 || !char.IsAsciiLetterOrDigit(part[0]) || part.ContainsAnyExcept(Allowed)) return false;
        }

        return true;
    }

    /// <summary>Answers the name, or throws <see cref="ArgumentException"/> when it breaks the rule.</summary>
    public static string Check(string name) =>
        IsValid(name) ? name : throw new ArgumentException("Not an object name.", nameof(name));

    /// <summary>A listing prefix: empty, or a valid name followed by one '/'.</summary>
    public static string CheckPrefix(string prefix) =>
        prefix.Length == 0 || (prefix[^1] == '/' && IsValid(prefix.AsSpan(0, prefix.Length - 1)))
            ? prefix
            : throw new ArgumentException("A prefix is empty or a name followed by '/'.", nameof(prefix));

    /// <summary>The parts of <c>{institution}/{studyKey}/{id}.{kind}</c>.</summary>
    /// <exception cref="ArgumentException">The name has another shape.</exception>
    public static (string Institution, string StudyKey) Owner(string name)
    {
        var first = name.IndexOf('/', StringComparison.Ordinal);
        var second = first < 0 ? -1 : name.IndexOf('/', first + 1);
        return second < 0
            ? throw new ArgumentException("The name does not begin with an institution and a study key.", nameof(name))
            : (name[..first], name[(first + 1)..second]);
    }
}
