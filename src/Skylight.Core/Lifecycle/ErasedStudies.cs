using Microsoft.Extensions.Logging;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Keys.Backup;

namespace Skylight.Core.Lifecycle;

/// <summary>
/// Says of a study that the catalog has and that cannot be read whether it was erased: the catalog was set back to before that. Then it answers as every erased study does, and somebody has to
/// learn of it. Such a catalog, or one that was made again, may say otherwise when the study began. Asked only when a read has failed.
/// </summary>
public sealed class ErasedStudies(ICatalog catalog, IDocuments documents, StudyKeys keys, KeyGenerations generations, ILogger<ErasedStudies> logger)
{
    /// <param name="error">What a read ended with: an object or a key that is missing names its study.</param>
    public async ValueTask<bool> IsErasedAsync(Exception error, CancellationToken cancellationToken)
    {
        if (Owner(error) is not var (institution, studyKey) || (await catalog.GetStudyByKeyAsync(institution, studyKey, cancellationToken))?.Value is not { } study) return false;
        var ids = (await keys.IdsAsync(institution, studyKey, cancellationToken)).ToList();
        var keyless = ids.Count == 0;
        if (error is KeyUnavailableException { KeyId: { } asked }) ids.Add(asked);
        var page = await documents.ListAsync<ErasureRecord>(institution, ErasureRecord.Type, $"study:{studyKey}", 200, null, cancellationToken);
        var known = page.Items.Select(item => item.Value);
        if (!known.Any(IsOf) && !(await generations.ListErasedAsync(cancellationToken)).Any(IsOf)) return false;
        Log.ErasedIsBack(logger, institution, studyKey);
        return true;

        // The same UID may have come again since; it has a key then. One that has none, and began before its erasure was asked for, is the erased one.
        bool IsOf(ErasureRecord erasure) => erasure.HasDestroyed && erasure.Level == DeletionLevel.Study && erasure.Institution == institution && erasure.StudyKey == studyKey
            && (erasure.IsOf(study, ids) || (keyless && study.CreatedAt <= erasure.RequestedAt));
    }

    private static (string Institution, string StudyKey)? Owner(Exception error) => error switch
    {
        ObjectMissingException missing when missing.Name.Count(c => c == '/') >= 2 => ObjectName.Owner(missing.Name),
        KeyUnavailableException { Fault: KeyFault.NoRecord } key => key.Owner,
        _ => null,
    };
}
