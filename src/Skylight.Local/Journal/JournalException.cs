namespace Skylight.Local.Journal;

/// <summary>Why the journal cannot be used.</summary>
public enum JournalFault
{
    /// <summary>A write or fsync failed, or a change could not be applied. Nothing more is accepted; restarting the host replays what was made durable.</summary>
    Poisoned,

    /// <summary>A record that had been made durable is damaged. Nothing was cut; restore the file from its copy.</summary>
    Damaged,

    /// <summary>Another process has the journal open.</summary>
    InUse,
}

/// <summary>The journal cannot be used.</summary>
public sealed class JournalException(JournalFault fault, string message, Exception? inner = null) : IOException(message, inner)
{
    public JournalFault Fault { get; } = fault;
}
