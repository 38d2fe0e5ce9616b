using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Access;

namespace Skylight.Functions.Audit;

/// <summary>Every five minutes: writes the counts of frame reads whose window has closed.</summary>
public sealed class AuditTimer(FrameSessions frames)
{
    [Function("audit-frames")]
    public async Task Flush([TimerTrigger("0 */5 * * * *")] TimerInfo timer, CancellationToken cancellationToken) => await frames.FlushAsync(all: false, cancellationToken);
}
