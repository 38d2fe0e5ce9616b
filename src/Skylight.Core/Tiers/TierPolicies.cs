using Skylight.Core.Documents;

namespace Skylight.Core.Tiers;

/// <summary>The tier policies of institutions.</summary>
public sealed class TierPolicies(IDocuments documents)
{
    private const string Type = "tier-policy";

    public ValueTask<Stored<TierPolicy>?> FindAsync(string institution, CancellationToken cancellationToken) =>
        documents.GetAsync<TierPolicy>(Key(institution), cancellationToken);

    /// <exception cref="DocumentConflictException">The policy was changed meanwhile.</exception>
    public ValueTask<string> PutAsync(string institution, TierPolicy policy, Match match, CancellationToken cancellationToken) =>
        documents.PutAsync(Key(institution), policy, match, [], cancellationToken);

    private static DocumentKey Key(string institution) => new(institution, Type, "current");
}
