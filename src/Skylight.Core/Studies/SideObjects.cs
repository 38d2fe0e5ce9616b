using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Core.Catalog;

namespace Skylight.Core.Studies;

/// <summary>What a study names beside the parts of its series and their manifest: one sealed object each, small, replaced whole.</summary>
internal sealed class SideObjects(IObjectStore store, StudyKeys keys)
{
    /// <summary>Whether one of them, or the manifest, is under another key or cipher than new objects are.</summary>
    public async ValueTask<bool> AreOldAsync(StudyDocument study, KeyId key, SealOptions options, CancellationToken cancellationToken)
    {
        foreach (var name in study.SideObjects())
            if (await IsOldAsync(name, key, options, cancellationToken)) return true;
        return false;
    }

    /// <summary>Whether an object is under another key or cipher than new objects are.</summary>
    public async ValueTask<bool> IsOldAsync(string name, KeyId key, SealOptions options, CancellationToken cancellationToken)
    {
        var header = await SealedObjectReader.ReadHeaderAsync(store, name, cancellationToken);
        return header.KeyId != key || (options.Algorithm is { } cipher && header.Algorithm != cipher);
    }

    /// <summary>The study with its corrections and its preview sealed anew where that is due. The objects travel in the commit of the document; their content is unchanged.</summary>
    public async ValueTask<(StudyDocument Study, IReadOnlyList<SmallObject> Objects)> ResealAsync(StudyDocument study, SealOptions options, CancellationToken cancellationToken)
    {
        using var key = await keys.GetCurrentAsync(study.Institution, study.StudyKey, cancellationToken);
        var objects = new List<SmallObject>();
        study = study with
        {
            Corrections = await ResealAsync(study, study.Corrections, SealedType.Corrections, key, options, objects, cancellationToken),
            Preview = await ResealAsync(study, study.Preview, SealedType.Preview, key, options, objects, cancellationToken),
        };
        return (study, objects);
    }

    private async ValueTask<string?> ResealAsync(
        StudyDocument study, string? name, SealedType type, DataKey key, SealOptions options, List<SmallObject> objects, CancellationToken cancellationToken)
    {
        if (name is null || !await IsOldAsync(name, key.Id, options, cancellationToken)) return name;
        var content = await SealedObjectReader.ReadAllAsync(store, name, type, keys, cancellationToken);
        objects.Add(SealedObjectWriter.Seal(SealedName.Folder(study.Institution, study.StudyKey), key, type, options, content).Object);
        return objects[^1].Name;
    }
}
