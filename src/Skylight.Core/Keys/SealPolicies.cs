using System.Collections.Concurrent;
using Skylight.Archive.Sealing;
using Skylight.Core.Documents;

namespace Skylight.Core.Keys;

/// <summary>With which cipher an institution's new objects are sealed. What is stored already stays under its own: mixed state is normal.</summary>
public sealed record SealPolicy(int V, SealAlgorithm Algorithm)
{
    /// <summary>Where nobody has chosen.</summary>
    public static SealPolicy Default { get; } = new(1, SealAlgorithm.Aes256Gcm);
}

/// <summary>The choices of all institutions: documents of type <c>seal-policy</c>. A choice is in force within half a minute everywhere, and at once in the process that took it.</summary>
public sealed class SealPolicies(IDocuments documents, TimeProvider time)
{
    private const string Type = "seal-policy";

    private static readonly TimeSpan s_fresh = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, (SealPolicy Policy, DateTimeOffset At)> _known = new(StringComparer.Ordinal);

    /// <summary>The policy in force.</summary>
    public async ValueTask<SealPolicy> FindAsync(string institution, CancellationToken cancellationToken)
    {
        if (_known.TryGetValue(institution, out var known) && time.GetUtcNow() - known.At < s_fresh) return known.Policy;
        var policy = (await documents.GetAsync<SealPolicy>(Key(institution), cancellationToken))?.Value ?? SealPolicy.Default;
        _known[institution] = (policy, time.GetUtcNow());
        return policy;
    }

    /// <summary>Its cipher.</summary>
    public async ValueTask<SealAlgorithm> CipherAsync(string institution, CancellationToken cancellationToken) => (await FindAsync(institution, cancellationToken)).Algorithm;

    /// <summary>Replaces the policy. Durable when the task completes.</summary>
    public async ValueTask PutAsync(string institution, SealPolicy policy, CancellationToken cancellationToken)
    {
        await documents.PutAsync(Key(institution), policy, Match.Any, [], cancellationToken);
        _known[institution] = (policy, time.GetUtcNow());
    }

    private static DocumentKey Key(string institution) => new(institution, Type, "current");
}
