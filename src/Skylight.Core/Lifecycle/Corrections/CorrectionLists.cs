using System.Collections.Concurrent;
using System.Text.Json;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;

namespace Skylight.Core.Lifecycle.Corrections;

/// <summary>The corrections in force of a study: one sealed object, named by the study document and replaced with every change.</summary>
public sealed class CorrectionLists(IObjectStore store, StudyKeys keys)
{
    private const int MaxCached = 1000;

    /// <summary>By object name: the object never changes under it.</summary>
    private readonly ConcurrentDictionary<string, IReadOnlyList<Correction>> _cache = new(StringComparer.Ordinal);

    /// <summary>Oldest first; empty for a study without corrections.</summary>
    /// <exception cref="SealedObjectException">The list is damaged: what it would correct must not be shown uncorrected.</exception>
    public async ValueTask<IReadOnlyList<Correction>> ReadAsync(StudyDocument study, CancellationToken cancellationToken)
    {
        if (study.Corrections is not { } name) return [];
        if (_cache.TryGetValue(name, out var known)) return known;
        var bytes = await SealedObjectReader.ReadAllAsync(store, name, SealedType.Corrections, keys, cancellationToken);
        var list = JsonSerializer.Deserialize<Content>(bytes, DocumentJson.Options)?.Items ?? throw new InvalidDataException("A list of corrections is empty.");
        if (_cache.Count >= MaxCached) _cache.Clear();
        _cache[name] = list;
        return list;
    }

    /// <summary>Seals a list as a small object, stored nowhere yet.</summary>
    internal async ValueTask<SmallObject> SealAsync(StudyDocument study, IReadOnlyList<Correction> list, CancellationToken cancellationToken)
    {
        using var key = await keys.GetOrCreateAsync(study.Institution, study.StudyKey, cancellationToken);
        return SealedObjectWriter.Seal(
            SealedName.Folder(study.Institution, study.StudyKey), key, SealedType.Corrections, SealOptions.Default, JsonSerializer.SerializeToUtf8Bytes(new Content(1, list), DocumentJson.Options)).Object;
    }

    private sealed record Content(int V, IReadOnlyList<Correction> Items);
}
