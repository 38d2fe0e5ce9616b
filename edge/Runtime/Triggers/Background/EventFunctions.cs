using System.Collections.Immutable;
using System.Reflection;
using Microsoft.Azure.Functions.Worker;
using Skylight.Functions.Events;
using Skylight.Local.Queues;

namespace Skylight.Edge.Runtime.Triggers.Background;

/// <summary>Event Grid functions: each has a queue of its own, so that one that fails holds up no other; the retries are Event Grid's.</summary>
internal static class EventFunctions
{
    /// <summary>Event Grid gives up after 30 attempts or 24 hours; so does this schedule, whose first steps are shorter because nothing lies between.</summary>
    private static readonly TimeSpan[] Delays =
    [
        TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(5),
        TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(30), TimeSpan.FromHours(1),
    ];

    private const int MaxAttempts = 30;

    public static void Add(FunctionEntry function, BackgroundTriggers triggers, EventSubscriptions subscriptions, List<string> errors)
    {
        var batched = ((EventGridTriggerAttribute)function.Trigger).IsBatched;
        var type = function.TriggerParameter.ParameterType;
        var element = batched ? type.GetElementType() : type;
        var convert = element is null ? null : Payload.To(element);
        var arguments = Arguments.Bind(function, convert is null ? null : TriggerValue.Get, [], errors);
        if (convert is null) return;
        var filters = function.Method.GetCustomAttributes<EventFilterAttribute>().ToArray();
        var queue = QueueOf(function);
        subscriptions.Add(new EventSubscription(queue, e => filters.Length == 0 || filters.Any(f => f.Matches(e.Type, e.Subject))));
        triggers.Consume(
            new ConsumerSettings(queue, function.Name, 16, MaxAttempts, Delay, TimeSpan.FromSeconds(1)),
            (message, cancellation) =>
            {
                var item = convert(message.Body);
                if (batched)
                {
                    var array = Array.CreateInstance(element!, 1);
                    array.SetValue(item, 0);
                    item = array;
                }

                var data = ImmutableDictionary<string, object?>.Empty.Add(TriggerValue.Key, item);
                return triggers.RunFunctionAsync(function, arguments, data, message.DequeueCount, MaxAttempts, cancellation);
            });
    }

    /// <summary>Not a name that <c>IQueue</c> takes, so it meets no queue of the application.</summary>
    internal static string QueueOf(FunctionEntry function) => "event:" + function.Name;

    internal static TimeSpan Delay(int failures) => Delays[Math.Min(failures, Delays.Length) - 1];
}
