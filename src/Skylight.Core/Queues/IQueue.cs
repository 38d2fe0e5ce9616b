using System.Text.RegularExpressions;

namespace Skylight.Core.Queues;

/// <summary>
/// Named queues with at-least-once delivery and no order. A message that is received becomes invisible for a while; it is gone when completed,
/// and comes back when not. What comes back too often goes to the queue <c>{name}-poison</c>, by the hand of the host that runs the queue's function.
/// </summary>
/// <remarks>
/// Names follow the stricter store (Storage Queues): 3 to 63 of <c>a-z 0-9 -</c>. A body is any bytes, at most <see cref="MaxBodyBytes"/>
/// (they travel as base64 in the cloud): keys and counts, never personal data.
/// </remarks>
public interface IQueue
{
    /// <summary>48 KiB: what is left of a Storage Queues message of 64 KiB after base64.</summary>
    public const int MaxBodyBytes = 48 * 1024;

    /// <summary>The longest delay or lease: seven days.</summary>
    public static readonly TimeSpan MaxVisibility = TimeSpan.FromDays(7);

    /// <summary>Durable when the task completes. The message becomes visible after <paramref name="delay"/> (zero to seven days).</summary>
    /// <exception cref="ArgumentException">The name or the size breaks the rules above.</exception>
    ValueTask SendAsync(string queue, ReadOnlyMemory<byte> body, TimeSpan delay, CancellationToken cancellationToken);

    /// <summary>Takes up to <paramref name="max"/> (1–32) visible messages and hides them for <paramref name="visibility"/>. Empty when there is none.</summary>
    ValueTask<IReadOnlyList<QueueMessage>> ReceiveAsync(string queue, int max, TimeSpan visibility, CancellationToken cancellationToken);

    /// <summary>Hides a received message for <paramref name="visibility"/> from now (zero: gives it back). Null when the lease is lost: another receiver has it.</summary>
    ValueTask<QueueMessage?> ExtendAsync(QueueMessage message, TimeSpan visibility, CancellationToken cancellationToken);

    /// <summary>Removes a received message. False when the lease is lost: the message may be handled a second time.</summary>
    ValueTask<bool> CompleteAsync(QueueMessage message, CancellationToken cancellationToken);

    /// <summary>Messages in the queue, visible or not; approximate in the cloud.</summary>
    ValueTask<long> CountAsync(string queue, CancellationToken cancellationToken);
}

/// <summary>A received message under a lease that <see cref="Receipt"/> proves.</summary>
/// <param name="DequeueCount">How often it has been received, this time included.</param>
public sealed record QueueMessage(string Queue, string Id, string Receipt, ReadOnlyMemory<byte> Body, int DequeueCount, DateTimeOffset InsertedAt, DateTimeOffset VisibleAt);

/// <summary>The rules of <see cref="IQueue"/> that every adapter checks before it sends.</summary>
public static partial class QueueRules
{
    /// <exception cref="ArgumentException">The name is not one.</exception>
    public static void CheckName(string queue)
    {
        if (!Name().IsMatch(queue)) throw new ArgumentException("A queue's name has 3 to 63 of a-z, 0-9 and single hyphens, none at an end.", nameof(queue));
    }

    /// <exception cref="ArgumentException">The body is too large.</exception>
    public static void CheckBody(ReadOnlyMemory<byte> body)
    {
        if (body.Length > IQueue.MaxBodyBytes) throw new ArgumentException($"A message has at most {IQueue.MaxBodyBytes} bytes.", nameof(body));
    }

    /// <exception cref="ArgumentOutOfRangeException">The delay or lease is negative or longer than seven days.</exception>
    public static void CheckSpan(TimeSpan span)
    {
        if (span < TimeSpan.Zero || span > IQueue.MaxVisibility) throw new ArgumentOutOfRangeException(nameof(span), span, "zero to seven days");
    }

    [GeneratedRegex("^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$")]
    private static partial Regex Name();
}
