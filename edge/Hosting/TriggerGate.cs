namespace Skylight.Edge.Hosting;

/// <summary>Opens once the host listens and its public address is known; triggers that run by themselves (queue, timer, events) start then.</summary>
public sealed class TriggerGate
{
    private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Open() => _open.TrySetResult();

    public Task WaitAsync(CancellationToken cancellationToken) => _open.Task.WaitAsync(cancellationToken);
}
