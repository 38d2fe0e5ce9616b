using Skylight.Core.Audit;
using Skylight.Core.Documents;
using Skylight.Core.Studies;

namespace Skylight.Core.Lifecycle;

/// <summary>
/// Sees to the end of what certificates of erased instances say is still to come: the packs that had them go a day after they were replaced. When they are gone the trail
/// says so, and so does the erasure's record.
/// </summary>
public sealed class ErasedBytes(IDocuments documents, RetiredObjects retired, IAuditLog audit, TimeProvider time)
{
    /// <summary>Of the records of erasures whose bytes are not gone yet.</summary>
    internal const string Term = "bytes:waiting";

    /// <summary>One page of erasures that are certified, and whose bytes are still to go.</summary>
    internal ValueTask<DocumentPage<ErasureRecord>> ListAsync(string institution, int limit, string? continuation, CancellationToken cancellationToken) =>
        documents.ListAsync<ErasureRecord>(institution, ErasureRecord.Type, Term, limit, continuation, cancellationToken);

    /// <summary>Records that the bytes of an erasure are gone, if they are. Safe to repeat: a host that is killed between the two leaves two entries in the trail, not none.</summary>
    internal async Task FinishAsync(Stored<ErasureRecord> stored, CancellationToken cancellationToken)
    {
        var erasure = stored.Value;
        if (erasure.At is not { } at || await retired.AnyAsync(erasure.Institution, erasure.StudyKey, at, cancellationToken)) return;
        var next = erasure with { BytesGoneAt = time.GetUtcNow() };
        await audit.AppendAsync(
            erasure.Institution,
            new AuditEvent(
                1, next.BytesGoneAt.Value, null, erasure.Institution, [], null, "erasure.bytes-gone", null, erasure.StudyKey, erasure.PatientKey, erasure.Id, null,
                [$"level:{erasure.Level}", $"instances:{erasure.Instances}", $"certificate:{erasure.Certificate?.AuditSequence}"], null, "done"),
            cancellationToken);
        await documents.PutAsync(new DocumentKey(erasure.Institution, ErasureRecord.Type, erasure.Id), next, Match.Version(stored.ETag), ErasureRequests.Terms(next), cancellationToken);
    }
}
