using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Archive.Objects;
using Skylight.Core.Documents;
using Skylight.Core.Lifecycle;

namespace Skylight.Core.Keys.Backup;

/// <summary>
/// Erasures that the newest generation does not know yet, in the second place before they destroy anything: records that are lost or set back within the hour know nothing of them. A generation
/// takes them over. Without a second place it does nothing.
/// </summary>
public sealed class ErasureCopies([FromKeyedServices(KeyGenerations.Service)] IObjectStore? store = null)
{
    private const string Root = "erasures";

    /// <summary>Durable when the task completes. Safe to repeat.</summary>
    /// <param name="erasure">With its marks.</param>
    internal async Task WriteAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        if (store is null) return;

        // An erasure of instances that leaves nothing becomes that of the study: sorted by name, it comes after the other.
        var name = Name(erasure);
        if (await store.GetLengthAsync(name, cancellationToken) is not null) return;
        try
        {
            await RecordFiles.StoreAsync(store, name, JsonSerializer.SerializeToUtf8Bytes(erasure, DocumentJson.Options), cancellationToken);
        }
        catch (ObjectExistsException)
        {
            // Another run of the same step was first.
            return;
        }
    }

    /// <summary>Those of all institutions, with the names that they lie under; where one erasure has two, the later one last.</summary>
    internal async Task<IReadOnlyList<(string Name, ErasureRecord Erasure)>> ListAsync(CancellationToken cancellationToken)
    {
        if (store is null) return [];
        var names = await store.ListAsync(Root + "/", cancellationToken).ToListAsync(cancellationToken);
        var found = new List<(string, ErasureRecord)>(names.Count);
        foreach (var name in names.Order(StringComparer.Ordinal))
        {
            if (await RecordFiles.LoadAsync(store, name, cancellationToken) is { } bytes)
                found.Add((name, JsonSerializer.Deserialize<ErasureRecord>(bytes, DocumentJson.Options) ?? throw new KeyBackupException($"The object {name} of the key backup is empty.")));
        }

        return found;
    }

    /// <summary>It was stopped before it destroyed anything.</summary>
    internal async Task RevokeAsync(ErasureRecord erasure, CancellationToken cancellationToken)
    {
        if (store is not null) await store.DeleteAsync(Name(erasure), cancellationToken);
    }

    /// <summary>A generation has them.</summary>
    internal async Task DeleteAsync(IEnumerable<string> names, CancellationToken cancellationToken)
    {
        foreach (var name in names) await store!.DeleteAsync(name, cancellationToken);
    }

    private static string Name(ErasureRecord erasure) => $"{Root}/{erasure.Institution}/{erasure.Id}.{erasure.Level.ToString().ToLowerInvariant()}";
}
