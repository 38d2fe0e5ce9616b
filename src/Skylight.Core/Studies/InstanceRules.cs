using Skylight.Core.Catalog;
using Skylight.Core.Ingest;

namespace Skylight.Core.Studies;

/// <summary>The content of an instance that has arrived, as far as identity goes.</summary>
/// <param name="Accepted">A technician has decided that this content is right: it becomes current whatever is there.</param>
/// <param name="EncodedPixelDigest">Of decoded content, the digest of its fragments too: what was stored without decoding is compared by that.</param>
public readonly record struct IncomingInstance(
    string StudyKey, string SeriesKey, byte[] DatasetDigest, byte[] PixelDigest, string PixelDigestKind, SourceTrust Trust, bool Accepted = false, byte[]? EncodedPixelDigest = null)
{
    /// <summary>The same pixels as a row's, as far as their digests can be compared; null where they cannot.</summary>
    public bool? HasPixelsOf(InstanceIndexRow row)
    {
        // Stored values are stored values, native or decoded. What differs across that border may be a matter of unused bits or planes, which a codec does not keep.
        if (row.PixelDigestKind == PixelDigestKind) return row.PixelDigest.AsSpan().SequenceEqual(PixelDigest) ? true : PixelDigestKind == "encoded" ? null : false;
        if ((row.PixelDigestKind, PixelDigestKind) is ("native", "decoded") or ("decoded", "native")) return row.PixelDigest.AsSpan().SequenceEqual(PixelDigest) ? true : null;
        return row.PixelDigestKind == "encoded" && EncodedPixelDigest is { } encoded && row.PixelDigest.AsSpan().SequenceEqual(encoded) ? true : null;
    }

    /// <summary>The same content as a row's: dataset and pixels.</summary>
    public bool HasContentOf(InstanceIndexRow row) => row.DatasetDigest.AsSpan().SequenceEqual(DatasetDigest) && HasPixelsOf(row) == true;
}

/// <summary>What identity says about an instance that has arrived.</summary>
/// <param name="Existing">The row of the same content, for duplicates and for what is held or was rejected before.</param>
/// <param name="Replaces">The row that stops being current.</param>
/// <param name="Revision">Number of the new revision; 0 when nothing is added or it is held.</param>
/// <param name="Current">Whether the new revision is the one that is served.</param>
/// <param name="Releases">The same content was held in this study until now.</param>
public sealed record InstanceDecision(
    OutcomeKind Kind, IngestReason? Reason, InstanceIndexRow? Existing, InstanceIndexRow? Replaces, int Revision, bool Current, bool Releases = false)
{
    /// <summary>Frames of the revision that it replaces; null where that is not known, and taken to be as many.</summary>
    public int? ReplacedFrames { get; init; }
}

/// <summary>
/// Identity of instances, one pure function. The same UID with both digests equal is a duplicate. Equal pixels with other attributes are a new
/// revision, and the better (of equal ones, the later) source's is current. Anything else under a known UID is held: both are kept, neither is lost.
/// </summary>
public static class InstanceRules
{
    /// <param name="rows">All index rows of the SOP Instance UID in the institution, with those of the same batch before it.</param>
    public static InstanceDecision Decide(IncomingInstance incoming, IReadOnlyList<InstanceIndexRow> rows)
    {
        var same = rows.FirstOrDefault(row => row.StudyKey == incoming.StudyKey && row.State != InstanceState.Deleted && incoming.HasContentOf(row));
        if (same is { State: InstanceState.Current } || (same is { State: InstanceState.Superseded } && !incoming.Accepted))
            return new InstanceDecision(OutcomeKind.Duplicate, null, same, null, 0, false);

        if (!incoming.Accepted && RefusedBefore(incoming, rows) is { } refusal) return new InstanceDecision(OutcomeKind.Rejected, IngestReasons.InstanceDeleted, refusal, null, 0, false);

        var current = rows.FirstOrDefault(row => row.StudyKey == incoming.StudyKey && row.State == InstanceState.Current);
        var next = 1 + rows.Where(row => row.StudyKey == incoming.StudyKey).Select(row => row.Revision).DefaultIfEmpty(0).Max();
        if (incoming.Accepted)
            return new InstanceDecision(current is null ? OutcomeKind.Stored : OutcomeKind.Revision, null, null, current, next, true, same is { State: InstanceState.Held });
        if (same is { State: InstanceState.Held }) return new InstanceDecision(OutcomeKind.Held, HeldReason(incoming, rows, current), same, null, 0, false);
        // It is here already, hidden: whoever deleted it can bring it back, a sender cannot.
        if (same is { State: InstanceState.Hidden }) return new InstanceDecision(OutcomeKind.Rejected, IngestReasons.InstanceDeleted, same, null, 0, false);
        if (same is { State: InstanceState.Rejected }) return new InstanceDecision(OutcomeKind.Rejected, IngestReasons.RejectedBefore, same, null, 0, false);

        if (HeldReason(incoming, rows, current) is { } reason) return new InstanceDecision(OutcomeKind.Held, reason, null, null, 0, false);
        if (current is null) return new InstanceDecision(OutcomeKind.Stored, null, null, null, next, true);
        var wins = incoming.Trust >= current.Trust;
        return new InstanceDecision(OutcomeKind.Revision, null, null, wins ? current : null, next, wins);
    }

    /// <summary>What would be decided had the content not been held before.</summary>
    /// <param name="held">The row of the same content, held.</param>
    public static InstanceDecision DecideWithout(InstanceIndexRow held, IncomingInstance incoming, IReadOnlyList<InstanceIndexRow> rows) =>
        Decide(incoming, [.. rows.Where(row => row != held)]) is { Kind: OutcomeKind.Stored or OutcomeKind.Revision } free ? free with { Releases = true } : Decide(incoming, rows);

    /// <summary>The row by which a rejection note that came before any content of the UID refuses it; null where the study has, or had, content of it.</summary>
    private static InstanceIndexRow? RefusedBefore(IncomingInstance incoming, IReadOnlyList<InstanceIndexRow> rows) =>
        rows.FirstOrDefault(row => row.State == InstanceState.Refused) is { } refusal
        && !rows.Any(row => row.StudyKey == incoming.StudyKey && row.State is not (InstanceState.Refused or InstanceState.Deleted)) ? refusal : null;

    /// <summary>Why it cannot simply be stored or become a revision; null when it can.</summary>
    private static IngestReason? HeldReason(IncomingInstance incoming, IReadOnlyList<InstanceIndexRow> rows, InstanceIndexRow? current)
    {
        if (rows.Any(row => row.StudyKey != incoming.StudyKey && row.State == InstanceState.Current)) return IngestReasons.OtherStudy;
        if (current is null) return rows.Any(row => row.StudyKey == incoming.StudyKey && row.State == InstanceState.Hidden) ? IngestReasons.InstanceDeleted : null;
        if (current.SeriesKey != incoming.SeriesKey) return IngestReasons.OtherStudy;
        return incoming.HasPixelsOf(current) switch
        {
            true => null,
            false => IngestReasons.PixelsDiffer,
            null => IngestReasons.NotComparable,
        };
    }
}
