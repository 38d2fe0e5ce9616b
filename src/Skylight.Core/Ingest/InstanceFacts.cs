using Skylight.Core.Catalog;
using Skylight.Core.Lifecycle;
using Skylight.Core.Patients;

namespace Skylight.Core.Ingest;

/// <summary>What ingest keeps of an instance that it has read: everything that its index entry, its metadata and its study document need.</summary>
internal sealed record InstanceFacts
{
    public required InstanceIdentity Identity { get; init; }

    public required string TransferSyntaxUid { get; init; }

    public required long Length { get; init; }

    public required long DatasetOffset { get; init; }

    public required byte[] FileSha256 { get; init; }

    public required byte[] DatasetDigest { get; init; }

    public required byte[] PixelDigest { get; init; }

    public required string PixelDigestKind { get; init; }

    /// <summary>Digest of the fragments where <see cref="PixelDigest"/> is over decoded frames; null elsewhere.</summary>
    public byte[]? EncodedPixelDigest { get; init; }

    public required byte[] FrameTable { get; init; }

    public int? InstanceNumber { get; init; }

    public int Rows { get; init; }

    public int Columns { get; init; }

    public int BitsAllocated { get; init; }

    public int Frames { get; init; }

    public required StudyAttributes Study { get; init; }

    public required SeriesAttributes Series { get; init; }

    /// <summary>DICOM JSON without bulk data, UTF-8.</summary>
    public required byte[] Metadata { get; init; }

    /// <summary>What searches find a structured report by; null for anything else.</summary>
    public ReportContent? Report { get; init; }

    /// <summary>What a rejection note rejects; null for any other object.</summary>
    public RejectionNote? Rejection { get; init; }

    /// <summary>Codes.</summary>
    public IReadOnlyList<string> Findings { get; init; } = [];
}

/// <summary>What the head of a file says it is: enough to choose where its bytes go before the pixels have come.</summary>
internal sealed record InstanceIdentity(string SopClassUid, string SopInstanceUid, string SeriesInstanceUid, string StudyInstanceUid, PatientIdentity Patient);
