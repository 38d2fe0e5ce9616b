using System.Buffers;
using Skylight.Archive.Packs;
using Skylight.Archive.Sealing;
using Skylight.Core.Catalog;
using Skylight.Core.Patients;
using Skylight.Core.Quarantine;
using Skylight.Dicom;

namespace Skylight.Core.Ingest;

/// <summary>
/// Files taken in together: one pack, delta index and metadata for each series, one commit for each study. One thread at a time.
/// A batch that is disposed without <see cref="CommitAsync"/> leaves nothing behind. A batch of very many instances (a large archive) is committed in steps.
/// </summary>
public sealed class IngestBatch : IAsyncDisposable
{
    private const int ChunkBytes = 256 * 1024;

    private readonly IngestService _service;
    private readonly IngestContext _context;
    private readonly List<FileOutcome> _outcomes = [];
    private readonly Dictionary<(string Study, string PatientKey, string? Issuer), StudyIntake> _studies = [];
    private readonly List<(IntakeItem Item, SeriesPack Pack, long Offset, long Length)> _quarantined = [];
    private readonly List<Containers.MediaDirectory> _directories = [];
    private SeriesPack? _quarantine;
    private long _clock;
    private int _pending;
    private long _pendingBytes;

    internal IngestBatch(IngestService service, IngestContext context) => (_service, _context) = (service, context);

    internal IngestService Service => _service;

    internal IngestContext Context => _context;

    /// <summary>Completes when <see cref="IngestContext.BeforeCommit"/> has: nothing of the batch becomes durable before.</summary>
    internal Task Recorded { get; private set; } = Task.CompletedTask;

    /// <summary>
    /// Takes in one DICOM file (Part 10, with or without preamble and File Meta). Reads the stream once to its end, in bounded memory.
    /// A bad file becomes a rejected outcome; only failures of storage and of the stream itself are thrown, and then the batch can only be disposed.
    /// </summary>
    public ValueTask AddInstanceAsync(Stream content, IngestName name, CancellationToken cancellationToken) => AddAsync(content, name, null, null, cancellationToken);

    /// <summary>Like <see cref="AddInstanceAsync"/>, but opens archives (ZIP, TAR, gzip) and knows media (DICOMDIR, viewers); each file found has its own outcome.</summary>
    public ValueTask AddFileAsync(Stream content, IngestName name, CancellationToken cancellationToken) =>
        new Containers.FileOpener(this, name).AddAsync(content, cancellationToken);

    /// <summary>DICOMDIRs that came as files of their own: what they name may lie in other batches, so their owner checks it.</summary>
    public IReadOnlyList<Containers.MediaDirectory> MediaDirectories => _directories;

    /// <summary>Adds an outcome that needs no bytes: an opened archive, an ignored file, a blob that is gone.</summary>
    public void AddOutcome(FileOutcome outcome) => _outcomes.Add(outcome);

