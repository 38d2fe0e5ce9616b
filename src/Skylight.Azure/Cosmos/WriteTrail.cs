using System.Security.Cryptography;

namespace Skylight.Azure.Cosmos;

/// <summary>
/// Ids of an item's last writes, newest first, kept inside the item. A writer whose answer was lost finds its own id there, even when others have written
/// since; without it a repeated conditional write could not tell its own success from a conflict. The newest id is also the item's version.
/// </summary>
internal static class WriteTrail
{
    /// <summary>Ids that an item keeps. A writer is behind by more only when so many others have written between its try and its look; then it cannot know.</summary>
    private const int Kept = 32;

    public static string NewId() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));

    /// <summary>Whether the write that left <paramref name="written"/> is in the item's history. Null when that history has been pushed out of the trail.</summary>
    public static bool? Applied(IReadOnlyList<string> met, IReadOnlyList<string> written)
    {
        if (met.Contains(written[0])) return true;
        return met.Count < Kept || (written.Count > 1 && met.Contains(written[1])) ? false : null;
    }

    public static IReadOnlyList<string> Extend(IReadOnlyList<string>? trail, string id) => [id, .. (trail ?? []).Take(Kept - 1)];
}
