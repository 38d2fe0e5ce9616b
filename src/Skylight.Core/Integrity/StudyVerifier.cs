using System.IO.Pipelines;
using System.Security.Cryptography;
using Skylight.Archive.Coding;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Lifecycle;
using Skylight.Core.Retrieve;
using Skylight.Core.Studies;

namespace Skylight.Core.Integrity;

/// <summary>
/// Holds one study's records against each other: document, key record, part lists, indexes, metadata, packs and index rows. Reads only; a study that changes
/// meanwhile is looked at again. It reads the first copies alone, so that none is taken for whole because a second one is.
/// </summary>
public sealed class StudyVerifier(
    ICatalog catalog, IDocuments documents, StudyParts parts, IObjectStore store, StudyKeys keys, IKeyRecordStore records, InstanceBytes bytes)
{
    private const int Attempts = 5;
    private const int RowsPerRead = 1000;

    private readonly ICatalog _catalog = catalog;
    private readonly IDocuments _documents = documents;
    private readonly StudyParts _parts = parts.OfFirstCopies();
    private readonly IObjectStore _store = MirroredObjectStore.FirstOf(store);
    private readonly StudyKeys _keys = keys;
    private readonly IKeyRecordStore _records = records;
    private readonly InstanceBytes _bytes = bytes.OfFirstCopies();

    /// <summary>Adds what it finds to <paramref name="tally"/>. Does nothing when there is no such study.</summary>
    /// <param name="rows">Called with the number of index rows that belong to an entry of the study.</param>
    /// <param name="named">Called with the name of every object that the study names.</param>
    public async Task VerifyAsync(
        string institution, string studyKey, VerifyDepth depth, VerifyTally tally, Action<int>? rows, Action<string>? named, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            if (await _catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken) is not { } stored) return;
            var pass = new Pass(this, stored.Value, depth, cancellationToken);
            await pass.RunAsync();

            // What was found may be the trace of a commit or a merge that came in between.
            var changed = pass.Tally.Errors > 0 && attempt < Attempts
                && (await _catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken))?.ETag != stored.ETag;
            if (changed) continue;
            foreach (var name in pass.Names) named?.Invoke(name);
            rows?.Invoke(pass.Rows);
            tally.Add(pass.Tally);
            return;
        }
    }

    /// <summary>Looks at one pack: from end to end, or at its header and length. False when it is archived and only its length could be compared; damage is added to the tally.</summary>
    internal async Task<bool> PackAsync(string institution, string? studyKey, SealedReference pack, VerifyDepth depth, VerifyTally tally, CancellationToken cancellationToken)
    {
        try
        {
            var length = (await _store.GetStatusAsync(pack.Name, cancellationToken))?.Length ?? throw new ObjectMissingException(pack.Name);
            try
            {
                await ReadAsync(pack, length, depth, cancellationToken);
                if (depth == VerifyDepth.Deep) tally.Bytes += pack.Length;
            }
            catch (ObjectArchivedException)
            {
                // Nobody can read it before it is rehydrated, and it is not called whole for that. How long it has to be is known: all packs have segments of one size.
                tally.NotRead++;
                tally.NotReadBytes += pack.Length;
                CheckLength(pack.Name, length, SealedHeader.SealedLength(pack.Length, SealOptions.Default.SegmentBytes));
                return false;
            }
        }
        catch (Exception error) when (Finding(error, institution, studyKey, pack.Name) is { } finding)
        {
            tally.Add(finding);
        }

        return true;
    }

    private async Task ReadAsync(SealedReference pack, long length, VerifyDepth depth, CancellationToken cancellationToken)
    {
        if (depth == VerifyDepth.Deep)
        {
            using var reader = await SealedObjectReader.OpenAsync(_store, pack, SealedType.Pack, _keys, cancellationToken);
            await reader.VerifyAsync(cancellationToken);
            return;
        }

        var header = await SealedObjectReader.ReadHeaderAsync(_store, pack.Name, cancellationToken);
        if (!SealedName.Matches(pack.Name, header)) throw new SealedObjectException(pack.Name, SealedObjectException.Header, SealedFault.WrongObject);
        CheckLength(pack.Name, length, header.SealedLength(pack.Length));
        (await ((IReadKeys)_keys).GetAsync(pack.Name, header, cancellationToken)).Dispose();
    }

    private static void CheckLength(string name, long length, long expected)
    {
        if (length != expected) throw new SealedObjectException(name, 0, length < expected ? SealedFault.Truncated : SealedFault.WrongLength);
    }

    /// <summary>Unwraps every key of a record: it opens, and is the key that the record names.</summary>
    internal static async Task CheckKeysAsync(StudyKeys keys, KeyRecord record, CancellationToken cancellationToken)
    {
        foreach (var wrapped in record.Keys)
        {
            if (!KeyId.TryParse(wrapped.Id, out var id)) throw new KeyUnavailableException(KeyFault.BadRecord, "a key id");
            (await keys.GetAsync(record.Institution, record.Subject, id, cancellationToken)).Dispose();
        }
    }

    /// <summary>The finding that an exception of a read stands for; null for one that is no matter of integrity.</summary>
    internal static VerifyFinding? Finding(Exception error, string institution, string? studyKey, string? name) => error switch
    {
        SealedObjectException damage => new VerifyFinding(
            VerifyCode.ObjectDamaged, true, institution, studyKey, damage.Name, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{damage.Fault}, segment {damage.Segment}")),
        ObjectUnreadableException unreadable => new VerifyFinding(VerifyCode.ObjectDamaged, true, institution, studyKey, unreadable.Name, "the medium does not give it back"),
        ObjectArchivedException archived => new VerifyFinding(VerifyCode.ObjectArchived, true, institution, studyKey, archived.Name, null),
        ObjectMissingException missing => new VerifyFinding(VerifyCode.ObjectMissing, true, institution, studyKey, missing.Name, null),
        KeyUnavailableException key => new VerifyFinding(
            key.Fault == KeyFault.NoRecord ? VerifyCode.KeyMissing : VerifyCode.KeyUnavailable, true, institution, studyKey, name, key.Fault.ToString()),
        CodecUnavailableException codec => new VerifyFinding(VerifyCode.CodecMissing, true, institution, studyKey, name, codec.Message),
        _ => null,
    };

    private sealed class Pass(StudyVerifier owner, StudyDocument study, VerifyDepth depth, CancellationToken cancellationToken)
    {
        private readonly HashSet<SealedReference> _packs = [];
        private readonly HashSet<string> _archived = new(StringComparer.Ordinal);

        public VerifyTally Tally { get; } = new();

        public HashSet<string> Names { get; } = new(StringComparer.Ordinal);

        public int Rows { get; private set; }

        public async Task RunAsync()
        {
            Tally.Studies = 1;
            if (study.Hidden && await IsBeingErasedAsync())
            {
                Tally.Add(new VerifyFinding(VerifyCode.ErasureUnfinished, false, study.Institution, study.StudyKey, null, null));
                Rows = int.MaxValue;
                return;
            }

            await GuardAsync(null, KeysAsync);
            Names.UnionWith(study.SideObjects());
            foreach (var (name, type) in ((string?, SealedType)[])[(study.Corrections, SealedType.Corrections), (study.Preview, SealedType.Preview)])
                if (name is not null) await GuardAsync(name, async () => await SealedObjectReader.ReadAllAsync(owner._store, name, type, owner._keys, cancellationToken));
            IReadOnlyDictionary<string, IReadOnlyList<SeriesPart>>? lists = null;
            await GuardAsync(study.Manifest, async () => lists = await owner._parts.ListAllAsync(study, cancellationToken));
            if (lists is null) return;
            foreach (var series in study.Series) await SeriesAsync(series, lists[series.SeriesKey]);
            Tally.Objects += Names.Count;
        }

        /// <summary>Its key is destroyed and its document is about to go: a host that was killed in between goes on with that when it starts.</summary>
        private async Task<bool> IsBeingErasedAsync() =>
            await owner._records.GetAsync(study.Institution, study.StudyKey, cancellationToken) is null && await ErasureRequests.IsDestroyingAsync(owner._documents, study, cancellationToken);

        private async Task KeysAsync()
        {
            if (await owner._records.GetAsync(study.Institution, study.StudyKey, cancellationToken) is not { } stored)
            {
                // A provisional study's objects may all lie in another's folder; then nothing needs a key of its own.
                if (study.Series.Any(series => series.PartsInManifest > 0 || series.Parts.Any(part => part.Folder is null)))
                    Add(VerifyCode.KeyMissing, null, null);
                return;
            }

            await CheckKeysAsync(owner._keys, stored.Record, cancellationToken);
        }

        private async Task SeriesAsync(SeriesRecord series, IReadOnlyList<SeriesPart> list)
        {
            var indexes = new List<SeriesIndex>(list.Count);
            var documents = new HashSet<MetadataKey>();
            var whole = true;
            foreach (var part in list)
            {
                foreach (var name in (string[])[part.Pack, part.Index, part.Metadata])
                    if (name.Length > 0) Names.Add(part.ObjectName(study, name));
                whole &= await GuardAsync(part.ObjectName(study, part.Index), async () =>
                {
                    var index = await SeriesIndex.ReadAsync(owner._store, part.ObjectName(study, part.Index), owner._keys, cancellationToken);
                    indexes.Add(index);
                    if (index.Entries.Count != part.Count) Add(VerifyCode.IndexCount, part.ObjectName(study, part.Index), $"{part.Count} in the list, {index.Entries.Count} in the index");
                    foreach (var pack in index.Entries.Select(entry => entry.Pack).Distinct()) await PackAsync(pack);
                });
                whole &= await GuardAsync(part.ObjectName(study, part.Metadata), async () =>
                    documents.UnionWith((await SeriesMetadata.ReadAsync(owner._store, part.ObjectName(study, part.Metadata), owner._keys, cancellationToken)).Keys));
            }

            if (!whole) return;
            var merged = SeriesIndex.Merge(indexes);
            var served = merged.Served.Select(entry => entry.SopInstanceUid).Distinct(StringComparer.Ordinal).Count();
            if (served != series.Instances) Add(VerifyCode.InstanceCount, null, $"series {series.SeriesKey}: {series.Instances} in the document, {served} in the indexes");
            Tally.Instances += served;
            var live = merged.Entries.Where(entry => entry.State != EntryState.Deleted).ToArray();
            foreach (var entry in live) await EntryAsync(entry, documents);
            foreach (var chunk in live.GroupBy(entry => entry.SopInstanceUid).Chunk(RowsPerRead)) await RowsAsync(chunk);
        }

        private async Task PackAsync(SealedReference pack)
        {
            if (!_packs.Add(pack)) return;
            Names.Add(pack.Name);
            if (!await owner.PackAsync(study.Institution, study.StudyKey, pack, depth, Tally, cancellationToken)) _archived.Add(pack.Name);
        }

        private async Task EntryAsync(IndexEntry entry, HashSet<MetadataKey> documents)
        {
            if (entry.Offset < 0 || entry.Length < 0 || entry.Offset > entry.Pack.Length) Add(VerifyCode.EntryRange, entry.Pack.Name, null);
            if (!documents.Contains(new MetadataKey(entry.SopInstanceUid, entry.Revision))) Add(VerifyCode.MetadataMissing, entry.Pack.Name, $"entry at {entry.Offset}");
            if (depth != VerifyDepth.Deep || _archived.Contains(entry.Pack.Name)) return;
            await GuardAsync(entry.Pack.Name, () => DigestAsync(entry));
        }

        private async Task DigestAsync(IndexEntry entry)
        {
            try
            {
                using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
                var sink = PipeWriter.Create(new HashStream(hash));
                await owner._bytes.CopyOriginalAsync(entry, sink, cancellationToken);
                await sink.CompleteAsync();
                if (!hash.GetHashAndReset().AsSpan().SequenceEqual(entry.FileSha256)) Add(VerifyCode.ContentDigest, entry.Pack.Name, $"entry at {entry.Offset}");
            }
            catch (ObjectArchivedException)
            {
                // It went into the archive behind the look at its pack, from end to end.
                _archived.Add(entry.Pack.Name);
            }
        }

        private async Task RowsAsync(IEnumerable<IGrouping<string, IndexEntry>> entries)
        {
            var byUid = entries.ToDictionary(group => group.Key, group => group.ToArray(), StringComparer.Ordinal);
            var rows = (await owner._catalog.FindInstancesAsync(study.Institution, byUid.Keys, cancellationToken)).Where(row => row.StudyKey == study.StudyKey)
                .ToLookup(row => row.SopInstanceUid, StringComparer.Ordinal);
            foreach (var (uid, list) in byUid)
            {
                foreach (var entry in list)
                {
                    if (rows[uid].FirstOrDefault(row => row.SameContent(entry.DatasetDigest, entry.PixelDigest, entry.PixelDigestKind)) is not { } row)
                        Add(VerifyCode.RowMissing, entry.Pack.Name, $"entry at {entry.Offset}");
                    else if (entry is { Current: true, State: EntryState.Stored } && (row.State != InstanceState.Current || !row.FileSha256.AsSpan().SequenceEqual(entry.FileSha256)))
                        Add(VerifyCode.RowState, entry.Pack.Name, $"entry at {entry.Offset}: served, and its row is {row.State}");
                }

                foreach (var row in rows[uid])
                {
                    if (!IsKept(row)) continue;
                    var match = list.Where(entry => row.SameContent(entry.DatasetDigest, entry.PixelDigest, entry.PixelDigestKind)).ToArray();
                    if (match.Length > 0) Rows++;
                    if (row.State == InstanceState.Current && !match.Any(entry => entry is { Current: true, State: EntryState.Stored }))
                        Add(VerifyCode.RowState, null, $"series {row.SeriesKey}: a row is current, and no served entry is its content");
                }
            }
        }

        private void Add(string code, string? name, string? detail) => Tally.Add(new VerifyFinding(code, true, study.Institution, study.StudyKey, name, detail));

        /// <summary>Runs a read; damage becomes a finding. False when it did.</summary>
        private async Task<bool> GuardAsync(string? name, Func<Task> read)
        {
            try
            {
                await read();
                return true;
            }
            catch (Exception error) when (Finding(error, study.Institution, study.StudyKey, name) is { } finding)
            {
                Tally.Add(finding);
                return false;
            }
        }
    }

    /// <summary>Rows that stand for bytes in the archive; a rejected or deleted content may have lost its entry.</summary>
    internal static bool IsKept(InstanceIndexRow row) => row.State is InstanceState.Current or InstanceState.Superseded or InstanceState.Held;
}
