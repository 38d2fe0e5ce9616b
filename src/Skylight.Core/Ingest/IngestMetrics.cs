using System.Diagnostics.Metrics;

namespace Skylight.Core.Ingest;

/// <summary>What ingest counts: files by outcome, and bytes taken in. Meter <c>Skylight.Ingest</c>.</summary>
public sealed class IngestMetrics
{
    private readonly Counter<long> _files;
    private readonly Counter<long> _bytes;

    public IngestMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("Skylight.Ingest");
        _files = meter.CreateCounter<long>("skylight.ingest.files", "{file}", "Files found, by what became of them.");
        _bytes = meter.CreateCounter<long>("skylight.ingest.bytes", "By", "Bytes of instances and revisions stored.");
    }

    internal void Count(IReadOnlyList<FileOutcome> files)
    {
        foreach (var kind in files.CountBy(file => file.Kind)) _files.Add(kind.Value, new KeyValuePair<string, object?>("outcome", Name(kind.Key)));
        _bytes.Add(files.Where(file => file.Kind is OutcomeKind.Stored or OutcomeKind.Revision).Sum(file => file.Length));
    }

    private static string Name(OutcomeKind kind) => kind switch
    {
        OutcomeKind.Stored => "stored",
        OutcomeKind.Duplicate => "duplicate",
        OutcomeKind.Revision => "revision",
        OutcomeKind.Held => "held",
        OutcomeKind.Ignored => "ignored",
        OutcomeKind.Rejected => "rejected",
        _ => "opened",
    };
}
