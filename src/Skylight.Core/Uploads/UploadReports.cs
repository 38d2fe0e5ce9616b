using Skylight.Core.Documents;

namespace Skylight.Core.Uploads;

/// <summary>
/// The ingest report of an upload session, written in parts and added up when read. A part belongs to one batch; writing a batch again
/// replaces its part, so a repeated activity changes nothing.
/// </summary>
public sealed class UploadReports(IDocuments documents, TimeProvider time)
{
    private const string Type = "upload-report";

    /// <summary>Keeps a page well under the 256 KB of a document, however long its texts are.</summary>
    private const int PageBytes = 100_000;

    /// <summary>Writes the part of ingest batch <paramref name="batch"/> (0-based, as in <see cref="UploadContent.GetBatchAsync"/>).</summary>
    public ValueTask WriteAsync(string institution, string uploadId, int batch, UploadReportPart part, CancellationToken cancellationToken) =>
        WriteAsync(institution, uploadId, $"{batch:D6}", part, cancellationToken);

    /// <summary>The report so far: counts of the parts written, rejected items in the order of batches, studies in the order of their UIDs.</summary>
    public async ValueTask<UploadReport> ReadAsync(string institution, string uploadId, CancellationToken cancellationToken)
    {
        var sum = new UploadReport();
        var rejected = new List<RejectedItem>();
        var studies = new SortedDictionary<string, Dictionary<string, int>>(StringComparer.Ordinal);
        string? continuation = null;
        var pages = 0;
        do
        {
            var page = await documents.ListAsync<ReportPage>(institution, Type, uploadId, 100, continuation, cancellationToken);
            foreach (var (id, _, value) in page.Items.Select(i => (i.Id, i.ETag, i.Value)))
            {
                // Page 0 says how many pages its part has; what lies beyond is left over from an earlier, longer writing.
                var number = int.Parse(id[^4..], System.Globalization.CultureInfo.InvariantCulture);
                if (number == 0) pages = value.Pages;
                if (number >= pages) continue;
                if (number == 0)
                {
                    sum = sum with
                    {
                        Received = sum.Received + value.Received,
                        Stored = sum.Stored + value.Stored,
                        Duplicates = sum.Duplicates + value.Duplicates,
                        Revisions = sum.Revisions + value.Revisions,
                        Held = sum.Held + value.Held,
                        Ignored = sum.Ignored + value.Ignored,
                    };
                }

                rejected.AddRange(value.Rejected);
                foreach (var (study, series, instances) in value.Series)
                {
                    if (!studies.TryGetValue(study, out var known)) studies[study] = known = new Dictionary<string, int>(StringComparer.Ordinal);
                    known[series] = known.GetValueOrDefault(series) + instances;
                }
            }

            continuation = page.Continuation;
        }
        while (continuation is not null);
        return sum with
        {
            Rejected = rejected,
            Studies = [.. studies.Select(s => new ReportedStudy(s.Key, s.Value.Count, s.Value.Values.Sum()))],
        };
    }

    /// <summary>Takes a study out of what reports of an institution said of it before a moment; answers the uploads whose reports named it.</summary>
    public async ValueTask<IReadOnlyCollection<string>> ForgetAsync(string institution, string studyInstanceUid, DateTimeOffset before, CancellationToken cancellationToken)
    {
        var uploads = new HashSet<string>(StringComparer.Ordinal);
        string? continuation = null;
        do
        {
            var page = await documents.ListAsync<ReportPage>(institution, Type, null, 100, continuation, cancellationToken);
            foreach (var item in page.Items.Where(item => !(item.Value.At >= before) && item.Value.Series.Any(series => series.StudyInstanceUid == studyInstanceUid)))
            {
                var uploadId = item.Id[..item.Id.IndexOf('.', StringComparison.Ordinal)];
                uploads.Add(uploadId);
                var rest = item.Value with { Series = [.. item.Value.Series.Where(series => series.StudyInstanceUid != studyInstanceUid)] };
                await documents.PutAsync(new DocumentKey(institution, Type, item.Id), rest, Match.Any, [uploadId], cancellationToken);
            }

            continuation = page.Continuation;
        }
        while (continuation is not null);
        return uploads;
    }

