using System.Buffers;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Ingest;
using Skylight.Dicom;

namespace Skylight.Core.Studies;

/// <summary>Facts of single entries of a study, for whoever needs few of them: the metadata of its parts are read as far as it takes to find one.</summary>
internal sealed class FactsOnDemand(StudyDocument study, IObjectStore store, IReadKeys keys, StudyParts parts)
{
    private readonly Dictionary<string, (Queue<SeriesPart> Left, List<SeriesMetadata> Read)> _series = new(StringComparer.Ordinal);
    private readonly ArrayBufferWriter<byte> _json = new();

    /// <summary>Null for an entry without a document.</summary>
    public async ValueTask<InstanceFacts?> FindAsync(string seriesKey, IndexEntry entry, CancellationToken cancellationToken)
    {
        if (!_series.TryGetValue(seriesKey, out var series)) _series[seriesKey] = series = (new Queue<SeriesPart>(await parts.ListAsync(study, seriesKey, cancellationToken)), []);
        var key = new MetadataKey(entry.SopInstanceUid, entry.Revision);
        _json.ResetWrittenCount();
        if (series.Read.Exists(metadata => metadata.TryWrite(key, _json))) return InstanceFactsReader.Of(entry, DicomJson.Read(_json.WrittenSpan));
        while (series.Left.TryDequeue(out var part))
        {
            var metadata = await SeriesMetadata.ReadAsync(store, part.ObjectName(study, part.Metadata), keys, cancellationToken);
            series.Read.Add(metadata);
            if (metadata.TryWrite(key, _json)) return InstanceFactsReader.Of(entry, DicomJson.Read(_json.WrittenSpan));
        }

        return null;
    }
}
