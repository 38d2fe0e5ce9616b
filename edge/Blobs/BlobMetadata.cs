using System.Text.Json;
using Skylight.Core.Documents;

namespace Skylight.Edge.Blobs;

/// <summary>The name-value pairs of x-ms-meta-* headers.</summary>
internal static class BlobMetadata
{
    private const string Prefix = "x-ms-meta-";
    private const int MaxChars = 8 * 1024;
    private static readonly IReadOnlyDictionary<string, string> Empty = new Dictionary<string, string>();

    public static IReadOnlyDictionary<string, string> Read(IHeaderDictionary headers)
    {
        Dictionary<string, string>? metadata = null;
        var size = 0;
        foreach (var (name, value) in headers)
        {
            if (!name.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase)) continue;
            var text = value.ToString();
            if ((size += name.Length - Prefix.Length + text.Length) > MaxChars) throw new BlobErrorException(BlobError.MetadataTooLarge);
            (metadata ??= new(StringComparer.OrdinalIgnoreCase))[name[Prefix.Length..]] = text;
        }

        return metadata ?? Empty;
    }

    public static void Write(IHeaderDictionary headers, IReadOnlyDictionary<string, string> metadata)
    {
        foreach (var (name, value) in metadata) headers[Prefix + name] = value;
    }

    public static string? Serialize(IReadOnlyDictionary<string, string> metadata) => metadata.Count == 0 ? null : JsonSerializer.Serialize(metadata, DocumentJson.Options);

    public static IReadOnlyDictionary<string, string> Parse(string? json) =>
        json is null ? Empty : JsonSerializer.Deserialize<Dictionary<string, string>>(json, DocumentJson.Options) ?? Empty;
}
