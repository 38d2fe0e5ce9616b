using System.Collections.Frozen;

namespace Skylight.Core.Retrieve;

/// <summary>One acceptable form of an answer with DICOM instances: whole files, as parts or alone, in one transfer syntax or (<c>*</c>) as stored.</summary>
public readonly record struct InstanceChoice(bool Multipart, string TransferSyntax);

/// <summary>
/// One acceptable form of an answer with frames. <see cref="MediaType"/> is <c>application/octet-stream</c>, an image or video type, or <c>*/*</c>
/// where any will do. <see cref="TransferSyntax"/> is a UID, <c>*</c> (as stored), or null: the media type's default.
/// </summary>
public readonly record struct FrameChoice(bool Multipart, string MediaType, string? TransferSyntax);

/// <summary>
/// Content negotiation of PS3.18 §8.7: what the Accept header (or the <c>accept</c> query parameter, which wins over it) allows for each kind of
/// resource, most wanted first. An empty list means 406.
/// </summary>
public static class Negotiation
{
    /// <summary>Explicit VR Little Endian: the default of every DICOM answer (PS3.18 §8.7.3.1).</summary>
    public const string ExplicitVrLittleEndian = "1.2.840.10008.1.2.1";

    /// <summary>The wildcard of the transfer-syntax parameter: as stored (PS3.18 §8.7.3.5.2).</summary>
    public const string Stored = "*";

    private static readonly FrozenDictionary<string, string> FrameMediaTypes = new Dictionary<string, string>
    {
        ["1.2.840.10008.1.2.4.50"] = "image/jpeg",
        ["1.2.840.10008.1.2.4.51"] = "image/jpeg",
        ["1.2.840.10008.1.2.4.57"] = "image/jpeg",
        ["1.2.840.10008.1.2.4.70"] = "image/jpeg",
        ["1.2.840.10008.1.2.4.80"] = "image/jls",
        ["1.2.840.10008.1.2.4.81"] = "image/jls",
        ["1.2.840.10008.1.2.4.90"] = "image/jp2",
        ["1.2.840.10008.1.2.4.91"] = "image/jp2",
        ["1.2.840.10008.1.2.4.92"] = "image/jpx",
        ["1.2.840.10008.1.2.4.93"] = "image/jpx",
        ["1.2.840.10008.1.2.4.100"] = "video/mpeg",
        ["1.2.840.10008.1.2.4.101"] = "video/mpeg",
        ["1.2.840.10008.1.2.4.102"] = "video/mp4",
        ["1.2.840.10008.1.2.4.103"] = "video/mp4",
        ["1.2.840.10008.1.2.4.104"] = "video/mp4",
        ["1.2.840.10008.1.2.4.105"] = "video/mp4",
        ["1.2.840.10008.1.2.4.106"] = "video/mp4",
        ["1.2.840.10008.1.2.4.107"] = "video/H265",
        ["1.2.840.10008.1.2.4.108"] = "video/H265",
        ["1.2.840.10008.1.2.4.110"] = "image/jxl",
        ["1.2.840.10008.1.2.4.111"] = "image/jxl",
        ["1.2.840.10008.1.2.4.112"] = "image/jxl",
        ["1.2.840.10008.1.2.4.201"] = "image/jphc",
        ["1.2.840.10008.1.2.4.202"] = "image/jphc",
        ["1.2.840.10008.1.2.4.203"] = "image/jphc",
        ["1.2.840.10008.1.2.5"] = "image/dicom-rle",
    }.ToFrozenDictionary();

    /// <summary>
    /// Reads the wishes of a request. Null when they are malformed (400); one range <c>*/*</c> when there are none.
    /// </summary>
    /// <param name="accept">Values of the Accept header.</param>
    /// <param name="acceptParameter">Values of the <c>accept</c> query parameter, decoded.</param>
    public static IReadOnlyList<MediaRange>? Wishes(IReadOnlyCollection<string?> accept, IReadOnlyCollection<string?> acceptParameter)
    {
        if (!MediaRange.TryParseAccept(acceptParameter.Any(v => !string.IsNullOrWhiteSpace(v)) ? acceptParameter : accept, out var ranges)) return null;
        return ranges.Count > 0 ? ranges : [new MediaRange("*", "*", [], 1)];
    }

    /// <summary>How whole instances may be answered.</summary>
    /// <param name="single">The resource is one instance, so that <c>application/dicom</c> alone is a form of it too.</param>
    public static IReadOnlyList<InstanceChoice> Instances(IReadOnlyList<MediaRange> wishes, bool single)
    {
        var choices = new List<InstanceChoice>();
        foreach (var wish in wishes)
        {
            if (wish.Quality == 0) continue;
            var syntax = wish.Parameter("transfer-syntax") ?? ExplicitVrLittleEndian;
            if (wish.Type == "*")
                choices.Add(new(Multipart: true, syntax));
            else if (wish.Covers("multipart", "related") && PartRange(wish) is { } part && part.Covers("application", "dicom"))
                choices.Add(new(Multipart: true, part.Parameter("transfer-syntax") ?? syntax));
            else if (single && wish.Covers("application", "dicom"))
                choices.Add(new(Multipart: false, syntax));
        }
        return choices;
    }

