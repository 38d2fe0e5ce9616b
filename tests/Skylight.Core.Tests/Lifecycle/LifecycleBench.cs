using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Skylight.Core.Catalog;
using Skylight.Core.Lifecycle;
using Skylight.Core.Retrieve;
using Skylight.Core.Tests.Ingest;

namespace Skylight.Core.Tests.Lifecycle;

/// <summary>Deletion, retention and what readers see, over the real stores.</summary>
internal sealed class LifecycleBench : IAsyncDisposable
{
    public const string By = "hospital-a/records";

    private readonly bool _owns;

    /// <param name="ingest">Shared with another bench, which disposes it; null for one of its own.</param>
    public LifecycleBench(LifecycleOptions? options = null, IngestBench? ingest = null, Func<ICommit, ICommit>? wrapCommit = null)
    {
        Ingest = ingest ?? new IngestBench();
        _owns = ingest is null;
        Options = options ?? new LifecycleOptions();
        var commit = wrapCommit?.Invoke(Ingest.Commit) ?? Ingest.Commit;
        var settings = Microsoft.Extensions.Options.Options.Create(Options);
        Retention = new Retention(Ingest.Catalog, Ingest.Patients, settings);
        Holds = new StudyHolds(Ingest.Catalog, commit, Ingest.Time);
        Deletions = new Deletions(Ingest.Catalog, commit, Ingest.Documents, Ingest.Parts, Ingest.Store, Ingest.Keys, Retention, settings, Ingest.Time);
        Reader = new StudyReader(Ingest.Store, Ingest.Keys, Ingest.Parts, NullLogger<StudyReader>.Instance);
        Retrieval = new Retrieval(Ingest.Catalog, Reader, new Skylight.Core.Tiers.StudyUse(Ingest.Documents, Ingest.Time));
    }

    public IngestBench Ingest { get; }

    public LifecycleOptions Options { get; }

    public Retention Retention { get; }

    public StudyHolds Holds { get; }

    public Deletions Deletions { get; }

    public StudyReader Reader { get; }

    public Retrieval Retrieval { get; }

    public static TestDicom Slice(int number, string series = "1.2.3.1") => TestDicom.Ct(series: series, sop: $"{series}.{number}");

    public Task<DeletionResult> DeleteAsync(string? series = null, string? instance = null, DeletionReason reason = DeletionReason.Unspecified) =>
        Deletions.DeleteAsync(IngestBench.A, new RetrieveTarget("1.2.3", series, instance), reason, By, default);

    /// <summary>UIDs that a retrieval of the study gives; empty when it is missing.</summary>
    public async Task<string[]> ServedAsync(string? series = null) =>
        await Retrieval.FindAsync(IngestBench.A, new RetrieveTarget("1.2.3", series), default) is { } found ? [.. found.Instances.Select(item => item.Entry.SopInstanceUid).Order(StringComparer.Ordinal)] : [];

    /// <summary>The metadata of everything served, as JSON.</summary>
    public async Task<string> MetadataAsync()
    {
        var study = await Ingest.Study();
        var json = new System.Buffers.ArrayBufferWriter<byte>();
        var first = true;
        foreach (var series in study.Series.Where(item => item.Instances > 0))
            first = await Reader.WriteMetadataAsync(study, series, null, _ => null, json, first, _ => ValueTask.CompletedTask, default);
        return $"[{Encoding.UTF8.GetString(json.WrittenSpan)}]";
    }

    public ValueTask DisposeAsync() => _owns ? Ingest.DisposeAsync() : ValueTask.CompletedTask;
}
