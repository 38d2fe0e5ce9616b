using System.Buffers;
using System.Security.Cryptography;
using Skylight.Core.Quarantine;
using Skylight.Dicom;

namespace Skylight.Core.Ingest;

/// <summary>
/// One file on its way in. Its bytes pass once: through the inspector, and, as soon as the header has told the study, into the study's pack. Until then they
/// wait in memory, at most <see cref="IngestOptions.MaxHeaderBytes"/>. A file that fails afterwards has its bytes in the pack already: the item points there.
/// </summary>
internal sealed class Reception : IDisposable
{
    private readonly IngestBatch _batch;
    private readonly int _outcome;
    private readonly IngestName _name;
    private readonly IntakeRelease? _release;
    private readonly InstanceInspector _inspector;
    private readonly ArrayBufferWriter<byte> _head = new();
    private StudyIntake? _study;
    private SeriesPack? _pack;
    private InstanceIdentity? _identity;
    private long _offset;

    public Reception(IngestBatch batch, int outcome, IngestName name, IntakeRelease? release)
    {
        (_batch, _outcome, _name, _release) = (batch, outcome, name, release);
        _inspector = new InstanceInspector(InspectOptions.Default with
        {
            AllowTruncated = release?.AllowTruncated ?? false, DecodeFrames = batch.Service.Options.DecodePixels ? LosslessPixels.Of : null,
        });
    }

    public long Length { get; private set; }

    public void Dispose() => _inspector.Dispose();

    public async Task ReadAsync(Stream content, byte[] buffer, CancellationToken cancellationToken)
    {
        int count;
        while ((count = await content.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken)) > 0)
        {
            Length += count;
            if (Length > _batch.Service.Options.MaxInstanceBytes)
            {
                Reject(IngestReasons.TooLarge, itemId: null);
                return;
            }

            var bytes = buffer.AsMemory(0, count);
            if (Inspect(bytes.Span) is { } reason || (reason = await PlaceAsync(bytes, complete: false, cancellationToken)) is not null)
            {
                await QuarantineAsync(reason, bytes, content, buffer, cancellationToken);
                return;
            }
        }

        if (Length == 0)
        {
            Reject(IngestReasons.Empty, itemId: null);
            return;
        }

