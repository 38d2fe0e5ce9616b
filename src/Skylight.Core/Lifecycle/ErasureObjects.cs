using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Core.Integrity;

namespace Skylight.Core.Lifecycle;

/// <summary>The objects of what is erased, in the archive and in its second copy.</summary>
/// <param name="replica">The second copy, where one is configured.</param>
internal sealed class ErasureObjects(IObjectStore store, IObjectStore? replica)
{
    /// <summary>Deletes the objects of a whole study: those that were listed, and whatever else lies in its folder under a destroyed key.</summary>
    public async Task DeleteAsync(ErasureRecord erasure, IReadOnlyList<string> listed, CancellationToken cancellationToken)
    {
        foreach (var name in listed) await DeleteAsync(name, cancellationToken);
        await DeleteDamagedAsync(erasure, cancellationToken);

        // What a merge or a re-encryption wrote while the list was made is under a destroyed key; the same study, received anew, is under another.
        await foreach (var name in store.ListAsync($"{SealedName.Folder(erasure.Institution, erasure.StudyKey)}/", cancellationToken))
            if (await IsUnderAsync(erasure.Keys, name, cancellationToken)) await DeleteAsync(name, cancellationToken);
    }

    public async ValueTask DeleteAsync(string name, CancellationToken cancellationToken)
    {
        await store.DeleteAsync(name, cancellationToken);
        if (replica is not null) await replica.DeleteAsync(name, cancellationToken);
    }

    /// <summary>Deletes the second copy of an object whose first one is deleted next: while it is out of reach, nothing of the object is.</summary>
    public async ValueTask DeleteCopyAsync(string name, CancellationToken cancellationToken)
    {
        if (replica is not null) await replica.DeleteAsync(name, cancellationToken);
    }

    /// <summary>Damaged objects that were replaced by their second copies, and kept: those of a study that stays are under a key that stays.</summary>
    public async ValueTask DeleteDamagedAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        var folder = $"{ObjectCheck.Kept}{SealedName.Folder(erasure.Institution, erasure.StudyKey)}/";
        foreach (var copies in (IObjectStore?[])[store, replica])
        {
            if (copies is null) continue;
            await foreach (var name in copies.ListAsync(folder, cancellationToken)) await copies.DeleteAsync(name, cancellationToken);
        }
    }

    private async ValueTask<bool> IsUnderAsync(IReadOnlyList<string> destroyed, string name, CancellationToken cancellationToken)
    {
        try
        {
            return destroyed.Contains((await SealedObjectReader.ReadHeaderAsync(store, name, cancellationToken)).KeyId.ToString());
        }
        catch (Exception error) when (error is ObjectMissingException or ObjectArchivedException or SealedObjectException)
        {
            // Gone meanwhile, or nobody can say whose it is: the sweep of objects that nothing names has it.
            return false;
        }
    }
}
