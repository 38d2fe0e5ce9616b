using System.Xml;

namespace Skylight.Edge.Blobs;

/// <summary>Block ids, and the XML of Put Block List and Get Block List.</summary>
internal static class BlockList
{
    /// <summary>Longest body of a Put Block List: 50,000 ids of 88 characters in the longest elements, and room to indent.</summary>
    public const int MaxBytes = 8 << 20;
    private const int MaxBlocks = 50_000;
    private const int MaxIdBytes = 64;

    /// <summary>The id in canonical base64; ids of 1 to 64 bytes are valid.</summary>
    public static string? Canonical(string? id)
    {
        if (string.IsNullOrEmpty(id) || id.Length > 128) return null;
        Span<byte> bytes = stackalloc byte[96];
        return Convert.TryFromBase64String(id, bytes, out var length) && length is > 0 and <= MaxIdBytes ? Convert.ToBase64String(bytes[..length]) : null;
    }

    public static List<ListedBlock> Parse(byte[] body)
    {
        var list = new List<ListedBlock>();
        try
        {
            // No DTD: neither entities to expand nor anything to fetch.
            using var xml = XmlReader.Create(
                new MemoryStream(body, writable: false), new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null, IgnoreComments = true, IgnoreWhitespace = true });
            xml.MoveToContent();
            if (xml.NodeType != XmlNodeType.Element || xml.Name != "BlockList") throw new BlobErrorException(BlobError.InvalidXml);
            if (xml.IsEmptyElement) return list;
            xml.ReadStartElement();
            while (xml.NodeType == XmlNodeType.Element)
            {
                var source = xml.Name switch
                {
                    "Latest" => BlockSource.Latest,
                    "Committed" => BlockSource.Committed,
                    "Uncommitted" => BlockSource.Uncommitted,
                    _ => throw new BlobErrorException(BlobError.InvalidXml),
                };
                if (list.Count == MaxBlocks) throw new BlobErrorException(BlobError.BlockListTooLong);
                list.Add(new ListedBlock(Canonical(xml.ReadElementContentAsString().Trim()) ?? throw new BlobErrorException(BlobError.InvalidBlockId), source));
            }

            xml.ReadEndElement();
            return list;
        }
        catch (XmlException)
        {
            throw new BlobErrorException(BlobError.InvalidXml);
        }
    }

    public static byte[] Format(IEnumerable<(string Id, long Length)>? committed, IEnumerable<(string Id, long Length)>? uncommitted)
    {
        using var body = new MemoryStream();
        using (var xml = XmlWriter.Create(body))
        {
            xml.WriteStartElement("BlockList");
            Write(xml, "CommittedBlocks", committed);
            Write(xml, "UncommittedBlocks", uncommitted);
            xml.WriteEndElement();
        }

        return body.ToArray();
    }

    private static void Write(XmlWriter xml, string element, IEnumerable<(string Id, long Length)>? blocks)
    {
        if (blocks is null) return;
        xml.WriteStartElement(element);
        foreach (var (id, length) in blocks)
        {
            xml.WriteStartElement("Block");
            xml.WriteElementString("Name", id);
            xml.WriteElementString("Size", XmlConvert.ToString(length));
            xml.WriteEndElement();
        }

        xml.WriteEndElement();
    }
}