    /// <summary>Seals what is open, decides about every instance, and commits study by study. Afterwards every outcome in the report is durable.</summary>
    public async Task<IngestReport> CommitAsync(CancellationToken cancellationToken)
    {
        await FlushAsync(cancellationToken);
        _service.Metrics.Count(_outcomes);
        return new IngestReport(_outcomes);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var study in _studies.Values)
            foreach (var pack in study.Packs) await pack.AbandonAsync(_service.Store);
        if (_quarantine is not null) await _quarantine.AbandonAsync(_service.Store);
        _studies.Clear();
        _quarantine = null;
    }

    /// <param name="entry">Path inside an archive.</param>
    /// <param name="release">Set when a technician has released the content.</param>
    internal async ValueTask AddAsync(Stream content, IngestName name, string? entry, IntakeRelease? release, CancellationToken cancellationToken)
    {
        var outcome = _outcomes.Count;
        _outcomes.Add(new FileOutcome { Name = name.Name, Entry = entry, Kind = OutcomeKind.Rejected, Reason = IngestReasons.NotDicom });
        var reception = new Reception(this, outcome, name, release);
        var buffer = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            await reception.ReadAsync(content, buffer, cancellationToken);
        }
        catch (FileRefusedException refused)
        {
            Set(outcome, file => file with { Kind = OutcomeKind.Rejected, Reason = refused.Reason, Length = reception.Length });
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
            reception.Dispose();
        }

        if (_pending >= _service.Options.MaxPendingInstances || _pendingBytes >= _service.Options.MaxPendingBytes) await FlushAsync(cancellationToken);
    }

    internal void AddMediaDirectory(Containers.MediaDirectory directory) => _directories.Add(directory);

    /// <summary>Takes the DICOMDIRs out that were added from <paramref name="start"/> on: those of one archive.</summary>
    internal List<Containers.MediaDirectory> TakeMediaDirectories(int start)
    {
        var taken = _directories.GetRange(start, _directories.Count - start);
        _directories.RemoveRange(start, taken.Count);
        return taken;
    }

    internal FileOutcome Outcome(int index) => _outcomes[index];

    internal void Set(int index, Func<FileOutcome, FileOutcome> change) => _outcomes[index] = change(_outcomes[index]);

    internal void Keep(StudyIntake study, PendingInstance instance)
    {
        study.Pending.Add(instance);
        _pending++;
        _pendingBytes += instance.Facts.Metadata.Length + instance.Facts.FrameTable.Length + 2048;
    }

    /// <summary>Where the bytes of this instance go: chosen before its pixels have come.</summary>
    internal async ValueTask<(StudyIntake Study, SeriesPack Pack)> PlaceAsync(InstanceIdentity identity, IntakeRelease? release, CancellationToken cancellationToken)
    {
        var patientKey = release?.PatientKey ?? await _service.Patients.KeyAsync(_context.Institution, identity.Patient, identity.StudyInstanceUid, cancellationToken);
        var key = (identity.StudyInstanceUid, patientKey, release is { Accepted: true } ? "\n" : identity.Patient.NormalisedIssuer);
        if (!_studies.TryGetValue(key, out var study))
        {
            await EnsureAsync(identity, patientKey, cancellationToken);
            _studies[key] = study = await OpenStudyAsync(identity, patientKey, release, cancellationToken);
        }

        var seriesKey = await _service.SeriesKeyAsync(_context.Institution, identity.SeriesInstanceUid, cancellationToken);
        var pack = study.Packs.LastOrDefault(item => item.IsOpen && item.SeriesKey == seriesKey);
        if (pack is not null && pack.Writer.Position >= _service.Options.PackBytes)
        {
            await CloseAsync(pack, cancellationToken);
            pack = null;
        }

        if (pack is null)
        {
            await MakeRoomAsync(cancellationToken);
            pack = await OpenPackAsync(study.Folder, seriesKey, cancellationToken);
            study.Packs.Add(pack);
        }

        pack.LastUse = ++_clock;
        return (study, pack);
    }

    /// <summary>Where bytes go that nobody can tell the study of.</summary>
    internal async ValueTask<SeriesPack> PlaceUnidentifiedAsync(CancellationToken cancellationToken) =>
        _quarantine ??= await OpenPackAsync(await _service.QuarantineKeyAsync(_context.Institution, cancellationToken), "quarantine", cancellationToken);

    /// <summary>Makes an intake item of bytes that lie in a pack of this batch; it is written once they are durable.</summary>
    internal void Quarantine(IntakeItem item, SeriesPack pack, long offset, long length) =>
        _quarantined.Add((item, pack, offset, length));

    /// <summary>The patient's record. Where it has to be made the study is mostly new as well: then its key is made at the same time, and both share a write.</summary>
    private async ValueTask EnsureAsync(InstanceIdentity identity, string patientKey, CancellationToken cancellationToken)
    {
        var patient = _service.Patients.EnsureAsync(_context.Institution, patientKey, identity.Patient, cancellationToken).AsTask();
        if (!patient.IsCompleted)
        {
            var studyKey = await _service.StudyKeyAsync(_context.Institution, identity.StudyInstanceUid, cancellationToken);
            using var key = await _service.Keys.GetOrCreateAsync(_context.Institution, studyKey, cancellationToken);
        }

        await patient;
    }

    private async Task<StudyIntake> OpenStudyAsync(InstanceIdentity identity, string patientKey, IntakeRelease? release, CancellationToken cancellationToken)
    {
        var institution = _context.Institution;
        var studyKey = await _service.StudyKeyAsync(institution, identity.StudyInstanceUid, cancellationToken);
        var provisionalKey = await _service.ProvisionalKeyAsync(institution, identity.StudyInstanceUid, patientKey, cancellationToken);
        var provisional = release is not { Accepted: true } && await IsForeignAsync(studyKey, identity, patientKey, cancellationToken);
        return new StudyIntake
        {
            StudyInstanceUid = identity.StudyInstanceUid,
            StudyKey = studyKey,
            ProvisionalKey = provisionalKey,
            PatientKey = patientKey,
            Patient = identity.Patient,
            Folder = provisional ? provisionalKey : studyKey,
            IsProvisional = provisional,
        };
    }

    /// <summary>Whether the study belongs to another patient: the stored one, or the first of this batch.</summary>
    private async ValueTask<bool> IsForeignAsync(string studyKey, InstanceIdentity identity, string patientKey, CancellationToken cancellationToken)
    {
        var stored = await _service.Catalog.GetStudyByKeyAsync(_context.Institution, studyKey, cancellationToken);
        var owner = stored?.Value.PatientKey ?? _studies.Values.FirstOrDefault(study => study.StudyKey == studyKey && !study.IsProvisional)?.PatientKey;
        return owner is not null && await _service.Patients.CompareAsync(_context.Institution, owner, identity.Patient, patientKey, cancellationToken) == PatientMatch.Different;
    }

    private async Task<SeriesPack> OpenPackAsync(string folderKey, string seriesKey, CancellationToken cancellationToken)
    {
        using var key = await _service.Keys.GetOrCreateAsync(_context.Institution, folderKey, cancellationToken);
        var writer = PackWriter.Create(_service.Store, SealedName.Folder(_context.Institution, folderKey), key, _service.Seal, _service.Options.SmallPackBytes);
        return new SeriesPack(writer, seriesKey, key.Id);
    }

    private async ValueTask MakeRoomAsync(CancellationToken cancellationToken)
    {
        var open = _studies.Values.SelectMany(study => study.Packs).Where(pack => pack.IsOpen).ToList();
        if (open.Count < _service.Options.MaxOpenPacks) return;
        await CloseAsync(open.MinBy(pack => pack.LastUse)!, cancellationToken);
    }

    private async ValueTask CloseAsync(SeriesPack pack, CancellationToken cancellationToken)
    {
        await pack.CloseAsync(cancellationToken);
        _pendingBytes += pack.Small?.Bytes.Length ?? 0;
    }

    private async Task FlushAsync(CancellationToken cancellationToken)
    {
        // Not awaited here: deciding and sealing go on meanwhile, and every commit waits for it.
        if (_context.BeforeCommit is { } record && (_studies.Count > 0 || _quarantined.Count > 0))
            Recorded = record(_studies.Values.Where(study => study.Pending.Count > 0).Select(study => study.DocumentKey), cancellationToken).AsTask();
        // All begin before one is awaited: on the edge they share a write of the journal.
        await Task.WhenAll(_studies.Values.Where(study => study.Pending.Count > 0).Select(study => _service.Commits.CommitAsync(this, study, cancellationToken)).ToArray());
        await Recorded;
        await FlushQuarantineAsync(cancellationToken);
        await DisposeAsync();
        (_pending, _pendingBytes) = (0, 0);
    }

    /// <summary>Bytes first, then the items that name them. Bytes whose items are there already are not stored again.</summary>
    private async Task FlushQuarantineAsync(CancellationToken cancellationToken)
    {
        foreach (var (item, pack, offset, length) in _quarantined)
        {
            if (await _service.Items.GetAsync(_context.Institution, item.Id, cancellationToken) is not null) continue;
            await pack.CloseAsync(cancellationToken);
            await pack.StoreAsync(_service.Store, cancellationToken);
            await _service.Items.EnsureAsync(item with { Bytes = new StoredBytes(pack.Reference!, offset, length) }, reopen: false, cancellationToken);
        }

        _quarantined.Clear();
    }
}

/// <summary>A technician's decision that lets content in.</summary>
/// <param name="Accepted">It becomes current whatever the institution has under its UIDs; otherwise the rules of identity hold for it as for any file.</param>
/// <param name="PatientKey">The patient it belongs to; null for the one it names.</param>
/// <param name="AllowTruncated">Take it although its end is missing.</param>
/// <param name="StudyInstanceUid">Study UID for content that has none.</param>
internal sealed record IntakeRelease(bool Accepted, string? PatientKey = null, bool AllowTruncated = false, string? StudyInstanceUid = null);
