using System.Collections.Frozen;

namespace Skylight.Dicom;

/// <summary>A UID of the standard. <paramref name="Kind"/>: "SOP Class", "Transfer Syntax", "Coding Scheme" and so on.</summary>
public sealed record DicomUid(string Uid, string Keyword, string Name, string Kind, bool Retired);

public static partial class DicomUids
{
    /// <summary>Names this library in (0002,0012) of what it writes: under the root of UUIDs, 2.25 (PS3.5 B.2).</summary>
    public const string ImplementationClassUid = "2.25.284069163377204894402917361049375113";

    /// <summary>(0002,0013) of what it writes.</summary>
    public const string ImplementationVersionName = "SKYLIGHT_1";

    private static readonly FrozenDictionary<string, DicomUid> s_known = Known().ToFrozenDictionary(u => u.Uid, StringComparer.Ordinal);

    /// <summary>Null for UIDs that the standard does not name.</summary>
    public static DicomUid? Find(string uid) => s_known.GetValueOrDefault(uid);

    /// <summary>Every UID of PS3.6.</summary>
    public static IReadOnlyCollection<DicomUid> All => s_known.Values;

    /// <summary>1 to 64 characters, digits and dots, no empty component, no leading zero (PS3.5 9.1).</summary>
    public static bool IsValid(ReadOnlySpan<char> uid)
    {
        if (uid.Length is 0 or > 64) return false;
        var start = 0;
        for (var i = 0; i <= uid.Length; i++)
        {
            if (i < uid.Length && char.IsAsciiDigit(uid[i])) continue;
            if (i < uid.Length && uid[i] != '.') return false;
            if (i == start || (uid[start] == '0' && i - start > 1)) return false;
            start = i + 1;
        }

        return true;
    }
}
