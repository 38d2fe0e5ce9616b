using Microsoft.Extensions.Options;

namespace Skylight.Edge.Hosting;

/// <summary>
/// The end of the host in two steps: <see cref="Started"/> when it should take no new work, <see cref="Expired"/> when what still runs must stop.
/// </summary>
public sealed class Drain : IDisposable
{
    private readonly CancellationTokenSource _expired;
    private readonly CancellationTokenRegistration _registration;

    public Drain(IHostApplicationLifetime lifetime, IOptions<EdgeOptions> options, TimeProvider time)
    {
        Started = lifetime.ApplicationStopping;
        _expired = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        _registration = Started.Register(() => _expired.CancelAfter(TimeSpan.FromSeconds(options.Value.DrainSeconds)));
    }

    public CancellationToken Started { get; }

    public CancellationToken Expired => _expired.Token;

    public void Dispose()
    {
        _registration.Dispose();
        _expired.Dispose();
    }
}
