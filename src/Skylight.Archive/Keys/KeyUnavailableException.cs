namespace Skylight.Archive.Keys;

/// <summary>Why a key cannot be had.</summary>
public enum KeyFault
{
    /// <summary>No key record names this key: it was never made here, its record is lost, or it was erased.</summary>
    NoRecord,

    /// <summary>The key-encryption key that wrapped it is not in the key ring or vault.</summary>
    NoKeyEncryptionKey,

    /// <summary>The key-encryption key is there but does not unwrap the record: a different key of the same name, or a damaged record.</summary>
    UnwrapFailed,

    /// <summary>What was unwrapped is not the key that the record names.</summary>
    WrongKey,

    /// <summary>The key record has a version or shape this reader does not accept.</summary>
    BadRecord,

    /// <summary>The vault refuses the key-encryption key: it is disabled, not yet or no longer valid, or this program has no right to it.</summary>
    Refused,

    /// <summary>The vault did not answer, or asks to wait, after all tries. Nothing is wrong with the key.</summary>
    NotReached,

    /// <summary>The second place of key records did not take this record: a key that lies in one place alone is not used for new objects. Nothing is wrong with the key.</summary>
    NotReplicated,
}

/// <summary>A key is missing or wrong. The message names the key or key-encryption key, never key material.</summary>
public sealed class KeyUnavailableException(KeyFault fault, string subject, Exception? inner = null)
    : Exception($"{Words(fault)}: {subject}.", inner)
{
    public KeyFault Fault { get; } = fault;

    /// <summary>Whose key it is, where that is known. Not in the message.</summary>
    public (string Institution, string StudyKey)? Owner { get; init; }

    /// <summary>Id of the key that there is no record of; null for other faults.</summary>
    public string? KeyId { get; init; }

    private static string Words(KeyFault fault) => fault switch
    {
        KeyFault.NoRecord => "There is no key record for this key",
        KeyFault.NoKeyEncryptionKey => "The key-encryption key is not in the key ring or vault",
        KeyFault.UnwrapFailed => "The key-encryption key does not unwrap this key record (another key of the same name, or a damaged record)",
        KeyFault.WrongKey => "The key at hand is not the one that is named",
        KeyFault.Refused => "The key vault refuses the key-encryption key (disabled, out of its time, or no permission)",
        KeyFault.NotReached => "The key vault did not answer, or asks to wait",
        KeyFault.NotReplicated => "The second place of key records did not take the record",
        _ => "The key record is of an unsupported version or shape",
    };
}
