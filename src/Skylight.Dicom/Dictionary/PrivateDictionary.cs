using System.Globalization;

namespace Skylight.Dicom;

/// <summary>Private elements of one or more vendors, for reading Implicit VR and UN. Immutable once parsed.</summary>
public sealed class PrivateDictionary
{
    private readonly Dictionary<(string Creator, ushort Group, byte Element), Vr> _entries;

    private PrivateDictionary(Dictionary<(string, ushort, byte), Vr> entries) => _entries = entries;

    public int Count => _entries.Count;

    /// <summary>Lines of creator, tag as "ggggxxee", VR, separated by tabs; further columns and lines that begin with "#" are left aside.</summary>
    /// <exception cref="InvalidDataException">A line does not have that form; the message names it by number.</exception>
    public static PrivateDictionary Parse(TextReader lines)
    {
        var entries = new Dictionary<(string, ushort, byte), Vr>();
        var number = 0;
        while (lines.ReadLine() is { } line)
        {
            number++;
            if (line.Length == 0 || line[0] == '#') continue;
            var f = line.Split('\t');
            if (f.Length < 3 || f[1].Length != 8 || !f[1].AsSpan(4, 2).Equals("xx", StringComparison.OrdinalIgnoreCase)
                || !ushort.TryParse(f[1].AsSpan(0, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var group) || (group & 1) == 0
                || !byte.TryParse(f[1].AsSpan(6, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var element)
                || !Vr.TryParse(f[2], out var vr))
                throw new InvalidDataException($"Line {number} is not a private element: creator, ggggxxee, VR.");
            entries[(f[0].Trim(), group, element)] = vr;
        }

        return new PrivateDictionary(entries);
    }

    /// <summary>The representation of an element in a block that this creator has reserved; UN when it is not known.</summary>
    public Vr VrOf(string creator, DicomTag tag) => _entries.GetValueOrDefault((creator, tag.Group, (byte)tag.Element), Vr.UN);
}
