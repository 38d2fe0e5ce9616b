using System.Globalization;
using System.Security.Cryptography;

namespace Skylight.Core.Audit;

/// <summary>One stored entry as it lies in the store.</summary>
public readonly record struct StoredAuditEntry(long Sequence, byte[] Previous, byte[] Body, byte[] Hash, byte[] Mac);

/// <summary>Where a chain ended at some time. Text form <c>sequence:hash</c>.</summary>
public readonly record struct AuditHead(long Sequence, string Hash)
{
    public static bool TryParse(string? text, out AuditHead head)
    {
        head = default;
        if (text?.Split(':') is not [var number, { Length: 64 } hash] || !long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var sequence)) return false;
        head = new(sequence, hash.ToLowerInvariant());
        return true;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Sequence}:{Hash}");
}

/// <summary>Values of an entry that the store keeps beside its body, to search by.</summary>
/// <param name="At">Milliseconds since 1970.</param>
public sealed record AuditColumns(long At, string? PatientKey, string? StudyKey, string? Actor);

/// <summary>Checks a chain entry by entry, in order of sequence, and then against the anchors.</summary>
public sealed class ChainVerifier(string institution, byte[] key, IReadOnlyList<AuditAnchor> anchors, AuditHead? expectedHead)
{
    private const int MaxFindings = 100;
    private readonly List<AuditFinding> _findings = [];
    private readonly Dictionary<long, string> _anchored = Known(institution, key, anchors, expectedHead);
    private byte[] _previous = AuditChain.Zero.ToArray();
    private long _sequence;
    private long _entries;
    private long _waiting;

    /// <param name="columns">What the store searches by; it must agree with the entry.</param>
    public void Add(StoredAuditEntry entry, AuditColumns columns)
    {
        _entries++;
        if (entry.Sequence != _sequence + 1) Find(_sequence + 1, "removed", $"entries {_sequence + 1} to {entry.Sequence - 1} are missing");
        else if (!Same(entry.Previous, _previous)) Find(entry.Sequence, "reordered", "it does not follow the entry before it");
        if (!Same(AuditChain.Hash(entry.Previous, institution, entry.Sequence, entry.Body), entry.Hash)) Find(entry.Sequence, "changed", "its content is not what was recorded");
        else if (!Same(AuditChain.Mac(key, entry.Hash), entry.Mac)) Find(entry.Sequence, "forged", "it was not written with the audit key");
        else if (!Agrees(entry.Body, columns)) Find(entry.Sequence, "changed", "what it is found by is not what was recorded");
        if (_anchored.Remove(entry.Sequence, out var anchored) && anchored != Convert.ToHexStringLower(entry.Hash))
            Find(entry.Sequence, "truncated", "another entry was anchored here: the end of the trail was cut off and written anew");
        (_sequence, _previous) = (entry.Sequence, entry.Hash);
    }

    /// <summary>The next entry as it waits in a journal, which has its content alone: its place and its hash follow from the entries before it.</summary>
    public void AddWaiting(byte[] body)
    {
        var (sequence, content) = (_sequence + 1, AuditChain.Decode(body));
        var hash = AuditChain.Hash(_previous, institution, sequence, body);
        Add(new StoredAuditEntry(sequence, _previous, body, hash, AuditChain.Mac(key, hash)), new AuditColumns(content.At.ToUnixTimeMilliseconds(), content.PatientKey, content.StudyKey, content.Actor));
        _waiting++;
    }

    /// <summary>What should follow the entries so far is not there.</summary>
    public void Missing(string detail) => Find(_sequence + 1, "removed", detail);

    public AuditVerification Complete()
    {
        foreach (var anchor in anchors.Where(a => a.Institution != institution || !a.IsGenuine(key)))
            Find(anchor.Sequence, "anchor-invalid", "an anchor was not written with the audit key");
        if (_anchored.Count > 0)
        {
            var last = _anchored.Keys.Max();
            Find(_sequence + 1, "truncated", $"the trail ends at {_sequence}, but entry {last} was anchored or kept");
        }

        var newest = anchors.MaxBy(a => a.Sequence);
        return new(
            institution, _entries, _sequence == 0 ? null : new AuditHead(_sequence, Convert.ToHexStringLower(_previous)).ToString(), newest is null ? null : new AuditHead(newest.Sequence, newest.Hash).ToString(), _findings)
        {
            InJournal = _waiting,
        };
    }

    /// <summary>Heads that must be found in the chain: the genuine anchors and the one that the caller kept.</summary>
    private static Dictionary<long, string> Known(string institution, byte[] key, IEnumerable<AuditAnchor> anchors, AuditHead? expected)
    {
        var result = new Dictionary<long, string>();
        if (expected is { } kept) result.Add(kept.Sequence, kept.Hash);
        foreach (var anchor in anchors.Where(a => a.Institution == institution && a.IsGenuine(key))) result.TryAdd(anchor.Sequence, anchor.Hash);
        return result;
    }

    private void Find(long sequence, string code, string detail)
    {
        if (_findings.Count < MaxFindings) _findings.Add(new(sequence, code, detail));
    }

    private static bool Agrees(byte[] body, AuditColumns columns)
    {
        var recorded = AuditChain.Decode(body);
        return columns == new AuditColumns(recorded.At.ToUnixTimeMilliseconds(), recorded.PatientKey, recorded.StudyKey, recorded.Actor);
    }

    private static bool Same(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b) => CryptographicOperations.FixedTimeEquals(a, b);
}
