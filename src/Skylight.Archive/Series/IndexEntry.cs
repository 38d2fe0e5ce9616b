using Skylight.Archive.Sealing;

namespace Skylight.Archive.Series;

/// <summary>What a series index says about one revision of one instance: where its bytes lie, what they are, and what searches need of it.</summary>
public sealed record IndexEntry
{
    public required string SopInstanceUid { get; init; }

    public required string SopClassUid { get; init; }

    /// <summary>Transfer syntax of the stored bytes.</summary>
    public required string TransferSyntaxUid { get; init; }

    /// <summary>The pack that holds the bytes.</summary>
    public required SealedReference Pack { get; init; }

    /// <summary>Where it begins in the pack's plaintext.</summary>
    public required long Offset { get; init; }

    /// <summary>Bytes of the file as received.</summary>
    public required long Length { get; init; }

    /// <summary>Bytes that the file takes in the pack where a policy has compressed it; 0 where its bytes lie there as they were received.</summary>
    public long CodedLength { get; init; }

    /// <summary>Number of the codec that was tried and did not pay; 0 where none was.</summary>
    public int CodingTried { get; init; }

    /// <summary>Bytes that it takes in the pack, from <see cref="Offset"/> on.</summary>
    public long StoredLength => CodedLength > 0 ? CodedLength : Length;

    /// <summary>Where the dataset begins within the file: after preamble, magic and File Meta.</summary>
    public long DatasetOffset { get; init; }

    /// <summary>SHA-256 of the file as received.</summary>
    public required byte[] FileSha256 { get; init; }

    /// <summary>Digest of the dataset without group 0002, group lengths and pixel data.</summary>
    public required byte[] DatasetDigest { get; init; }

    /// <summary>Digest of the pixel data; empty where there is none.</summary>
    public byte[] PixelDigest { get; init; } = [];

    /// <summary>What <see cref="PixelDigest"/> was taken over: none, native, encoded, decoded.</summary>
    public string PixelDigestKind { get; init; } = "none";

    /// <summary>Frame table in the DICOM library's compact form (ranges within the file); empty where there are no frames.</summary>
    public byte[] FrameTable { get; init; } = [];

    /// <summary>1 for the first content of the UID, then counting up; 0 while held.</summary>
    public int Revision { get; init; }

    /// <summary>Set by the commit that made this revision the one that is served. The last entry of a UID that says so wins.</summary>
    public bool Current { get; init; }

    /// <summary>How far the source is trusted: the catalog's number.</summary>
    public int Trust { get; init; }

    public EntryState State { get; init; }

    /// <summary>When it arrived (UTC, whole microseconds).</summary>
    public DateTimeOffset ReceivedAt { get; init; }

    /// <summary>Instance Number (0020,0013); null where absent.</summary>
    public int? InstanceNumber { get; init; }

    public int Rows { get; init; }

    public int Columns { get; init; }

    public int BitsAllocated { get; init; }

    /// <summary>Frames; 0 without pixel data.</summary>
    public int Frames { get; init; }

    /// <summary>The most parts that one commit of a study may bring: more would not fit beside the revision, and the order of a catalog made again would be lost.</summary>
    public const int MostPlaces = ushort.MaxValue;

    /// <summary>
    /// Orders what commits have said about a study, so that its document can be made again from its objects alone: the document's revision times 65,536, plus
    /// the place within the commit (<see cref="CommitOf"/>). 0 in indexes written before there was such a number.
    /// </summary>
    public ulong Commit { get; init; }

    /// <summary>The number of a commit: of the study document's revision that it makes, and the part's place within it, 0 for a change of states and from 1 on for what arrives.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The place is beyond <see cref="MostPlaces"/>. Nothing may be committed then.</exception>
    public static ulong CommitOf(long revision, int place)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(place, MostPlaces);
        return ((ulong)revision << 16) | (uint)place;
    }

    /// <summary><see cref="Commit"/> of its arrival, kept where a change of state has given it another one; else 0.</summary>
    public ulong Arrived { get; init; }

    /// <summary>Place of its arrival among the commits of the study.</summary>
    public ulong Arrival => Arrived > 0 ? Arrived : Commit;

    /// <summary>When the study document was begun that it belongs to (UTC, whole microseconds), by which erasures know their study; null in indexes of before.</summary>
    public DateTimeOffset? StudyCreatedAt { get; init; }

    /// <summary>Id of the deletion that has hidden it; empty while it is not hidden.</summary>
    public string Deletion { get; init; } = "";

    /// <summary>In the first entry of an index object: last part of the name of the metadata object that goes with it. Empty elsewhere, and in indexes of before.</summary>
    public string Metadata { get; init; } = "";

    /// <summary>Key of the study document that this entry belongs to; empty for the study whose folder it lies in.</summary>
    public string Owner { get; init; } = "";

    /// <summary>Further attributes that instance searches answer: UTF-8 DICOM JSON, opaque here; empty where there are none.</summary>
    public byte[] Attributes { get; init; } = [];
}

/// <summary>State of one revision. The number is part of the format.</summary>
public enum EntryState
{
    Stored = 0,

    /// <summary>Kept, not served, until a technician decides.</summary>
    Held = 1,

    /// <summary>Gone from every answer; its bytes are dropped by the next compaction.</summary>
    Deleted = 2,

    /// <summary>Deleted or rejected by a user: not served, its bytes are kept, and it can be brought back until it is erased.</summary>
    Hidden = 3,
}