    /// <summary>How frames may be answered.</summary>
    /// <param name="single">One frame is asked for, so that it may come alone.</param>
    public static IReadOnlyList<FrameChoice> Frames(IReadOnlyList<MediaRange> wishes, bool single)
    {
        var choices = new List<FrameChoice>();
        foreach (var wish in wishes)
        {
            if (wish.Quality == 0) continue;
            var syntax = wish.Parameter("transfer-syntax");
            if (wish.Type == "*")
                choices.Add(new(Multipart: true, "*/*", syntax));
            else if (wish.Covers("multipart", "related") && PartRange(wish) is { } part && IsFrameType(part))
                choices.Add(new(Multipart: true, part.Name, part.Parameter("transfer-syntax") ?? syntax));
            else if (single && wish.Type != "multipart" && IsFrameType(wish))
                choices.Add(new(Multipart: false, wish.Name, syntax));
        }
        return choices;
    }

    /// <summary>True when DICOM JSON is an acceptable answer (PS3.18 §F, <c>application/json</c> being its looser name).</summary>
    public static bool AcceptsDicomJson(IReadOnlyList<MediaRange> wishes) =>
        wishes.Any(w => w.Quality > 0 && (w.Covers("application", "dicom+json") || w.Covers("application", "json")));

    /// <summary>
    /// The transfer syntax in which an instance goes out, or null where it cannot be made or is not allowed.
    /// </summary>
    /// <remarks>
    /// Implicit VR and Big Endian never go over the web, neither by wildcard nor by name (PS3.18 §8.7.3.5.2): they become Explicit VR Little Endian.
    /// </remarks>
    /// <param name="stored">Transfer Syntax UID of the stored instance.</param>
    /// <param name="decodable">True when its pixel data is not encapsulated, or can be decoded.</param>
    public static string? Deliver(string stored, bool decodable, string wanted)
    {
        if (wanted == Stored) return stored is "1.2.840.10008.1.2" or "1.2.840.10008.1.2.2" ? ExplicitVrLittleEndian : stored;
        if (wanted is "1.2.840.10008.1.2" or "1.2.840.10008.1.2.2") return null;
        if (wanted == ExplicitVrLittleEndian) return decodable ? ExplicitVrLittleEndian : null;
        return wanted == stored ? stored : null;
    }

    /// <summary>The media type of one frame in a transfer syntax (PS3.18 tables 8.7.3-3 to 8.7.3-5).</summary>
    public static string FrameMediaType(string transferSyntax) => FrameMediaTypes.GetValueOrDefault(transferSyntax, "application/octet-stream");

    /// <summary>
    /// The media type in which frames of a stored syntax satisfy a choice as they are, or null where they do not. Native frames go out as little-endian
    /// octets; encapsulated ones as stored, under their image type or, where the client asks for octets of any syntax, as octets.
    /// </summary>
    public static string? DeliverFrames(string stored, bool native, FrameChoice choice)
    {
        var own = native ? "application/octet-stream" : FrameMediaType(stored);
        var sent = native ? ExplicitVrLittleEndian : stored;
        if (choice.TransferSyntax is { } wanted && wanted != Stored && wanted != sent) return null;
        if (choice.MediaType == "*/*" || choice.MediaType.Equals(own, StringComparison.OrdinalIgnoreCase)
            || (choice.MediaType.EndsWith("/*", StringComparison.Ordinal) && own.StartsWith(choice.MediaType[..^1], StringComparison.Ordinal)))
            return own;
        // Octets without a transfer syntax mean Explicit VR Little Endian, so encapsulated frames need the parameter.
        return choice is { MediaType: "application/octet-stream", TransferSyntax: not null } ? "application/octet-stream" : null;
    }

    /// <summary>
    /// The transfer syntax into which frames that can be decoded are brought to satisfy a choice: octets, an image type that is written without loss, or JPEG
    /// baseline of 8-bit samples where it is asked for by its UID. Null when there is none.
    /// </summary>
    public static string? RecodeFrames(FrameChoice choice, int bitsAllocated)
    {
        var wanted = choice.TransferSyntax is { } named && named != Stored ? named : choice.MediaType.ToLowerInvariant() switch
        {
            "application/octet-stream" => ExplicitVrLittleEndian,
            "image/jls" => "1.2.840.10008.1.2.4.80",
            "image/jp2" => "1.2.840.10008.1.2.4.90",
            "image/dicom-rle" => "1.2.840.10008.1.2.5",
            _ => null,
        };
        var possible = wanted is ExplicitVrLittleEndian || (bitsAllocated is 8 or 16 && wanted is "1.2.840.10008.1.2.4.80" or "1.2.840.10008.1.2.4.90" or "1.2.840.10008.1.2.5")
            || (bitsAllocated == 8 && wanted is "1.2.840.10008.1.2.4.50");
        if (!possible) return null;
        var own = wanted == ExplicitVrLittleEndian ? "application/octet-stream" : FrameMediaType(wanted!);
        return choice.MediaType == "*/*" || choice.MediaType.Equals(own, StringComparison.OrdinalIgnoreCase)
            || (choice.MediaType.EndsWith("/*", StringComparison.Ordinal) && own.StartsWith(choice.MediaType[..^1], StringComparison.Ordinal)) ? wanted : null;
    }

    private static bool IsFrameType(MediaRange range) =>
        range.Type is "*" or "image" or "video" || range.Covers("application", "octet-stream");

    /// <summary>The range that a multipart wish names for its parts: its type parameter, anything when there is none, null when it is malformed.</summary>
    private static MediaRange? PartRange(MediaRange wish) =>
        wish.Parameter("type") is not { } type ? new MediaRange("*", "*", [], wish.Quality)
        : MediaRange.TryParse(type, out var part) ? part : null;
}
