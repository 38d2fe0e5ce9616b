using Skylight.Core.Documents;

namespace Skylight.Core.Compression;

/// <summary>What the last sweep of an institution came to.</summary>
/// <param name="Studies">Studies looked at.</param>
/// <param name="Failed">Studies that stay as they are, for damage or for want of room; the next sweep tries them again.</param>
/// <param name="Coded">Instances compressed.</param>
/// <param name="Refused">Instances that hardly shrink, or did not come back equal.</param>
/// <param name="Bytes">The compressed ones as received.</param>
/// <param name="StoredBytes">The same as they are kept now.</param>
/// <param name="FinishedAt">UTC; null while the sweep is under way.</param>
public sealed record CompressionReport(int V, int Studies, int Failed, int Coded, int Refused, long Bytes, long StoredBytes, DateTimeOffset? FinishedAt)
{
    /// <summary>Of a sweep that has just begun.</summary>
    public static CompressionReport None { get; } = new(1, 0, 0, 0, 0, 0, 0, null);
}

/// <summary>The compression policies of institutions, and what came of them.</summary>
public sealed class CompressionPolicies(IDocuments documents)
{
    public ValueTask<Stored<CompressionPolicy>?> FindAsync(string institution, CancellationToken cancellationToken) =>
        documents.GetAsync<CompressionPolicy>(Policy(institution), cancellationToken);

    /// <exception cref="DocumentConflictException">The policy was changed meanwhile.</exception>
    public ValueTask<string> PutAsync(string institution, CompressionPolicy policy, Match match, CancellationToken cancellationToken) =>
        documents.PutAsync(Policy(institution), policy, match, [], cancellationToken);

    /// <summary>The last sweep that has finished; null before the first.</summary>
    public async ValueTask<CompressionReport?> LastAsync(string institution, CancellationToken cancellationToken) =>
        (await documents.GetAsync<CompressionReport>(Report(institution), cancellationToken))?.Value;

    public async ValueTask ReportAsync(string institution, CompressionReport report, CancellationToken cancellationToken) =>
        await documents.PutAsync(Report(institution), report, Match.Any, [], cancellationToken);

    private static DocumentKey Policy(string institution) => new(institution, "compression-policy", "current");

    private static DocumentKey Report(string institution) => new(institution, "compression-report", "last");
}
