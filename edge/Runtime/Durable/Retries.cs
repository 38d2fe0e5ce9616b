using Microsoft.DurableTask;

namespace Skylight.Edge.Runtime.Durable;

/// <summary>Repeats a failed call. Runs as part of the orchestration: each attempt and each wait is a step of its history, so task numbers go up by two an attempt.</summary>
internal static class Retries
{
    /// <summary>Where a back-off without a limit stops growing, so that it stays a date.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromDays(365);

    public static async Task<T> ByPolicyAsync<T>(TaskOrchestrationContext context, RetryPolicy policy, Func<Task<T>> call)
    {
        var first = context.CurrentUtcDateTime;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await call();
            }
            catch (TaskFailedException error)
            {
                var again = attempt < policy.MaxNumberOfAttempts && Failures.IsRetriable(error.FailureDetails) && policy.Handle(error) && !IsOver(policy, first, context.CurrentUtcDateTime);
                if (!again) throw;
            }

            await context.CreateTimer(context.CurrentUtcDateTime.Add(Delay(policy, attempt)), CancellationToken.None);
        }
    }

    public static async Task<T> ByHandlerAsync<T>(TaskOrchestrationContext context, AsyncRetryHandler handler, Func<Task<T>> call)
    {
        var first = context.CurrentUtcDateTime;
        for (var attempt = 1; ; attempt++)
        {
            TaskFailedException failure;
            try
            {
                return await call();
            }
            catch (TaskFailedException error) when (Failures.IsRetriable(error.FailureDetails))
            {
                failure = error;
            }

            if (!await handler(new RetryContext(context, attempt, failure.FailureDetails, context.CurrentUtcDateTime - first, CancellationToken.None))) throw failure;
        }
    }

    internal static TimeSpan Delay(RetryPolicy policy, int attempt)
    {
        var limit = policy.MaxRetryInterval == Timeout.InfiniteTimeSpan ? Longest : policy.MaxRetryInterval;
        var milliseconds = policy.FirstRetryInterval.TotalMilliseconds * Math.Pow(policy.BackoffCoefficient, attempt - 1);
        return milliseconds < limit.TotalMilliseconds ? TimeSpan.FromMilliseconds(milliseconds) : limit;
    }

    private static bool IsOver(RetryPolicy policy, DateTime first, DateTime now) => policy.RetryTimeout != Timeout.InfiniteTimeSpan && now - first >= policy.RetryTimeout;
}
