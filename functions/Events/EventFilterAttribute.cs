namespace Skylight.Functions.Events;

/// <summary>
/// Which events an <c>[EventGridTrigger]</c> function gets; several on one function mean any of them. The edge dispatches by it; in the
/// cloud it is what the Event Grid subscription of that function is deployed with (bicep/). Events come at least once and in no order.
/// </summary>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class EventFilterAttribute(string type) : Attribute
{
    /// <summary>The event's whole type, compared without regard to case as Event Grid does.</summary>
    public string Type { get; } = type;

    public string? SubjectBeginsWith { get; set; }

    public string? SubjectEndsWith { get; set; }

    public bool Matches(string type, string? subject) =>
        type.Equals(Type, StringComparison.OrdinalIgnoreCase)
        && (SubjectBeginsWith is null || subject?.StartsWith(SubjectBeginsWith, StringComparison.OrdinalIgnoreCase) == true)
        && (SubjectEndsWith is null || subject?.EndsWith(SubjectEndsWith, StringComparison.OrdinalIgnoreCase) == true);
}
