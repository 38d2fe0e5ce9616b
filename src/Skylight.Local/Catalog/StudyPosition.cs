using System.Globalization;
using Skylight.Core.Catalog;

namespace Skylight.Local.Catalog;

/// <summary>
/// Where a study stands in the walk, greatest first: by date and time, then by number. The digits of the sort key are kept four bits each, from the top, a digit as its
/// value plus one: so that numbers compare as the texts do.
/// </summary>
internal readonly record struct StudyPosition(ulong Sort, long N) : IComparable<StudyPosition>
{
    private const int Bits = 4;

    /// <summary>Before all others.</summary>
    public static StudyPosition First { get; } = new(ulong.MaxValue, long.MaxValue);

    /// <summary>The next place at which a study can stand.</summary>
    public StudyPosition Next => this with { N = N - 1 };

    public static bool operator <(StudyPosition left, StudyPosition right) => left.CompareTo(right) < 0;

    public static bool operator >(StudyPosition left, StudyPosition right) => left.CompareTo(right) > 0;

    public static bool operator <=(StudyPosition left, StudyPosition right) => left.CompareTo(right) <= 0;

    public static bool operator >=(StudyPosition left, StudyPosition right) => left.CompareTo(right) >= 0;

    /// <param name="sort">A stored sort key: at most fourteen digits.</param>
    public static StudyPosition Of(ReadOnlySpan<byte> sort, long n)
    {
        ulong packed = 0;
        for (var i = 0; i < sort.Length; i++) packed |= (ulong)(sort[i] - '0' + 1) << Shift(i);
        return new StudyPosition(packed, n);
    }

    /// <summary>The sort key as it is stored.</summary>
    public string SortText()
    {
        Span<char> digits = stackalloc char[64 / Bits];
        var length = 0;
        while (length < digits.Length && (Sort >> Shift(length) & 0xF) is > 0 and var digit) digits[length++] = (char)('0' + digit - 1);
        return new string(digits[..length]);
    }

    public int CompareTo(StudyPosition other) => Sort != other.Sort ? Sort.CompareTo(other.Sort) : N.CompareTo(other.N);

    /// <summary>What a page ends with, so that the next one goes on behind this place.</summary>
    public string Continuation() => string.Create(CultureInfo.InvariantCulture, $"{SortText()}.{N}");

    /// <summary>Sort key and number that the studies of the next page come behind.</summary>
    /// <exception cref="InvalidContinuationException">Not what <see cref="Continuation"/> gives.</exception>
    public static (string Sort, long N) Parse(string continuation)
    {
        var dot = continuation.IndexOf('.', StringComparison.Ordinal);
        return dot >= 0 && long.TryParse(continuation.AsSpan(dot + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var n)
            ? (continuation[..dot], n)
            : throw new InvalidContinuationException();
    }

    private static int Shift(int place) => 64 - (Bits * (place + 1));
}
