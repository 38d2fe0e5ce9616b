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
        foreach (var name in (string?[])[study.Manifest, study.Corrections])
            if (name is not null && await IsOldAsync(name, key, options, cancellationToken)) return true;
        return false;
    }

    /// <summary>Whether an object is under another key or cipher than new objects are.</summary>
    public async ValueTask<bool> IsOldAsync(string name, KeyId key, SealOptions options, CancellationToken cancellationToken)
    {
        var header = await SealedObjectReader.ReadHeaderAsync(store, name, cancellationToken);
        return header.KeyId != key || (options.Algorithm is { } cipher && header.Algorithm != cipher);
    }

    /// <summary>The study with its corrections sealed anew where that is due. The object travels in the commit of the document; its content is unchanged.</summary>
    public async ValueTask<(StudyDocument Study, SmallObject? Corrections)> ResealAsync(StudyDocument study, SealOptions options, CancellationToken cancellationToken)
    {
        using var key = await keys.GetCurrentAsync(study.Institution, study.StudyKey, cancellationToken);
        if (study.Corrections is not { } name || !await IsOldAsync(name, key.Id, options, cancellationToken)) return (study, null);
        var content = await SealedObjectReader.ReadAllAsync(store, name, SealedType.Corrections, keys, cancellationToken);
        var sealedObject = SealedObjectWriter.Seal(SealedName.Folder(study.Institution, study.StudyKey), key, SealedType.Corrections, options, content).Object;
        return (study with { Corrections = sealedObject.Name }, sealedObject);
    }
}
