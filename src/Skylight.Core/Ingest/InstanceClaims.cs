namespace Skylight.Core.Ingest;

/// <summary>
/// SOP Instance UIDs that are being decided about and committed. Two studies that receive the same UID at the same moment would each find it unknown; so the
/// second waits until the first is committed, and then finds it. Within one process; across processes the index of instances shows it afterwards. Thread-safe.
/// </summary>
internal sealed class InstanceClaims
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Institution, string SopInstanceUid), Claim> _claimed = [];

    /// <summary>Claims every pending UID at once. Whoever holds a claim must not take another.</summary>
    public async ValueTask<IDisposable> TakeAsync(List<WaitingCommit> together, CancellationToken cancellationToken)
    {
        var institution = together[0].Batch.Context.Institution;
        var uids = new HashSet<(string, string)>();
        foreach (var waiting in together)
            foreach (var pending in waiting.Intake.Pending) uids.Add((institution, pending.Facts.Identity.SopInstanceUid));
        var claim = new Claim(this, uids);
        while (true)
        {
            Claim? other = null;
            lock (_lock)
            {
                foreach (var uid in uids)
                    if (_claimed.TryGetValue(uid, out other)) break;
                if (other is null)
                {
                    foreach (var uid in uids) _claimed.Add(uid, claim);
                    return claim;
                }
            }

            await other.Released.WaitAsync(cancellationToken);
        }
    }

    private sealed class Claim(InstanceClaims owner, HashSet<(string, string)> uids) : IDisposable
    {
        private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Released => _released.Task;

        public void Dispose()
        {
            lock (owner._lock)
            {
                foreach (var uid in uids) owner._claimed.Remove(uid);
            }

            _released.TrySetResult();
        }
    }
}
