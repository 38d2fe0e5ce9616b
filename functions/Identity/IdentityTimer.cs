using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Identity;

namespace Skylight.Functions.Identity;

/// <summary>Hourly: forgets old sign-in counters and codes that nobody redeemed.</summary>
public sealed class IdentityTimer(SignInThrottle throttle, AuthorizationCodes codes)
{
    [Function("identity-clean")]
    public async Task Clean([TimerTrigger("0 17 * * * *")] TimerInfo timer, CancellationToken cancellationToken)
    {
        await throttle.CleanAsync(cancellationToken);
        await codes.CleanAsync(cancellationToken);
    }
}
