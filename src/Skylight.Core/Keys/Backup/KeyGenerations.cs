using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Core.Access;
using Skylight.Core.Documents;
using Skylight.Core.Institutions;
using Skylight.Core.Lifecycle;

namespace Skylight.Core.Keys.Backup;

/// <summary>
/// Generations of the wrapped keys in a second place, beside the copies that <see cref="ReplicatedKeyRecords"/> keeps there, for stores that back themselves up otherwise: whoever loses the records
/// loses no key with them, and an erasure is not undone by setting the records back. The keys in it are wrapped as in the records: they open nothing without the key-encryption key.
/// </summary>
/// <param name="store">Null: there is no second place.</param>
/// <param name="copies">Second copies of the key records as they are now.</param>
/// <param name="erasures">Erasures since the newest generation.</param>
public sealed class KeyGenerations(
    IKeyRecordStore records, IDocuments documents, InstitutionDirectory institutions, Erasure erasure, IOptions<KeyBackupOptions> options, TimeProvider time, ILogger<KeyGenerations> logger,
    [FromKeyedServices(KeyGenerations.Service)] IObjectStore? store = null, [FromKeyedServices(ReplicatedKeyRecords.Service)] IKeyRecordStore? copies = null, ErasureCopies? erasures = null)
{
    /// <summary>Key of the object store that holds the generations.</summary>
    public const string Service = "key-backup";

    private const string Root = "generations";
    private const string Manifest = "generation.json";

    private Known? _erased;

    /// <summary>
    /// To be called every hour. Erases again what only the generations know to be erased: the records were set back. Then takes a generation if one is due, and destroys those that are too old.
    /// False when nothing was due, or there is no second place.
    /// </summary>
    public async Task<bool> StepAsync(CancellationToken cancellationToken)
    {
        if (store is null) return false;
        if ((await ListAsync(cancellationToken)) is [.., var newest])
        {
            var known = (await erasure.ListErasedAsync(cancellationToken)).Select(item => (item.Institution, item.Id)).ToHashSet();
            var listed = await ErasuresAsync([newest], cancellationToken);
            await ReplayForgottenAsync(listed, cancellationToken);
            var since = (await Erasures.ListAsync(cancellationToken)).Select(item => (item.Erasure.Institution, item.Erasure.Id)).ToHashSet();
            var fresh = known.Except(listed.Select(item => (item.Institution, item.Id))).Union(since).Any();
            var due = time.GetUtcNow() - newest.At >= TimeSpan.FromHours(options.Value.EveryHours);
            if (!due && !fresh && await institutions.CodesAsync(cancellationToken).CountAsync(cancellationToken) == newest.Institutions) return false;
        }

        await WriteAsync(cancellationToken);
        await PruneAsync(cancellationToken);
        return true;
    }

    /// <summary>Takes a generation now.</summary>
    public async Task<KeyGeneration> WriteAsync(CancellationToken cancellationToken)
    {
        var second = Store();
        var at = time.GetUtcNow();
        var since = await Erasures.ListAsync(cancellationToken);
        var id = at.UtcDateTime.ToString("yyyyMMdd't'HHmmss'.'fffffff'z'", CultureInfo.InvariantCulture);
        var earlier = await ListAsync(cancellationToken) is [.., var newest] ? await ErasuresAsync([newest], cancellationToken) : since.Select(item => item.Erasure);
        var codes = await institutions.CodesAsync(cancellationToken).ToListAsync(cancellationToken);
        string[] owners = [Actor.PlatformInstitution, .. codes];
        foreach (var owner in owners)
            if (records is ReplicatedKeyRecords both) await both.MirrorAsync(owner, cancellationToken);
        List<RecordFile> files =
        [
            .. await RecordFiles.WriteAsync(second, $"{Root}/{id}", RecordFile.Keys, KeysAsync(owners, cancellationToken), cancellationToken),
            .. await RecordFiles.WriteAsync(second, $"{Root}/{id}", RecordFile.Institutions, InstitutionsAsync(codes, cancellationToken), cancellationToken),

            // After the keys: what was erased meanwhile is in this list, and its key is not taken out of the other.
            .. await RecordFiles.WriteAsync(
                second, $"{Root}/{id}", RecordFile.Erasures, (await erasure.ListErasedAsync(cancellationToken)).UnionBy(earlier, item => (item.Institution, item.Id)).ToAsyncEnumerable(), cancellationToken),
        ];
        var generation = new KeyGeneration(1, id, at, files) { Copied = records is ReplicatedKeyRecords };
        await RecordFiles.StoreAsync(second, $"{Root}/{id}/{Manifest}", JsonSerializer.SerializeToUtf8Bytes(generation, DocumentJson.Options), cancellationToken);
        await documents.PutAsync(KeyBackupMark.Key, new KeyBackupMark(1, id), Match.Any, [], cancellationToken);
        await Erasures.DeleteAsync(since.Select(item => item.Name), cancellationToken);
        Log.KeysBackedUp(logger, generation.Keys, generation.Erasures);
        return generation;
    }

    /// <summary>Whole generations, oldest first.</summary>
    public async Task<IReadOnlyList<KeyGeneration>> ListAsync(CancellationToken cancellationToken)
    {
        var second = Store();
        var found = new List<KeyGeneration>();
        await foreach (var name in second.ListAsync(Root + "/", cancellationToken))
        {
            if (!name.EndsWith("/" + Manifest, StringComparison.Ordinal) || await RecordFiles.LoadAsync(second, name, cancellationToken) is not { } bytes) continue;
            found.Add(JsonSerializer.Deserialize<KeyGeneration>(bytes, DocumentJson.Options) ?? throw new KeyBackupException($"The object {name} of the key backup is empty."));
        }

        return [.. found.OrderBy(item => item.Id, StringComparer.Ordinal)];
    }

    /// <summary>
    /// Puts back the institutions and key records that the records lack, but for keys that are known to be erased, and erases again what is erased. What the records have is left as it is. May
    /// be repeated.
    /// </summary>
    /// <param name="at">
    /// Null: the second copies of the key records, then what the newest generation has beside them. Else the newest generation that is not after this moment is trusted first, and the copies give
    /// what was made since.
    /// </param>
    /// <exception cref="KeyBackupException">There is no such generation, or it is damaged.</exception>
    public async Task<KeyRestore> RestoreAsync(DateTimeOffset? at, CancellationToken cancellationToken)
    {
        var all = await ListAsync(cancellationToken);
        var generation = all.LastOrDefault(item => at is null || item.At <= at) ?? throw new KeyBackupException("There is no key backup of that time.");
        var added = 0;
        foreach (var file in all.Where(item => item.At <= generation.At).Reverse().SelectMany(item => item.Files).Where(file => file.Kind == RecordFile.Institutions))
            await foreach (var institution in RecordFiles.ReadAsync<Institution>(Store(), file, cancellationToken))
                if (await TryAddAsync(institution, cancellationToken)) added++;
        var erased = await ErasuresAsync(all, cancellationToken);
        var gone = erased.Concat(await erasure.ListErasedAsync(cancellationToken)).SelectMany(item => item.Keys.Select(id => (item.Institution, id))).ToHashSet();
        var restore = new RecordRestore(records, copies, gone);
        if (at is null) await CopiesAsync(restore, cancellationToken);
        foreach (var file in generation.Files.Where(file => file.Kind == RecordFile.Keys))
        {
            await foreach (var record in RecordFiles.ReadAsync<KeyRecord>(Store(), file, cancellationToken))
                await (at is null ? restore.AfterCopiesAsync(record, generation.Copied, cancellationToken) : restore.BeforeCopiesAsync(record, cancellationToken));
        }

        if (at is not null) await CopiesAsync(restore, cancellationToken);
        var restored = new KeyRestore(generation.Id, restore.Added, added, await erasure.ReplayAsync(erased, cancellationToken));
        Log.KeysRestored(logger, restored.Keys, restored.Generation, restored.Erased.Studies, restored.Erased.Instances);
        if (restore.Left > 0) Log.KeysLeftOut(logger, restore.Left, generation.Id);
        return restored;
    }

    private async Task CopiesAsync(RecordRestore restore, CancellationToken cancellationToken)
    {
        await restore.CopiesAsync(Actor.PlatformInstitution, cancellationToken);
        await foreach (var code in institutions.CodesAsync(cancellationToken)) await restore.CopiesAsync(code, cancellationToken);
    }

    /// <summary>
    /// To be called at each start, before the first request: carries out again what the second place knows to be erased and the records do not. Records that know of the newest generation are asked
    /// about the erasures since it alone. Answers how many they had forgotten.
    /// </summary>
    public async Task<int> CatchUpAsync(CancellationToken cancellationToken)
    {
        if (store is null) return 0;
        var newest = await ListAsync(cancellationToken) is [.., var last] ? last : null;
        var mark = (await documents.GetAsync<KeyBackupMark>(KeyBackupMark.Key, cancellationToken))?.Value;
        var current = newest is null || string.CompareOrdinal(mark?.Generation, newest.Id) >= 0;
        return await ReplayForgottenAsync(await ErasuresAsync(current ? [] : [newest!], cancellationToken), cancellationToken);
    }

    /// <summary>All erasures that the second place knows of, as of the last minutes; none where there is no second place.</summary>
    public async ValueTask<IReadOnlyList<ErasureRecord>> ListErasedAsync(CancellationToken cancellationToken)
    {
        if (store is null) return [];
        if (_erased is { } known && time.GetUtcNow() - known.At < TimeSpan.FromMinutes(5)) return known.List;
        var list = await ErasuresAsync((await ListAsync(cancellationToken)).TakeLast(1), cancellationToken);
        _erased = new Known(time.GetUtcNow(), list);
        return list;
    }

    private async Task<int> ReplayForgottenAsync(IReadOnlyList<ErasureRecord> listed, CancellationToken cancellationToken)
    {
        var forgotten = new List<ErasureRecord>();
        foreach (var item in listed)
            if (await erasure.GetAsync(item.Institution, item.Id, cancellationToken) is not { Value.Status: ErasureStatus.Running or ErasureStatus.Erased }) forgotten.Add(item);
        if (forgotten.Count == 0) return 0;
        Log.ErasuresForgotten(logger, forgotten.Count);
        foreach (var item in forgotten)
        {
            try
            {
                await erasure.ReplayAsync([item], cancellationToken);
            }
            catch (Exception error) when (!cancellationToken.IsCancellationRequested)
            {
                // The others must not wait for it; the next step tries again.
                Log.NotErasedAgain(logger, item.Institution, item.Id, error);
            }
        }

        return forgotten.Count;
    }

    /// <summary>Destroys generations that are too old, their keys first, and what is left of those that broke off.</summary>
    private async Task PruneAsync(CancellationToken cancellationToken)
    {
        var second = Store();
        var before = time.GetUtcNow() - TimeSpan.FromDays(options.Value.KeepDays);
        var all = await ListAsync(cancellationToken);
        var kept = all.Where(item => item.At >= before || item == all[^1]).Select(item => item.Id).ToHashSet(StringComparer.Ordinal);
        var names = new List<string>();
        await foreach (var name in second.ListAsync(Root + "/", cancellationToken))
            if (name.Split('/') is [_, var id, _] && !kept.Contains(id) && string.CompareOrdinal(id, all[^1].Id) < 0) names.Add(name);
        foreach (var name in names.OrderBy(name => !name.EndsWith("." + RecordFile.Keys, StringComparison.Ordinal)).ThenBy(name => name.EndsWith("/" + Manifest, StringComparison.Ordinal)))
            await second.DeleteAsync(name, cancellationToken);
    }

    /// <summary>The erasures that some generations list, and those since, each once.</summary>
    private async Task<IReadOnlyList<ErasureRecord>> ErasuresAsync(IEnumerable<KeyGeneration> generations, CancellationToken cancellationToken)
    {
        var found = new Dictionary<(string, string), ErasureRecord>();
        foreach (var file in generations.SelectMany(item => item.Files).Where(file => file.Kind == RecordFile.Erasures))
            await foreach (var item in RecordFiles.ReadAsync<ErasureRecord>(Store(), file, cancellationToken)) found[(item.Institution, item.Id)] = item;
        foreach (var (_, item) in await Erasures.ListAsync(cancellationToken))
            if (!found.TryGetValue((item.Institution, item.Id), out var listed) || listed.Status != ErasureStatus.Erased) found[(item.Institution, item.Id)] = item;
        return [.. found.Values];
    }

    private async IAsyncEnumerable<KeyRecord> KeysAsync(IReadOnlyList<string> owners, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var owner in owners)
            await foreach (var stored in records.ListAsync(owner, cancellationToken)) yield return stored.Record;
    }

    private async IAsyncEnumerable<Institution> InstitutionsAsync(IReadOnlyList<string> codes, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var code in codes)
            if (await institutions.FindAsync(code, cancellationToken) is { } stored) yield return stored.Value;
    }

    private async ValueTask<bool> TryAddAsync(Institution institution, CancellationToken cancellationToken)
    {
        try
        {
            await institutions.PutAsync(institution, Match.None, cancellationToken);
            return true;
        }
        catch (DocumentConflictException)
        {
            return false;
        }
    }

    private ErasureCopies Erasures => erasures ?? new ErasureCopies(store);

    private IObjectStore Store() => store ?? throw new KeyBackupException("No second place is configured for keys.");

    private sealed record Known(DateTimeOffset At, IReadOnlyList<ErasureRecord> List);
}
