using System.Globalization;
using Skylight.Dicom;

namespace Skylight.Core.Lifecycle.Corrections;

/// <summary>
/// Lays corrections over a dataset, in order. What each replaced is recorded in Original Attributes Sequence (0400,0561; PS3.3 C.12.1.1.9): an item a correction,
/// behind those that the dataset had.
/// </summary>
internal static class CorrectedDataset
{
    private const string System = "SKYLIGHT";

    /// <summary>The corrected dataset: the same object, or a copy in UTF-8 where the declared character set has no place for the new text.</summary>
    public static DicomDataset Apply(DicomDataset dataset, IEnumerable<Correction> corrections)
    {
        foreach (var correction in corrections)
        {
            try
            {
                dataset = ApplyOne(dataset.Clone(), correction);
            }
            catch (ArgumentException)
            {
                dataset = ApplyOne(ToUtf8(dataset), correction);
            }
        }

        return dataset;
    }

    private static DicomDataset ApplyOne(DicomDataset dataset, Correction correction)
    {
        var before = new DicomDataset();
        foreach (var (hex, value) in correction.Values)
        {
            if (!DicomTag.TryParse(hex, out var tag)) continue;
            var vr = DicomDictionary.VrOf(tag);

            // The bytes as they were: the item is read in the character set of the whole.
            before.Set(dataset.TryGet(tag, out var old) ? old : new DicomElement(tag, vr, ReadOnlyMemory<byte>.Empty));
            if (value.Length == 0) dataset.Set(new DicomElement(tag, vr, ReadOnlyMemory<byte>.Empty));
            else dataset.Set(tag, vr, value.Split('\\'));
        }

        var item = new DicomDataset();
        item.Set(DicomTags.ModifiedAttributesSequence, before);
        item.Set(DicomTags.AttributeModificationDateTime, Vr.DT, correction.At.UtcDateTime.ToString("yyyyMMddHHmmss.ffffff", CultureInfo.InvariantCulture) + "+0000");
        item.Set(DicomTags.ModifyingSystem, Vr.LO, System);
        if (correction.Source is { Length: > 0 } source) item.Set(DicomTags.SourceOfPreviousValues, Vr.LO, source);
        else item.Set(new DicomElement(DicomTags.SourceOfPreviousValues, Vr.LO, ReadOnlyMemory<byte>.Empty));
        item.Set(DicomTags.ReasonForTheAttributeModification, Vr.CS, correction.Reason == CorrectionReason.Coerce ? "COERCE" : "CORRECT");
        dataset.Set(DicomTags.OriginalAttributesSequence, [.. dataset.GetItems(DicomTags.OriginalAttributesSequence), item]);
        return dataset;
    }

    /// <summary>The same text in UTF-8, items too.</summary>
    private static DicomDataset ToUtf8(DicomDataset dataset)
    {
        var converted = Convert(dataset);
        converted.Set(DicomTags.SpecificCharacterSet, Vr.CS, "ISO_IR 192");
        return converted;
    }

    private static DicomDataset Convert(DicomDataset dataset)
    {
        var converted = new DicomDataset(CharacterSet.Utf8);
        foreach (var element in dataset)
        {
            if (element.Tag == DicomTags.SpecificCharacterSet) continue;
            if (element.Sequence is { } sequence) converted.Set(element.Tag, [.. sequence.Items.Select(Convert)]);
            else if (element.Vr.UsesCharacterSet && !element.IsEmpty) converted.Set(element.Tag, element.Vr, [.. dataset.GetStrings(element.Tag)]);
            else converted.Set(element);
        }

        return converted;
    }
}
