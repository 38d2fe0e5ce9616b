using System.Text.Json;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Local.Journal;

namespace Skylight.Local.Backup;

/// <summary>The objects that the studies of a generation's catalog name, without previews, which can be drawn again.</summary>
internal static class NamedObjects
{
    /// <summary>Those that neither <paramref name="has"/> nor the generation's journal has. Reads every study document once: no more than the copy of the catalog did.</summary>
    public static async Task<IReadOnlyList<string>> MissingAsync(string generation, Func<string, bool> has, PoolProof proof, CancellationToken cancellationToken)
    {
        var missing = new HashSet<string>(StringComparer.Ordinal);
        using (var connection = BackupFiles.Open(Path.Combine(generation, "catalog.db")))
        using (var command = connection.CreateCommand())
        {
            command.CommandText = "SELECT body FROM bodies ORDER BY n";
            using var reader = command.ExecuteReader();
            while (reader.Read())
            {
                cancellationToken.ThrowIfCancellationRequested();
                var study = JsonSerializer.Deserialize<StudyDocument>(reader.GetFieldValue<byte[]>(0), DocumentJson.Options) ?? throw new BackupException("A study document of the catalog is empty.");
                foreach (var name in await NamesAsync(study, proof, cancellationToken))
                    if (!has(name)) missing.Add(name);
            }
        }

        if (missing.Count == 0) return [];
        foreach (var file in JournalFile.List(Path.Combine(generation, "journal"))) missing.ExceptWith(JournalScan.Names(file));
        return [.. missing];
    }

    private static async Task<IEnumerable<string>> NamesAsync(StudyDocument study, PoolProof proof, CancellationToken cancellationToken)
    {
        IEnumerable<SeriesPart> parts = study.Series.SelectMany(series => series.Parts);
        try
        {
            if (study.Manifest is not null && proof.Parts is { } all) parts = (await all.ListAllAsync(study, cancellationToken)).Values.SelectMany(list => list);
        }
        catch (Exception error) when (error is SealedObjectException or ObjectMissingException or KeyUnavailableException)
        {
            // The manifest is among the names; while it is not to be had, nobody can say what else there is.
        }

        return parts.SelectMany(part => ((string[])[part.Pack, part.Index, part.Metadata]).Where(name => name.Length > 0).Select(name => part.ObjectName(study, name)))
            .Concat(study.SideObjects().Where(name => name != study.Preview));
    }
}
