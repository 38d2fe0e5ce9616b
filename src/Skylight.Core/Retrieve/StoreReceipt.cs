using Skylight.Core.Ingest;

namespace Skylight.Core.Retrieve;

/// <summary>
/// The Store Instances Response (PS3.18 §10.5.3, §I.2) for what ingest made of a request: which instances are durable, which are not, and why.
/// </summary>
public sealed class StoreReceipt
{
    private readonly List<DicomAttributes> _stored = [];
    private readonly List<DicomAttributes> _failed = [];
    private readonly List<DicomAttributes> _unnamed = [];
    private readonly HashSet<string> _studies = new(StringComparer.Ordinal);
    private bool _warned;

    /// <summary>200 when everything is stored without remark, 202 when something failed or was remarked on, 409 when nothing was stored.</summary>
    public int Status => _stored.Count == 0 ? 409 : _warned || _failed.Count + _unnamed.Count > 0 ? 202 : 200;

    public int Stored => _stored.Count;

    public int Failed => _failed.Count + _unnamed.Count;

    /// <summary>The response as DICOM attributes.</summary>
    public DicomAttributes Attributes { get; private init; } = new();

    public static StoreReceipt Of(IngestReport report, DicomWebUrls urls)
    {
        var receipt = new StoreReceipt();
        foreach (var file in report.Files) receipt.Add(file, urls);
        var attributes = receipt.Attributes;
        if (receipt._studies.Count == 1) attributes.Add(0x00081190, "UR", urls.Study(receipt._studies.First()));
        else attributes.Add(0x00081190, "UR", (string?)null);
        if (receipt._failed.Count > 0) attributes.Add(0x00081198, receipt._failed);
        if (receipt._stored.Count > 0) attributes.Add(0x00081199, receipt._stored);
        if (receipt._unnamed.Count > 0) attributes.Add(0x0008119A, receipt._unnamed);
        return receipt;
    }

    private void Add(FileOutcome file, DicomWebUrls urls)
    {
        if (file.Kind == OutcomeKind.Opened) return;
        if (file is { IsSuccess: true, StudyInstanceUid: { } study, SeriesInstanceUid: { } series, SopInstanceUid: { } instance })
        {
            _studies.Add(study);
            var item = Reference(file).Add(0x00081190, "UR", urls.Instance(study, series, instance));
            if (file.Findings.Count > 0)
            {
                // Data Set does not match SOP Class: stored as it is, with something in it that does not conform.
                item.Add(0x00081196, "US", 0xB007);
                _warned = true;
            }
            _stored.Add(item);
        }
        else if (file.SopInstanceUid is { Length: > 0 })
        {
            _failed.Add(Reference(file).Add(0x00081197, "US", FailureReason(file)));
        }
        else
        {
            // Without its UIDs an instance can only be counted (PS3.18 table I.2-1, Other Failures Sequence).
            _unnamed.Add(new DicomAttributes().Add(0x00081197, "US", FailureReason(file)));
        }
    }

    private static DicomAttributes Reference(FileOutcome file) =>
        new DicomAttributes().Add(0x00081150, "UI", file.SopClassUid).Add(0x00081155, "UI", file.SopInstanceUid);

    /// <summary>Failure Reason (0008,1197): PS3.18 table I.2-2 and the statuses of PS3.7 annex C that it refers to.</summary>
    private static int FailureReason(FileOutcome file)
    {
        var reason = file.Reason;
        if (reason is null) return 0x0110;
        if (Is(IngestReasons.StorageFull) || Is(IngestReasons.TooLarge) || Is(IngestReasons.HeaderTooLarge)) return 0xA700;
        if (Is(IngestReasons.PixelsDiffer) || Is(IngestReasons.NotComparable) || Is(IngestReasons.OtherStudy) || Is(IngestReasons.RejectedBefore) || Is(IngestReasons.InstanceDeleted)) return 0x0111;
        if (Is(IngestReasons.NotDicom) || Is(IngestReasons.Empty) || Is(IngestReasons.Truncated) || Is(IngestReasons.Malformed)) return 0xC000;
        if (Is(IngestReasons.WrongStudy)) return 0xA901;
        return Is(IngestReasons.MissingIdentity) ? 0xA900 : 0x0110;

        bool Is(IngestReason other) => reason.Code == other.Code;
    }
}
