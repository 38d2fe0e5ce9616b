using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Core.Catalog;
using Skylight.Core.Lifecycle;
using Skylight.Core.Patients;
using Skylight.Core.Quarantine;
using Skylight.Core.Studies;

namespace Skylight.Core.Ingest;

/// <summary>
/// The one way into the archive: used by the activities of <c>IngestV1</c>, by STOW-RS and C-STORE alike. Thread-safe; a batch is not.
/// </summary>
public sealed class IngestService(
    IObjectStore store,
    StudyKeys keys,
    InstitutionSecrets secrets,
    ICatalog catalog,
    ICommit commit,
    StudyParts parts,
    PatientDirectory patients,
    IntakeItems items,
    IngestMetrics metrics,
    IOptions<IngestOptions> options,
    TimeProvider time,
    ILogger<IngestService> logger,
    Rejections? rejections = null)
{
    internal IObjectStore Store => store;

    internal StudyKeys Keys => keys;

    internal ICatalog Catalog => catalog;

    internal ICommit Commit => commit;

    internal StudyParts Parts => parts;

    internal PatientDirectory Patients => patients;

    internal IntakeItems Items => items;

    internal IngestMetrics Metrics => metrics;

    internal IngestOptions Options { get; } = options.Value;

    /// <summary>Carries out rejection notes; null where they are kept like any object.</summary>
    internal Rejections? Rejections => rejections;

    internal InstanceClaims Claims { get; } = new();

    internal StudyCommits Commits { get; } = new();

    internal SealOptions Seal { get; } = SealOptions.Default;

    internal TimeProvider Time => time;

    internal ILogger Logger => logger;

    /// <summary>Opens a batch. Instances added to it are sealed at once, but nothing is visible or promised before <see cref="IngestBatch.CommitAsync"/>.</summary>
    public IngestBatch Open(IngestContext context) => new(this, context);

    /// <summary>How far a source is trusted: by its name in the settings, else not at all.</summary>
    public SourceTrust TrustOf(string source) => Options.TrustedSources.TryGetValue(source, out var trust) ? trust : SourceTrust.Other;

    /// <summary>The key of a study, for whoever has its UID.</summary>
    public ValueTask<string> StudyKeyAsync(string institution, string studyInstanceUid, CancellationToken cancellationToken) =>
        secrets.MakeKeyAsync(institution, "study-key", studyInstanceUid, cancellationToken);

    internal ValueTask<string> SeriesKeyAsync(string institution, string seriesInstanceUid, CancellationToken cancellationToken) =>
        secrets.MakeKeyAsync(institution, "series-key", seriesInstanceUid, cancellationToken);

    /// <summary>The key of the provisional study of a patient who is not the study's.</summary>
    internal ValueTask<string> ProvisionalKeyAsync(string institution, string studyInstanceUid, string patientKey, CancellationToken cancellationToken) =>
        secrets.MakeKeyAsync(institution, "study-key", $"{studyInstanceUid}\n{patientKey}", cancellationToken);

    /// <summary>The folder of bytes that could not be identified.</summary>
    internal ValueTask<string> QuarantineKeyAsync(string institution, CancellationToken cancellationToken) =>
        secrets.MakeKeyAsync(institution, "study-key", "quarantine", cancellationToken);
}
