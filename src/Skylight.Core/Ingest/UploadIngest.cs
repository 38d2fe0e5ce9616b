using System.Collections.Concurrent;
using Skylight.Core.Catalog;
using Skylight.Core.Ingest.Containers;
using Skylight.Core.Uploads;

namespace Skylight.Core.Ingest;

/// <summary>
/// Takes in one batch of an upload session and writes its part of the report: the work of the activities of <c>IngestV1</c>. Repeating a batch
/// changes nothing and reports the same.
/// </summary>
public sealed class UploadIngest(IngestService ingest, UploadContent content, UploadReports reports)
{
    private const int RememberedUploads = 256;

    /// <summary>Whether an upload is a medium with a DICOMDIR, which its manifest's paths tell; asked by each of its batches.</summary>
    private readonly ConcurrentDictionary<string, bool> _media = new(StringComparer.Ordinal);

    /// <summary>Answers how many files were found.</summary>
    /// <exception cref="InvalidOperationException">The session has no such batch.</exception>
    public async Task<int> RunAsync(string institution, string uploadId, int batchNumber, CancellationToken cancellationToken)
    {
        var frozen = await content.FindAsync(institution, uploadId, cancellationToken) ?? throw new InvalidOperationException("The upload session has no frozen content.");
        var blobs = await content.GetBatchAsync(institution, uploadId, batchNumber, cancellationToken);
        var onMedium = await IsMediumAsync(institution, uploadId, frozen.Batches, cancellationToken);
        var source = new IngestSource(frozen.Owner, ingest.TrustOf(frozen.Owner), IngestChannel.Upload);
        await using var batch = ingest.Open(new IngestContext(institution, source, uploadId, null, batchNumber.ToString(System.Globalization.CultureInfo.InvariantCulture)));
        foreach (var blob in blobs) await AddAsync(batch, uploadId, blob, onMedium, cancellationToken);
        foreach (var directory in batch.MediaDirectories) await CheckReferencesAsync(batch, institution, uploadId, frozen.Batches, directory, cancellationToken);
        var report = await batch.CommitAsync(cancellationToken);
        var part = Part(report, blobs.ToDictionary(blob => blob.Name, blob => blob.Label, StringComparer.Ordinal));
        await reports.WriteAsync(institution, uploadId, batchNumber, part, cancellationToken);
        return part.Received;
    }

    private async Task AddAsync(IngestBatch batch, string uploadId, FrozenBlob blob, bool onMedium, CancellationToken cancellationToken)
    {
        if (blob.ExpectedSize is { } size && size != blob.Size)
        {
            Reject(batch, blob, IngestReasons.SizeMismatch);
            return;
        }

        try
        {
            await using var bytes = new FrozenBlobStream(await content.OpenAsync(uploadId, blob, cancellationToken));
            if (blob.ExpectedSha256 is { } digest && !await HasDigestAsync(bytes, digest, cancellationToken))
            {
                Reject(batch, blob, IngestReasons.DigestMismatch);
                return;
            }

            await batch.AddFileAsync(bytes, new IngestName(blob.Name, blob.Path, onMedium), cancellationToken);
        }
        catch (UploadChangedException)
        {
            Reject(batch, blob, IngestReasons.ChangedDuringRead);
        }
        catch (FileRefusedException refused)
        {
            Reject(batch, blob, refused.Reason);
        }
    }

    /// <summary>Reads the blob once for its digest: nothing of a file that is not what the manifest names may be taken, and an archive is taken entry by entry.</summary>
    private static async Task<bool> HasDigestAsync(FrozenBlobStream bytes, string digest, CancellationToken cancellationToken)
    {
        var found = await System.Security.Cryptography.SHA256.HashDataAsync(bytes, cancellationToken);
        bytes.Position = 0;
        return Convert.ToHexStringLower(found) == digest;
    }

    private async ValueTask<bool> IsMediumAsync(string institution, string uploadId, int batches, CancellationToken cancellationToken)
    {
        if (_media.TryGetValue(uploadId, out var known)) return known;
        var isMedium = false;
        for (var i = 0; i < batches && !isMedium; i++)
            isMedium = (await content.GetBatchAsync(institution, uploadId, i, cancellationToken)).Any(blob => MediaFiles.IsDirectory(blob.Label));
        if (_media.Count >= RememberedUploads) _media.Clear();
        return _media[uploadId] = isMedium;
    }

    private async Task CheckReferencesAsync(IngestBatch batch, string institution, string uploadId, int batches, MediaDirectory directory, CancellationToken cancellationToken)
    {
        var paths = new List<string>();
        for (var i = 0; i < batches; i++) paths.AddRange((await content.GetBatchAsync(institution, uploadId, i, cancellationToken)).Select(blob => blob.Label));
        foreach (var missing in directory.MissingFrom(paths))
            batch.AddOutcome(new FileOutcome { Name = $"{MediaFiles.FolderOf(directory.Path)}{missing}", Kind = OutcomeKind.Rejected, Reason = IngestReasons.MissingReference });
    }

    private static void Reject(IngestBatch batch, FrozenBlob blob, IngestReason reason) =>
        batch.AddOutcome(new FileOutcome { Name = blob.Name, Kind = OutcomeKind.Rejected, Reason = reason, Length = blob.Size });

    /// <summary>An opened archive is not counted itself: its entries are.</summary>
    private static UploadReportPart Part(IngestReport report, Dictionary<string, string> labels) => new()
    {
        Received = report.Files.Count - report.Count(OutcomeKind.Opened),
        Stored = report.Count(OutcomeKind.Stored),
        Duplicates = report.Count(OutcomeKind.Duplicate),
        Revisions = report.Count(OutcomeKind.Revision),
        Held = report.Count(OutcomeKind.Held),
        Ignored = report.Count(OutcomeKind.Ignored),
        Rejected = [.. report.Files.Where(file => file.Kind == OutcomeKind.Rejected).Select(file => new RejectedItem(Name(file, labels), file.Reason!.Code, file.Reason.En))],
        Series = [.. report.Files.Where(file => file.IsSuccess).GroupBy(file => (file.StudyInstanceUid, file.SeriesInstanceUid))
            .Select(series => new SeriesCount(series.Key.StudyInstanceUid!, series.Key.SeriesInstanceUid!, series.Select(file => file.SopInstanceUid).Distinct(StringComparer.Ordinal).Count()))],
    };

    private static string Name(FileOutcome file, Dictionary<string, string> labels)
    {
        var label = labels.GetValueOrDefault(file.Name, file.Name);
        return file.Entry is null ? label : $"{label}!/{file.Entry}";
    }
}