        await FinishAsync(content, buffer, cancellationToken);
    }

    private IngestReason? Inspect(ReadOnlySpan<byte> bytes)
    {
        try
        {
            _inspector.Append(bytes);
            return null;
        }
        catch (DicomFormatException error)
        {
            return ReasonOf(error);
        }
    }

    /// <summary>Sends the bytes to the study's pack, or keeps them while the study is not known. A reason when it cannot be.</summary>
    private async ValueTask<IngestReason?> PlaceAsync(ReadOnlyMemory<byte> bytes, bool complete, CancellationToken cancellationToken)
    {
        if (_pack is not null)
        {
            await _pack.Writer.AppendAsync(bytes, cancellationToken);
            return null;
        }

        if (_inspector.Header is { } header)
        {
            if (InstanceFactsReader.IsMediaDirectory(header)) return IngestReasons.DicomDir;
            if (InstanceFactsReader.Identify(header, _release) is not { } identity) return IngestReasons.MissingIdentity;
            if (_batch.Context.StudyInstanceUid is { } only && only != identity.StudyInstanceUid)
            {
                _identity = identity;
                return IngestReasons.WrongStudy;
            }

            await OpenAsync(identity, cancellationToken);
            await _pack!.Writer.AppendAsync(bytes, cancellationToken);
            return null;
        }

        if (complete) return IngestReasons.MissingIdentity;
        if (_head.WrittenCount + bytes.Length > _batch.Service.Options.MaxHeaderBytes) return IngestReasons.MissingIdentity;
        _head.Write(bytes.Span);
        return null;
    }

    private async Task OpenAsync(InstanceIdentity identity, CancellationToken cancellationToken)
    {
        _identity = identity;
        (_study, _pack) = await _batch.PlaceAsync(identity, _release, cancellationToken);
        _offset = _pack.Writer.Position;
        if (_head.WrittenCount > 0) await _pack.Writer.AppendAsync(_head.WrittenMemory, cancellationToken);
        _head.ResetWrittenCount();
    }

    private async Task FinishAsync(Stream content, byte[] buffer, CancellationToken cancellationToken)
    {
        InspectedInstance inspected;
        try
        {
            inspected = _inspector.Complete();
        }
        catch (DicomFormatException error)
        {
            await QuarantineAsync(ReasonOf(error), default, content, buffer, cancellationToken);
            return;
        }

        if (_pack is null && await PlaceAsync(default, complete: true, cancellationToken) is { } reason)
        {
            await QuarantineAsync(reason, default, content, buffer, cancellationToken);
            return;
        }

        var facts = InstanceFactsReader.Read(inspected, _identity!);
        _batch.Set(_outcome, file => Described(file) with { Kind = OutcomeKind.Stored, Reason = null, Findings = facts.Findings });
        _batch.Keep(_study!, new PendingInstance(
            facts, _pack!, _offset, _outcome, _study!.PatientKey, _batch.Context.Source.Trust, _release is { Accepted: true }, _batch.Service.Time.GetUtcNow()));
    }

    /// <summary>Takes the rest of the bytes, whatever they are, and makes the item that a technician decides about.</summary>
    private async Task QuarantineAsync(IngestReason reason, ReadOnlyMemory<byte> bytes, Stream content, byte[] buffer, CancellationToken cancellationToken)
    {
        if (reason == IngestReasons.DicomDir || reason == IngestReasons.WrongStudy)
        {
            await DrainAsync(content, buffer, cancellationToken);
            if (reason == IngestReasons.DicomDir) _batch.Set(_outcome, file => Described(file) with { Kind = OutcomeKind.Ignored, Reason = reason });
            else Reject(reason, itemId: null);
            return;
        }

        var identified = _pack is not null;
        if (_identity is null && _inspector.Header is { } header) _identity = InstanceFactsReader.Identify(header, _release);
        var pack = _pack ?? await _batch.PlaceUnidentifiedAsync(cancellationToken);
        if (!identified) _offset = pack.Writer.Position;
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await TakeAsync(_head.WrittenMemory);
        await TakeAsync(bytes);
        int count;
        while ((count = await content.ReadAsync(buffer, cancellationToken)) > 0)
        {
            Length += count;
            if (Length > _batch.Service.Options.MaxInstanceBytes)
            {
                Reject(IngestReasons.TooLarge, itemId: null);
                return;
            }

            await TakeAsync(buffer.AsMemory(0, count));
        }

        // Bytes that were identified before they failed went into the pack unhashed; their UIDs and where they stopped name them as well.
        var what = identified
            ? $"bytes\n{_identity!.StudyInstanceUid}\n{_identity.SopInstanceUid}\n{Length}\n{_batch.Context.UploadId}"
            : $"bytes\n{Convert.ToHexString(digest.GetHashAndReset())}";
        var item = new IntakeItem
        {
            Institution = _batch.Context.Institution,
            Id = await _batch.Service.Items.IdAsync(_batch.Context.Institution, what, cancellationToken),
            Kind = IntakeKind.Quarantined,
            Reason = reason,
            CreatedAt = _batch.Service.Time.GetUtcNow(),
            Source = _batch.Context.Source,
            UploadId = _batch.Context.UploadId,
            Name = _name.Path ?? _name.Name,
            SopClassUid = _identity?.SopClassUid,
            SopInstanceUid = _identity?.SopInstanceUid,
            SeriesInstanceUid = _identity?.SeriesInstanceUid,
            StudyInstanceUid = _identity?.StudyInstanceUid,
            StudyKey = _study?.StudyKey,
            PatientKey = _study?.PatientKey,
            Patient = _identity?.Patient,
        };
        _batch.Quarantine(item, pack, _offset, Length);
        Reject(reason, item.Id);

        async ValueTask TakeAsync(ReadOnlyMemory<byte> part)
        {
            if (part.IsEmpty) return;
            if (!identified) digest.AppendData(part.Span);
            await pack.Writer.AppendAsync(part, cancellationToken);
        }
    }

    private async Task DrainAsync(Stream content, byte[] buffer, CancellationToken cancellationToken)
    {
        int count;
        while ((count = await content.ReadAsync(buffer, cancellationToken)) > 0) Length += count;
    }

    private void Reject(IngestReason reason, string? itemId) =>
        _batch.Set(_outcome, file => Described(file) with { Kind = OutcomeKind.Rejected, Reason = reason, ItemId = itemId });

    private FileOutcome Described(FileOutcome file) => file with
    {
        Length = Length,
        SopClassUid = _identity?.SopClassUid,
        SopInstanceUid = _identity?.SopInstanceUid,
        SeriesInstanceUid = _identity?.SeriesInstanceUid,
        StudyInstanceUid = _identity?.StudyInstanceUid,
    };

    private static IngestReason ReasonOf(DicomFormatException error) => error.Code switch
    {
        DicomErrors.NotDicom => IngestReasons.NotDicom,
        DicomErrors.Truncated => IngestReasons.Truncated,
        DicomErrors.TooLarge => IngestReasons.HeaderTooLarge,
        _ => IngestReasons.Malformed,
    };
}
