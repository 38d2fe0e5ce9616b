using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Skylight.Archive.Series;

/// <summary>
/// What the index of a part says of the rewriting (a merge, a compression, a sealing anew) that wrote it: which indexes it stands for, and where among the parts of its series it
/// belongs. So a catalog that is made again from the objects takes the same parts, in the same order, while the old ones still lie there; and nothing of a rewriting that broke off.
/// </summary>
/// <param name="Id">8 random bytes, the same in all parts of one rewriting.</param>
/// <param name="Place">Its place among the parts of the series.</param>
/// <param name="IsLast">It was written last: where it is (or was), the rewriting is whole.</param>
/// <param name="Replaces">Last parts of the names of the index objects that the rewriting stands for; the same in all its parts.</param>
public sealed record SeriesRewriting(ulong Id, PartPlace Place, bool IsLast, IReadOnlyList<string> Replaces)
{
    /// <param name="last">The last part of the run that is rewritten, whose place the new parts take.</param>
    internal static SeriesRewriting Begin(PartPlace last, IEnumerable<string> replaces) =>
        new(BinaryPrimitives.ReadUInt64LittleEndian(RandomNumberGenerator.GetBytes(8)) | 1, last, false, [.. replaces.Select(name => name[(name.LastIndexOf('/') + 1)..])]);

    /// <summary>The one for the part number <paramref name="number"/> of it, from 0.</summary>
    internal SeriesRewriting Part(int number, bool isLast) => this with { Place = Place.Behind(number), IsLast = isLast };

    internal void Write(WireWriter to)
    {
        to.Field(1, Id);
        to.Field(2, Place.Bytes.Span);
        to.Field(3, IsLast ? 1UL : 0);
        foreach (var name in Replaces) to.Field(4, name);
    }

    internal static SeriesRewriting Read(WireReader from)
    {
        var (id, place, isLast, replaces) = (0UL, Array.Empty<byte>(), false, new List<string>());
        while (!from.AtEnd)
        {
            switch (from.Field(out var value, out var content))
            {
                case 1:
                    id = value;
                    break;
                case 2:
                    place = content.ToArray();
                    break;
                case 3:
                    isLast = value != 0;
                    break;
                case 4:
                    replaces.Add(System.Text.Encoding.UTF8.GetString(content));
                    break;
            }
        }

        return id != 0 && place.Length > 0 && replaces.Count > 0 ? new SeriesRewriting(id, new PartPlace(place), isLast, replaces) : throw from.Bad();
    }
}

/// <summary>
/// Orders the parts of a series as their study's document does. Of a part that a commit brought: the greatest commit number of its entries, 8 bytes, big-endian. Of one that a
/// rewriting brought: the place of the last part that it stands for, and 4 bytes for the number of the part. Compared byte by byte, what is shorter first: so all new parts lie
/// where the old ones did, before whatever was committed later, however often a part is rewritten.
/// </summary>
public readonly struct PartPlace(ReadOnlyMemory<byte> bytes) : IComparable<PartPlace>, IEquatable<PartPlace>
{
    public ReadOnlyMemory<byte> Bytes => bytes;

    public static PartPlace Of(SeriesIndex index) => index.Rewriting?.Place ?? Of(index.Entries);

    /// <summary>The place that these entries have by their commits.</summary>
    public static PartPlace Of(IReadOnlyList<IndexEntry> entries)
    {
        var place = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(place, entries.Count == 0 ? 0 : entries.Max(entry => entry.Commit));
        return new PartPlace(place);
    }

    public int CompareTo(PartPlace other) => bytes.Span.SequenceCompareTo(other.Bytes.Span);

    public bool Equals(PartPlace other) => bytes.Span.SequenceEqual(other.Bytes.Span);

    public override bool Equals(object? obj) => obj is PartPlace other && Equals(other);

    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.AddBytes(bytes.Span);
        return hash.ToHashCode();
    }

    public override string ToString() => Convert.ToHexString(bytes.Span);

    public static bool operator ==(PartPlace left, PartPlace right) => left.Equals(right);

    public static bool operator !=(PartPlace left, PartPlace right) => !left.Equals(right);

    public static bool operator <(PartPlace left, PartPlace right) => left.CompareTo(right) < 0;

    public static bool operator >(PartPlace left, PartPlace right) => left.CompareTo(right) > 0;

    public static bool operator <=(PartPlace left, PartPlace right) => left.CompareTo(right) <= 0;

    public static bool operator >=(PartPlace left, PartPlace right) => left.CompareTo(right) >= 0;

    internal PartPlace Behind(int number)
    {
        var place = new byte[bytes.Length + 4];
        bytes.Span.CopyTo(place);
        BinaryPrimitives.WriteInt32BigEndian(place.AsSpan(bytes.Length), number);
        return new PartPlace(place);
    }
}
