using Microsoft.DurableTask.Client;

namespace Skylight.Edge.Runtime.Durable;

/// <summary>The steps an instance's history is made of. The numbers are stored: never renumber.</summary>
internal enum HistoryKind
{
    /// <summary>Not a step: wakes an instance so that it looks at itself.</summary>
    None = 0,
    Started = 1,
    ActivityScheduled = 2,
    ActivityCompleted = 3,
    ActivityFailed = 4,
    TimerCreated = 5,
    TimerFired = 6,
    ChildScheduled = 7,
    ChildCompleted = 8,
    ChildFailed = 9,
    EventRaised = 10,
    EventSent = 11,
    Suspended = 12,
    Resumed = 13,
    Terminated = 14,
}

/// <summary>
/// One step. Outgoing steps (scheduled, created, sent) directly follow the incoming step that made the code take them.
/// <paramref name="Task"/> is the task's number, for a raised event its number in the inbox; <paramref name="Time"/> is what the orchestration sees as now.
/// </summary>
internal readonly record struct HistoryEvent(HistoryKind Kind, long Task, DateTime Time, string? Name, string? Data)
{
    /// <summary>True for steps that the code took; false for what happened to it.</summary>
    public bool IsOutgoing => Kind is HistoryKind.ActivityScheduled or HistoryKind.TimerCreated or HistoryKind.ChildScheduled or HistoryKind.EventSent;
}

/// <summary>
/// Something that happens to an instance. <paramref name="Execution"/> 0 means any; another number must be the instance's current one (results of an execution
/// that was continued as new are void). <paramref name="Inbox"/> is the row that holds it until a turn has taken it in, 0 when it is derived from open work.
/// </summary>
internal readonly record struct Message(HistoryKind Kind, int Execution = 0, long Task = 0, string? Name = null, string? Data = null, long Inbox = 0);

internal enum WorkKind
{
    Activity = 1,
    Timer = 2,
    Child = 3,

    /// <summary>A start at a later time; its task is <see cref="WorkItem.StartTask"/>.</summary>
    Start = 4,
}

/// <summary>Open work of an instance: stays stored until its result is in the history. For a child <paramref name="Child"/> is its instance id.</summary>
internal readonly record struct WorkItem(long Task, WorkKind Kind, string? Name, string? Input, DateTime Due = default, string? Child = null)
{
    public const long StartTask = -1;
}

/// <summary>Who waits for an instance's result.</summary>
internal sealed record ParentLink(long Key, int Execution, long Task, string Id, string Name);

/// <summary>What is known of an instance besides its history.</summary>
internal sealed record InstanceHead(
    long Key, string Id, string Name, int Execution, long Turn, long Events, OrchestrationRuntimeStatus Status, string? Input, string? CustomStatus, ParentLink? Parent)
{
    public bool IsOpen => Status is OrchestrationRuntimeStatus.Running or OrchestrationRuntimeStatus.Pending or OrchestrationRuntimeStatus.Suspended;
}
