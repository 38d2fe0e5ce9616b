using System.Text;
using System.Text.Unicode;

namespace Skylight.Dicom;

/// <summary>Finds text that is not in the declared character set (common: GBK bytes under no or a Latin declaration) and the set that reads it.</summary>
public static class CharacterSetRepair
{
    /// <summary>Bytes of text that are looked at; names and descriptions come early.</summary>
    private const int MaxBytes = 64 << 10;

    /// <summary>The set that reads what the declared one does not, or null. Adds findings about the declaration and the text.</summary>
    public static CharacterSet? Examine(DicomDataset dataset, ICollection<Finding> findings)
    {
        var declared = dataset.CharacterSet;
        if (!declared.IsKnown) findings.Add(new Finding(FindingCodes.CharsetUnknown, DicomTags.SpecificCharacterSet.ToString()));
        var texts = new List<(DicomTag Tag, Vr Vr, ReadOnlyMemory<byte> Value)>();
        var bytes = 0;
        Collect(dataset, texts, ref bytes);
        if (texts.Count == 0) return null;

        var readable = texts.TrueForAll(t => !declared.Decode(t.Value.Span, t.Vr).Contains('\uFFFD', StringComparison.Ordinal));
        var plain = declared.IsAscii || !declared.IsKnown;
        if (readable && !plain && !declared.IsSingleByte) return null;
        if (readable && texts.TrueForAll(t => t.Value.Span.IndexOfAnyInRange((byte)0x80, (byte)0xFF) < 0)) return null;

        var proposal = Propose(texts, readable && !plain);
        if (proposal is not null)
            findings.Add(new Finding(FindingCodes.CharsetWrong, texts[0].Tag.ToString(), -1, $"declared {declared}, read as {proposal}"));
        else if (!readable || plain) findings.Add(new Finding(FindingCodes.TextUndecodable, texts[0].Tag.ToString(), -1, $"declared {declared}"));
        return proposal;
    }

    private static CharacterSet? Propose(List<(DicomTag Tag, Vr Vr, ReadOnlyMemory<byte> Value)> texts, bool needsEvidence)
    {
        if (texts.TrueForAll(t => Utf8.IsValid(t.Value.Span))) return CharacterSet.Utf8;
        int common = 0, han = 0, other = 0;
        foreach (var (_, vr, value) in texts)
        {
            var text = CharacterSet.Gb18030.Decode(value.Span, vr);
            if (text.Contains('\uFFFD', StringComparison.Ordinal)) return null;
            foreach (var rune in text.EnumerateRunes())
            {
                if (rune.Value is >= 0x4E00 and <= 0x9FFF) han++;
                else if (rune.Value >= 0x80 && rune.Value is not (>= 0x3000 and <= 0x303F or >= 0xFF00 and <= 0xFFEF)) other++;
            }

            common += CommonPairs(value.Span);
        }

        // Level 1 of GB 2312 (B0A1…D7F9) holds the 3,755 characters of daily use; accented Latin words hardly ever fall there twice.
        if (han == 0 || other > han / 4) return null;
        return needsEvidence ? (han >= 2 && common * 2 >= han ? CharacterSet.Gb18030 : null) : common * 2 >= han ? CharacterSet.Gb18030 : null;
    }

    private static int CommonPairs(ReadOnlySpan<byte> value)
    {
        var common = 0;
        for (var i = 0; i + 1 < value.Length; i++)
        {
            if (value[i] < 0x80) continue;
            if (value[i] is >= 0xB0 and <= 0xD7 && value[i + 1] >= 0xA1) common++;
            i++;
        }

        return common;
    }

    private static void Collect(DicomDataset dataset, List<(DicomTag Tag, Vr Vr, ReadOnlyMemory<byte> Value)> texts, ref int bytes)
    {
        foreach (var e in dataset.Elements)
        {
            if (e.Sequence is { } s)
            {
                // An item with a declaration of its own is its own affair.
                foreach (var item in s.Items)
                    if (!item.Contains(DicomTags.SpecificCharacterSet)) Collect(item, texts, ref bytes);
                continue;
            }

            if (!e.Vr.UsesCharacterSet || e.Tag.IsPrivate || bytes > MaxBytes) continue;
            var value = e.Value.Span;
            if (value.IndexOfAnyInRange((byte)0x80, (byte)0xFF) < 0 && value.IndexOf((byte)0x1B) < 0) continue;
            texts.Add((e.Tag, e.Vr, e.Value));
            bytes += value.Length;
        }
    }
}