    internal async ValueTask WriteAsync(string institution, string uploadId, string batch, UploadReportPart part, CancellationToken cancellationToken)
    {
        var pages = new List<ReportPage>();
        var rejected = new List<RejectedItem>();
        var series = new List<SeriesCount>();
        var bytes = 0;
        foreach (var item in part.Rejected)
        {
            bytes += 60 + 3 * (item.Name.Length + item.Code.Length + item.Reason.Length);
            rejected.Add(item);
            Cut();
        }

        foreach (var item in part.Series)
        {
            bytes += 60 + item.StudyInstanceUid.Length + item.SeriesInstanceUid.Length;
            series.Add(item);
            Cut();
        }

        pages.Add(new ReportPage { Rejected = rejected, Series = series });
        var now = time.GetUtcNow();
        pages[0] = pages[0] with
        {
            Pages = pages.Count,
            Received = part.Received,
            Stored = part.Stored,
            Duplicates = part.Duplicates,
            Revisions = part.Revisions,
            Held = part.Held,
            Ignored = part.Ignored,
        };
        // The first page last: it makes the others count.
        for (var i = pages.Count - 1; i >= 0; i--)
            await documents.PutAsync(new DocumentKey(institution, Type, $"{uploadId}.{batch}.{i:D4}"), pages[i] with { At = now }, Match.Any, [uploadId], cancellationToken);

        void Cut()
        {
            if (bytes < PageBytes) return;
            pages.Add(new ReportPage { Rejected = rejected, Series = series });
            (rejected, series, bytes) = ([], [], 0);
        }
    }

    private sealed record ReportPage
    {
        public int V { get; init; } = 1;
        public int Pages { get; init; }

        /// <summary>When it was written, after the commit that it reports; null of an earlier version.</summary>
        public DateTimeOffset? At { get; init; }
        public int Received { get; init; }
        public int Stored { get; init; }
        public int Duplicates { get; init; }
        public int Revisions { get; init; }
        public int Held { get; init; }
        public int Ignored { get; init; }
        public IReadOnlyList<RejectedItem> Rejected { get; init; } = [];
        public IReadOnlyList<SeriesCount> Series { get; init; } = [];
    }
}

/// <summary>
/// What one ingest batch came to. <see cref="Received"/> counts files found, archives opened; the other counts and the rejected items add up to it.
/// </summary>
public sealed record UploadReportPart
{
    public int Received { get; init; }
    public int Stored { get; init; }
    public int Duplicates { get; init; }
    public int Revisions { get; init; }
    public int Held { get; init; }

    /// <summary>Files that are no instances and need not be: DICOMDIR, viewers on a disc, a directory's own files.</summary>
    public int Ignored { get; init; }
    public IReadOnlyList<RejectedItem> Rejected { get; init; } = [];

    /// <summary>One entry per series touched, with the instances of this batch that the archive now holds (stored, duplicate, revision).</summary>
    public IReadOnlyList<SeriesCount> Series { get; init; } = [];
}

/// <param name="Name">Path in the manifest where there is one, else the blob's name; inside an archive <c>archive!/entry</c>.</param>
/// <param name="Code">Stable code, lower-case with hyphens.</param>
/// <param name="Reason">One English sentence, without values of the data set.</param>
public sealed record RejectedItem(string Name, string Code, string Reason);

public sealed record SeriesCount(string StudyInstanceUid, string SeriesInstanceUid, int Instances);

/// <summary>The whole report, as the API shows it.</summary>
public sealed record UploadReport
{
    public int Received { get; init; }
    public int Stored { get; init; }
    public int Duplicates { get; init; }
    public int Revisions { get; init; }
    public int Held { get; init; }
    public int Ignored { get; init; }
    public IReadOnlyList<RejectedItem> Rejected { get; init; } = [];
    public IReadOnlyList<ReportedStudy> Studies { get; init; } = [];
}

public sealed record ReportedStudy(string StudyInstanceUid, int Series, int Instances);
