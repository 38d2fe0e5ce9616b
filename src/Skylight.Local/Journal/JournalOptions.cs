using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;
using Microsoft.Win32.SafeHandles;
using Skylight.Local.Objects;

namespace Skylight.Local.Journal;

/// <summary>Settings of the edge's commit journal, section <c>Skylight:Journal</c>.</summary>
public sealed record JournalOptions
{
    public const string Section = "Skylight:Journal";

    /// <summary>A journal file is closed, and the next begun, once it holds this many bytes. Default 128 MiB.</summary>
    [Range(typeof(long), "4096", "17179869184")]
    public long FileBytes { get; init; } = 128L << 20;

    /// <summary>Closed files are drained at once when together they hold more than this, in bytes; below it draining waits for a quiet moment. Default 1 GiB.</summary>
    [Range(typeof(long), "0", "1099511627776")]
    public long KeepBytes { get; init; } = 1L << 30;

    /// <summary>Objects that may wait in the journal before it is drained at once: each costs about 300 bytes of memory. Default 200,000.</summary>
    [Range(1, 10_000_000)]
    public int KeepObjects { get; init; } = 200_000;

    /// <summary>
    /// Bytes of drained files that are kept open, without a name, for readers of what they carry and a merge has replaced. Past this, replaced objects are moved out like
    /// others. Default 32 GiB; 0 to move them always.
    /// </summary>
    [Range(typeof(long), "0", "1125899906842624")]
    public long HoldBytes { get; init; } = 32L << 30;

    /// <summary>Replaced objects that may be held so: each costs about 60 bytes of memory. Default 500,000.</summary>
    [Range(0, 100_000_000)]
    public int HoldObjects { get; init; } = 500_000;

    /// <summary>Seconds without a commit that count as a quiet moment. Default 15.</summary>
    [Range(1, 86_400)]
    public int QuietSeconds { get; init; } = 15;

    /// <summary>Objects moved out at the same time. Default 4.</summary>
    [Range(1, 64)]
    public int DrainWidth { get; init; } = 4;

    /// <summary>Commits are refused (507 upstream) while the file system has less free space than this, in bytes. Default 1 GiB; 0 for no floor.</summary>
    [Range(typeof(long), "0", "1125899906842624")]
    public long MinFreeBytes { get; init; } = 1L << 30;

    /// <summary>fdatasync; replaced by tests that make it fail.</summary>
    internal Action<SafeFileHandle, string> Sync { get; init; } = LibC.SyncData;
}

[OptionsValidator]
internal sealed partial class JournalOptionsValidator : IValidateOptions<JournalOptions>;
