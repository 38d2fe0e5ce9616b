using System.Security.Cryptography;

namespace Skylight.Azure.Cosmos;

/// <summary>
/// Ids of an item's last writes, newest first, kept inside the item. A writer whose answer was lost finds its own id there, even when others have written
/// since; without it a repeated conditional write could not tell its own success from a conflict. The newest id is also the item's version.
/// </summary>
internal static class WriteTrail
{
    /// <summary>A writer is behind by more than this only when so many others have written between its try and its look.</summary>
    private const int Kept = 8;

    public static string NewId() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));

    public static IReadOnlyList<string> Extend(IReadOnlyList<string>? trail, string id) => [id, .. (trail ?? []).Take(Kept - 1)];
}
