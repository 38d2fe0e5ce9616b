namespace Skylight.Edge.Runtime.Durable;

/// <summary>What a turn of an orchestration brought about; stored in one transaction, and only then acted on.</summary>
internal sealed class Turn
{
    /// <summary>Steps to append to the history.</summary>
    public List<HistoryEvent> Events { get; } = [];

    /// <summary>Tasks whose result is among <see cref="Events"/>, and timers that were cancelled: no longer open.</summary>
    public List<long> Closed { get; } = [];

    public List<WorkItem> Opened { get; } = [];

    public List<SentEvent> Sent { get; } = [];

    /// <summary>Events that came and were not waited for, for the next execution, oldest first.</summary>
    public List<HistoryEvent> Carried { get; } = [];

    /// <summary>Rows of the inbox that are taken in by this turn.</summary>
    public List<long> Taken { get; } = [];

    public string? CustomStatus { get; set; }

    public bool IsEmpty => Events.Count == 0 && Closed.Count == 0 && Taken.Count == 0;
}

internal readonly record struct SentEvent(string InstanceId, string Name, string? Data);
