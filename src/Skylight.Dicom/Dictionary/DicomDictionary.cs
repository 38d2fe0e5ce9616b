using System.Text;

namespace Skylight.Dicom;

/// <summary>What PS3.6 says of an element.</summary>
/// <param name="Tag">The tag asked for (of a repeating group, the actual one).</param>
/// <param name="Vrs">The allowed representations, the usual one first.</param>
/// <param name="Vm">Value multiplicity as the standard writes it ("1", "2-n", "3-3n").</param>
public sealed record DictionaryEntry(DicomTag Tag, string Keyword, string Name, IReadOnlyList<Vr> Vrs, string Vm, bool Retired);

/// <summary>All public data elements of PS3.6 and PS3.7, retired ones marked.</summary>
public static class DicomDictionary
{
    private const int Slots = 16384;

    // Of "OB|OW" the implicit reading is OW, of "US|SS" US until the pixel representation is known (PS3.5 A.1).
    private static readonly Vr[] s_implicit = [.. DictionaryTables.Vrs.Select(v => Preferred(v.Split('|')))];
    private static readonly Vr[][] s_choices = [.. DictionaryTables.Vrs.Select(v => v.Split('|').Select(Code).Where(c => c.IsKnown).ToArray())];

    /// <summary>Null for what is not in the dictionary: private and unknown elements.</summary>
    public static DictionaryEntry? Find(DicomTag tag)
    {
        var i = IndexOf(tag.Value);
        return i < 0 ? null : new DictionaryEntry(tag, Keyword(i), Text(DictionaryTables.Names, DictionaryTables.NameStart, i),
            s_choices[DictionaryTables.VrIndex[i]], DictionaryTables.Vms[DictionaryTables.VmIndex[i]], DictionaryTables.Retired[i] != 0);
    }

    /// <summary>The representation that Implicit VR takes for a public element; UN when it is not known.</summary>
    public static Vr VrOf(DicomTag tag)
    {
        if (tag.Element == 0) return Vr.UL;
        if (tag.IsPrivateCreator) return Vr.LO;
        var i = IndexOf(tag.Value);
        return i < 0 ? Vr.UN : s_implicit[DictionaryTables.VrIndex[i]];
    }

    /// <summary>Allowed representations, the usual one first; empty when unknown.</summary>
    public static IReadOnlyList<Vr> VrsOf(DicomTag tag)
    {
        var i = IndexOf(tag.Value);
        return i < 0 ? [] : s_choices[DictionaryTables.VrIndex[i]];
    }

    /// <summary>The value multiplicity as written in the standard, or null.</summary>
    public static string? VmOf(DicomTag tag)
    {
        var i = IndexOf(tag.Value);
        return i < 0 ? null : DictionaryTables.Vms[DictionaryTables.VmIndex[i]];
    }

    /// <summary>The keyword ("PatientName"), or null for private and unknown elements.</summary>
    public static string? KeywordOf(DicomTag tag)
    {
        var i = IndexOf(tag.Value);
        return i < 0 ? null : Keyword(i);
    }

    /// <summary>Exact, case-sensitive keyword; of a repeating group this gives the first group.</summary>
    public static bool TryFindKeyword(ReadOnlySpan<char> keyword, out DicomTag tag)
    {
        tag = default;
        Span<byte> ascii = stackalloc byte[80];
        if (keyword.Length is 0 or > 80 || !Encoding.ASCII.TryGetBytes(keyword, ascii, out var n)) return false;
        ascii = ascii[..n];
        int lo = 0, hi = DictionaryTables.Count - 1;
        while (lo <= hi)
        {
            var mid = (lo + hi) >>> 1;
            var i = DictionaryTables.ByKeyword[mid];
            var order = Slice(DictionaryTables.Keywords, DictionaryTables.KeywordStart, i).SequenceCompareTo(ascii);
            if (order == 0)
            {
                tag = DicomTag.Of(DictionaryTables.Tags[i]);
                return true;
            }

            if (order < 0) lo = mid + 1;
            else hi = mid - 1;
        }

        return false;
    }

    /// <summary>Every entry, plain tags in order, then the repeating groups by their first tag.</summary>
    public static IEnumerable<DictionaryEntry> All()
    {
        for (var i = 0; i < DictionaryTables.Count; i++) yield return Find(DicomTag.Of(DictionaryTables.Tags[i]))!;
    }

    private static int IndexOf(uint tag)
    {
        var slot = (int)(tag * 0x9E3779B1u >> 18);
        for (int i; (i = DictionaryTables.Hash[slot]) != 0; slot = (slot + 1) & (Slots - 1))
            if (DictionaryTables.Tags[i - 1] == tag) return i - 1;
        return Repeating(tag);
    }

    private static int Repeating(uint tag)
    {
        // Repeating groups lie in 0020,31xx, 0028,04xx/08xx, 1000, 1010, 50xx, 60xx, 7Fxx, even groups only.
        var group = tag >> 16;
        if ((group & 1) != 0) return -1;
        if (group is not (0x0020 or 0x0028 or 0x1000 or 0x1010) && (group >> 8) is not (0x50 or 0x60 or 0x7F)) return -1;
        for (var i = DictionaryTables.Plain; i < DictionaryTables.Count; i++)
            if ((tag & DictionaryTables.Masks[i - DictionaryTables.Plain]) == DictionaryTables.Tags[i]) return i;
        return -1;
    }

    private static string Keyword(int i) => Text(DictionaryTables.Keywords, DictionaryTables.KeywordStart, i);

    private static string Text(ReadOnlySpan<byte> all, ReadOnlySpan<int> starts, int i) => Encoding.UTF8.GetString(Slice(all, starts, i));

    private static ReadOnlySpan<byte> Slice(ReadOnlySpan<byte> all, ReadOnlySpan<int> starts, int i) => all[starts[i]..(starts[i + 1] - 1)];

    private static Vr Preferred(string[] choices) =>
        Code(choices.Contains("OW") && choices.Contains("OB") ? "OW" : choices is ["US", "OW"] ? "OW" : choices[0]);

    private static Vr Code(string text) => Vr.TryParse(text, out var vr) ? vr : default;
}
