namespace Skylight.Core.Audit;

/// <summary>The audit trail: one hash chain for each institution, appended before an answer goes out.</summary>
public interface IAuditLog
{
    /// <summary>Appends to the institution's chain. Durable when the task completes; concurrent appends share one commit.</summary>
    /// <returns>The sequence the event got.</returns>
    ValueTask<long> AppendAsync(string institution, AuditEvent entry, CancellationToken cancellationToken);

    /// <summary>One page of an institution's trail.</summary>
    ValueTask<AuditPage> ReadAsync(string institution, AuditQuery query, CancellationToken cancellationToken);

    /// <summary>Recomputes the whole chain and holds it against the newest anchor (and <paramref name="expectedHead"/>, a head kept elsewhere).</summary>
    ValueTask<AuditVerification> VerifyAsync(string institution, AuditHead? expectedHead, CancellationToken cancellationToken);
}
