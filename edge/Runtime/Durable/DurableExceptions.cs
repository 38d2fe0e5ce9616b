namespace Skylight.Edge.Runtime.Durable;

/// <summary>An input, output or event is larger than <see cref="DurableOptions.MaxPayloadBytes"/>. Pass a key to a record or an object instead.</summary>
public sealed class PayloadTooLargeException(string what, int bytes, int limit)
    : Exception(FormattableString.Invariant($"The {what} has {bytes} bytes; at most {limit} are allowed. Pass a key instead of the data."));

/// <summary>An orchestration's code no longer takes the steps that its history holds: it was changed while the instance was running.</summary>
public sealed class NonDeterministicOrchestrationException(string message) : Exception(message);

/// <summary>The instance was purged or replaced while a turn of it ran: the turn counts for nothing.</summary>
internal sealed class InstanceGoneException : Exception;
