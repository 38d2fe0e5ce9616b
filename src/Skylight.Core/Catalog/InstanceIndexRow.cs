namespace Skylight.Core.Catalog;

/// <summary>
/// One line of the instance index: one content that an institution has received under a SOP Instance UID. A UID has one <see cref="InstanceState.Current"/>
/// row, and more rows when it has superseded revisions, or contents that are held. Its identity is (institution, UID, study key, dataset digest, pixel digest).
/// </summary>
public sealed record InstanceIndexRow
{
    public required string SopInstanceUid { get; init; }

    public required string SopClassUid { get; init; }

    public required string StudyKey { get; init; }

    public required string SeriesKey { get; init; }

    /// <summary>SHA-256 of the dataset without group 0002, group lengths and pixel data.</summary>
    public required byte[] DatasetDigest { get; init; }

    /// <summary>Digest of the pixel data; empty where there is none.</summary>
    public required byte[] PixelDigest { get; init; }

    /// <summary>"none", "native", "encoded" or "decoded": what <see cref="PixelDigest"/> was taken over. Equal "native" and "decoded" ones are the same pixels.</summary>
    public required string PixelDigestKind { get; init; }

    /// <summary>SHA-256 of the file as received.</summary>
    public required byte[] FileSha256 { get; init; }

    /// <summary>1 for the first content of the UID, then counting up; 0 while held.</summary>
    public int Revision { get; init; }

    public SourceTrust Trust { get; init; }

    public InstanceState State { get; init; }

    /// <summary>Identifies the batch that stored it, so that the batch, repeated after a crash, reports it as its own and not as a duplicate. 0 for none.</summary>
    public long Origin { get; init; }

    /// <summary>The intake item of a held or rejected content, or the deletion of a hidden one.</summary>
    public string? ItemId { get; init; }

    /// <summary>Same content: both digests agree.</summary>
    public bool SameContent(ReadOnlySpan<byte> datasetDigest, ReadOnlySpan<byte> pixelDigest, string pixelDigestKind) =>
        PixelDigestKind == pixelDigestKind && DatasetDigest.AsSpan().SequenceEqual(datasetDigest) && PixelDigest.AsSpan().SequenceEqual(pixelDigest);
}

public enum InstanceState
{
    /// <summary>What QIDO, WADO, DIMSE, export and AI see.</summary>
    Current,

    /// <summary>An earlier or less trusted revision; reachable in the history only.</summary>
    Superseded,

    /// <summary>Kept, not served, waiting for a technician.</summary>
    Held,

    /// <summary>A technician refused it.</summary>
    Rejected,

    /// <summary>Erased, or removed with its study. The UID is free again.</summary>
    Deleted,

    /// <summary>Deleted or rejected by a user, and kept until it is erased: not served, and not simply taken in again. <see cref="InstanceIndexRow.ItemId"/> names the deletion.</summary>
    Hidden,

    /// <summary>
    /// Not here: a rejection note of this study names the UID, and came before any content of it. What arrives under it is refused. <see cref="InstanceIndexRow.ItemId"/>
    /// names the deletion; the digest is that of the note's UID.
    /// </summary>
    Refused,
}
