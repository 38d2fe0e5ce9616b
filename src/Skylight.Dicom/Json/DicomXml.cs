using System.Globalization;
using System.Xml;

namespace Skylight.Dicom;

/// <summary>The Native DICOM Model (PS3.19 annex A.1), as metadata of DICOMweb in XML. Writing only.</summary>
public static class DicomXml
{
    private const string Namespace = "http://dicom.nema.org/PS3.19/models/NativeDICOM";

    /// <summary>Writes one dataset as a NativeDicomModel document. Bulk values follow the same options as in JSON.</summary>
    public static void Write(XmlWriter writer, DicomDataset dataset, JsonOptions? options = null)
    {
        writer.WriteStartElement("NativeDicomModel", Namespace);
        writer.WriteAttributeString("xml", "space", null, "preserve");
        Elements(writer, dataset, options ?? JsonOptions.Default, "");
        writer.WriteEndElement();
    }

    private static void Elements(XmlWriter writer, DicomDataset dataset, JsonOptions options, string path)
    {
        foreach (var e in dataset.Elements)
        {
            if (e.Tag.Element == 0 || e.Tag.Group == 2) continue;
            string? uri = null;
            if ((e.Vr.IsBytes || e.Content is BulkDataReference or string or DicomFragments) && !DicomJson.Place(in e, options, path, out uri)) continue;
            writer.WriteStartElement("DicomAttribute", Namespace);
            writer.WriteAttributeString("tag", e.Tag.ToHex());
            writer.WriteAttributeString("vr", e.Vr.IsKnown ? e.Vr.ToString() : "UN");
            if (DicomDictionary.KeywordOf(e.Tag) is { } keyword) writer.WriteAttributeString("keyword", keyword);
            if (e.Tag.IsPrivate && dataset.GetString(new DicomTag(e.Tag.Group, (ushort)(e.Tag.Element >> 8))) is { } creator) writer.WriteAttributeString("privateCreator", Clean(creator));
            if (uri is not null)
            {
                writer.WriteStartElement("BulkData", Namespace);
                writer.WriteAttributeString("uri", uri);
                writer.WriteEndElement();
            }
            else Content(writer, dataset, in e, options, path);
            writer.WriteEndElement();
        }
    }

    private static void Content(XmlWriter writer, DicomDataset dataset, in DicomElement e, JsonOptions options, string path)
    {
        if (e.Sequence is { } sequence)
        {
            for (var i = 0; i < sequence.Items.Count; i++)
            {
                Numbered(writer, "Item", i);
                Elements(writer, sequence.Items[i], options, string.Create(CultureInfo.InvariantCulture, $"{path}{e.Tag.ToHex()}/{i}/"));
                writer.WriteEndElement();
            }

            return;
        }

        if (e.Value.IsEmpty) return;
        if (!e.Vr.IsText && !e.Vr.IsBinaryNumber)
        {
            writer.WriteElementString("InlineBinary", Namespace, Convert.ToBase64String(e.Value.Span));
            return;
        }

        var values = e.Tag == DicomTags.SpecificCharacterSet ? ["ISO_IR 192"] : dataset.GetStrings(e.Tag);
        for (var i = 0; i < values.Count; i++)
        {
            if (values[i].Length == 0) continue;
            if (e.Vr.Code == VrCode.PN) Name(writer, PersonName.Parse(values[i]), i);
            else
            {
                Numbered(writer, "Value", i);
                writer.WriteString(Clean(values[i]));
                writer.WriteEndElement();
            }
        }
    }

    private static void Name(XmlWriter writer, PersonName name, int index)
    {
        Numbered(writer, "PersonName", index);
        Group(writer, "Alphabetic", name.Alphabetic);
        Group(writer, "Ideographic", name.Ideographic);
        Group(writer, "Phonetic", name.Phonetic);
        writer.WriteEndElement();
    }

    private static void Group(XmlWriter writer, string group, string text)
    {
        if (text.Length == 0) return;
        writer.WriteStartElement(group, Namespace);
        string[] components = ["FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix"];
        var parts = PersonName.Components(text);
        for (var i = 0; i < components.Length; i++)
            if (parts[i].Length > 0) writer.WriteElementString(components[i], Namespace, Clean(parts[i]));
        writer.WriteEndElement();
    }

    private static void Numbered(XmlWriter writer, string name, int index)
    {
        writer.WriteStartElement(name, Namespace);
        writer.WriteAttributeString("number", (index + 1).ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>XML 1.0 has no room for most control characters, escaped or not.</summary>
    private static string Clean(string text)
    {
        foreach (var c in text)
            if (!XmlConvert.IsXmlChar(c))
                return string.Concat(text.EnumerateRunes().Select(r => r.Value > 0xFFFF || XmlConvert.IsXmlChar((char)r.Value) ? r.ToString() : "\uFFFD"));
        return text;
    }
}
