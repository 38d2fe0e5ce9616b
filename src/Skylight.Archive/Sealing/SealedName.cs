using Skylight.Archive.Objects;

namespace Skylight.Archive.Sealing;

/// <summary>
/// The name of a sealed object in a store: its folder (<c>{institution}/{studyKey}</c>), 160 bits of its object id, and its kind. So a name is as
/// fresh as the write attempt, says nothing about a person, and an object put in another's place is noticed.
/// </summary>
public static class SealedName
{
    private const int IdCharacters = 32;

    /// <summary>The folder of a study's objects.</summary>
    public static string Folder(string institution, string studyKey) => $"{institution}/{studyKey}";

    /// <summary>The full name of an object with this header.</summary>
    public static string Of(string folder, SealedHeader header) => ObjectName.Check($"{folder}/{header.ObjectId}.{Kind(header.Type)}");

    /// <summary>False when the name carries an object id (32 base32 characters and a kind) and the header is another object's.</summary>
    public static bool Matches(string name, SealedHeader header)
    {
        var last = name.AsSpan(name.LastIndexOf('/') + 1);
        return last.Length <= IdCharacters || last[IdCharacters] != '.' || !Base32.IsBase32(last[..IdCharacters])
            || last[..IdCharacters].SequenceEqual(header.ObjectId.ToString());
    }

    /// <summary>The kind as names spell it.</summary>
    public static string Kind(SealedType type) => type switch
    {
        SealedType.Pack => "pack",
        SealedType.Index => "index",
        SealedType.Metadata => "metadata",
        SealedType.Preview => "preview",
        SealedType.Staged => "staged",
        SealedType.Journal => "journal",
        SealedType.Manifest => "manifest",
        SealedType.Corrections => "corrections",
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };
}
