using Azure.Core;
using Azure.Core.Pipeline;

namespace Skylight.Cli.Upload;

/// <summary>
/// Repeats what may succeed later, for about a minute and a half. On Azure a new session's stored access policy takes up to 30 seconds to come into
/// force, and until then its address is answered 403: so, in a fresh session and until the first success, that is repeated too.
/// </summary>
internal sealed class UploadRetry(bool fresh) : RetryPolicy(maxRetries: 7, DelayStrategy.CreateExponentialDelayStrategy(TimeSpan.FromSeconds(0.8), TimeSpan.FromSeconds(30)))
{
    private readonly long _start = TimeProvider.System.GetTimestamp();
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(45);
    private volatile bool _waiting = fresh;

    protected override ValueTask<bool> ShouldRetryAsync(HttpMessage message, Exception? exception) =>
        IsTooEarly(message) ? ValueTask.FromResult(true) : base.ShouldRetryAsync(message, exception);

    protected override ValueTask OnRequestSentAsync(HttpMessage message)
    {
        if (message.HasResponse && message.Response.Status < 300) _waiting = false;
        return base.OnRequestSentAsync(message);
    }

    private bool IsTooEarly(HttpMessage message) =>
        _waiting && message.HasResponse && message.Response.Status == 403 && TimeProvider.System.GetElapsedTime(_start) < Grace;
}
