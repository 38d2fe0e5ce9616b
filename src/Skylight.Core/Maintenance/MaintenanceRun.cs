using Skylight.Archive.Sealing;
using Skylight.Core.Integrity;

namespace Skylight.Core.Maintenance;

/// <summary>
/// Long work over an institution's archive that goes on in steps: what it is, how far it has got, and what it has found. A document of type
/// <c>maintenance</c>. It holds keys and counts, never personal data.
/// </summary>
public sealed record MaintenanceRun
{
    public const string Type = "maintenance";

    /// <summary>Findings that are kept; <see cref="Errors"/> counts all.</summary>
    public const int MaxFindings = 200;

    public int V { get; init; } = 1;

    public required string Id { get; init; }

    public required string Institution { get; init; }

    public required MaintenanceKind Kind { get; init; }

    /// <summary>Stands for the Idempotency-Key that it was asked for with; null without one.</summary>
    public string? Key { get; init; }

    public MaintenanceState State { get; init; } = MaintenanceState.Running;

    /// <summary>Counts the times it was started or resumed: each is an orchestration of its own.</summary>
    public int Attempt { get; init; } = 1;

    /// <summary>Of a verification.</summary>
    public VerifyDepth Depth { get; init; }

    /// <summary>Of a re-encryption: the cipher that everything is sealed with afterwards.</summary>
    public SealAlgorithm Algorithm { get; init; } = SealAlgorithm.Aes256Gcm;

    /// <summary>Of a re-encryption: true gives every study a new key first (a key may have become known); false changes the cipher alone.</summary>
    public bool NewKeys { get; init; }

    /// <summary>Of a key rotation: the version that everything is wrapped by afterwards.</summary>
    public string? Target { get; init; }

    /// <summary>Where the next step goes on; null at the beginning.</summary>
    public string? Cursor { get; init; }

    /// <summary>Studies or key records looked at.</summary>
    public long Done { get; init; }

    /// <summary>Those that were changed.</summary>
    public long Changed { get; init; }

    /// <summary>Those that could not be changed now and have to be asked for again.</summary>
    public long Waiting { get; init; }

    /// <summary>Bytes read and authenticated.</summary>
    public long Bytes { get; init; }

    /// <summary>Of a verification: archived packs of which only the length could be compared.</summary>
    public long NotRead { get; init; }

    /// <summary>Their plaintext bytes.</summary>
    public long NotReadBytes { get; init; }

    public long Errors { get; init; }

    public IReadOnlyList<VerifyFinding> Findings { get; init; } = [];

    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>Account that started it.</summary>
    public required string StartedBy { get; init; }

    public DateTimeOffset UpdatedAt { get; init; }

    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>The orchestration that carries it out.</summary>
    public string InstanceId() => $"maintenance-{Institution}-{Id}-{Attempt}";

    /// <summary>With one more thing found.</summary>
    internal MaintenanceRun With(VerifyFinding finding) => this with
    {
        Errors = Errors + (finding.IsError ? 1 : 0),
        Findings = Findings.Count < MaxFindings ? [.. Findings, finding] : Findings,
    };
}

public enum MaintenanceKind
{
    /// <summary>A new version of the institution's key-encryption key; every key record wrapped by it.</summary>
    KeyRotation,

    /// <summary>Every study sealed anew, under a new key or with another cipher.</summary>
    Reencryption,

    /// <summary>Every study verified.</summary>
    Verification,
}

public enum MaintenanceState
{
    Running,

    /// <summary>Halted by an administrator; resuming goes on where it was.</summary>
    Paused,
    Completed,

    /// <summary>A step failed at every attempt; resuming tries again from there.</summary>
    Failed,
}
