using System.Buffers;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Skylight.Archive.Objects;

namespace Skylight.Local.Journal;

/// <summary>What need not be moved out of the journal.</summary>
/// <param name="Drop">Nothing refers to these any more: they go with their file.</param>
/// <param name="Hold">Nothing will refer to these soon, but readers still may: their file is kept while there is room for it.</param>
public sealed record JournalVerdict(IReadOnlySet<string> Drop, IReadOnlySet<string> Hold);

/// <summary>Looked at before objects are moved out: a chance to merge the small packs of a series into one, committing that.</summary>
public delegate ValueTask<JournalVerdict> CompactJournaled(IReadOnlyList<string> objects, CancellationToken cancellationToken);

/// <summary>
/// Moves objects out of closed journal files into the object store and drops the files, oldest first: in a quiet moment, or at once when the journal has
/// grown past its limits.
/// </summary>
public sealed class JournalDrain(Journal journal, IObjectStore store, JournalOptions options, TimeProvider time, ILogger<JournalDrain> logger) : BackgroundService
{
    private const string IndexSuffix = ".index";
    private const int CrowdedIndexes = 64;

    /// <summary>From here on a folder is merged although it is still growing: reading it has become dear by now.</summary>
    private const int OvercrowdedIndexes = 512;
    private static readonly TimeSpan HoldPause = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan CrowdedPause = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim _one = new(1);
    private DateTimeOffset _holdUntil = DateTimeOffset.MinValue;
    private DateTimeOffset _crowdedAt = DateTimeOffset.MinValue;
    private Dictionary<string, int> _crowds = [];

    /// <summary>Merges before moving; null to move everything as it is.</summary>
    public CompactJournaled? Compact { get; set; }

    /// <summary>Drains everything that is in the journal now; answers how many objects were moved.</summary>
    /// <exception cref="StorageFullException">There is no room to move an object to; it stays readable in the journal.</exception>
    public async Task<int> DrainAllAsync(CancellationToken cancellationToken)
    {
        await journal.RotateAsync();
        var files = journal.Index.Files;
        return await DrainAsync(files.Length - 1, hold: false, cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(TimeSpan.FromSeconds(1), time, stoppingToken);
                await StepAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error) when (error is IOException or InvalidOperationException or Microsoft.Data.Sqlite.SqliteException)
            {
                // The objects stay where they are, durable and readable; the next round tries again.
                Log.DrainFailed(logger, error);
                await Task.Delay(TimeSpan.FromSeconds(30), time, stoppingToken).ContinueWith(static _ => { }, TaskScheduler.Default);
            }
        }
    }

    /// <summary>Drains what its age or size says should be drained.</summary>
    internal async Task StepAsync(CancellationToken cancellationToken)
    {
        var files = journal.Index.Files;
        if (!journal.Started || files.Length == 0) return;
        var full = files.Sum(file => file.Length) > options.KeepBytes || journal.Index.Count > options.KeepObjects;
        if (full && files.Length > 1)
        {
            await DrainAsync(1, hold: false, cancellationToken);
        }
        else if (journal.Quiet >= TimeSpan.FromSeconds(options.QuietSeconds) && (files.Length > 1 || files[^1].Length > FileHeader.Size) && time.GetUtcNow() >= _holdUntil)
        {
            await journal.RotateAsync();
            await DrainAsync(journal.Index.Files.Length - 1, hold: true, cancellationToken);
        }
        else if (Compact is not null && time.GetUtcNow() >= _crowdedAt)
        {
            _crowdedAt = time.GetUtcNow() + CrowdedPause;
            await CompactCrowdedAsync(cancellationToken);
        }
    }

    public override void Dispose()
    {
        _one.Dispose();
        base.Dispose();
    }

    /// <summary>
    /// A folder with very many indexes is a series that has arrived one instance at a time: it is merged, so that reading it is cheap. Not while it grows: what
    /// is merged then is sealed again with the next instances, and takes the processor from those who send them. It has stopped growing when it has as many
    /// indexes as at the look before.
    /// </summary>
    private async Task CompactCrowdedAsync(CancellationToken cancellationToken)
    {
        var folders = journal.Index.Names("").Where(name => name.EndsWith(IndexSuffix, StringComparison.Ordinal))
            .GroupBy(name => name[..name.LastIndexOf('/')]).Where(group => group.Count() >= CrowdedIndexes).ToArray();
        var ready = folders.Where(group => group.Count() is var count && (count >= OvercrowdedIndexes || _crowds.GetValueOrDefault(group.Key) == count)).ToArray();
        _crowds = folders.Except(ready).ToDictionary(group => group.Key, group => group.Count(), StringComparer.Ordinal);
        if (ready.Length > 0) await Compact!([.. ready.SelectMany(group => group)], cancellationToken);
    }

    /// <param name="hold">Keep files of which objects are still to be held.</param>
    private async Task<int> DrainAsync(int count, bool hold, CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            var files = journal.Index.Files;
            files = files[..Math.Min(count, Math.Max(0, files.Length - 1))];
            if (files.Length == 0) return 0;
            var verdict = await CompactAsync(files, cancellationToken);
            if (hold && Array.FindIndex(files, file => journal.Index.Of(file).Any(item => verdict.Hold.Contains(item.Name))) is var held and >= 0)
            {
                // Files go oldest first, so that a deletion never outlives what it deletes.
                files = files[..held];
                _holdUntil = time.GetUtcNow() + HoldPause;
            }

            var moved = 0;
            foreach (var file in files)
            {
                var objects = journal.Index.Of(file).Where(item => !verdict.Drop.Contains(item.Name)).ToArray();
                var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.DrainWidth, CancellationToken = cancellationToken };
                await Parallel.ForEachAsync(objects, parallel, async (item, token) => await MoveAsync(item.Name, item.Place, token));
                moved += objects.Length;
            }

            await journal.CheckpointAsync(cancellationToken);
            foreach (var file in files)
            {
                journal.Index.Remove(file);
                file.Drop();
            }

            Log.Drained(logger, files.Length, moved);
            return moved;
        }
        finally
        {
            _one.Release();
        }
    }

    private async ValueTask<JournalVerdict> CompactAsync(JournalFile[] files, CancellationToken cancellationToken)
    {
        var objects = Compact is null ? [] : files.SelectMany(file => journal.Index.Of(file)).Select(item => item.Name).ToArray();
        return objects.Length == 0 ? new JournalVerdict(new HashSet<string>(), new HashSet<string>()) : await Compact!(objects, cancellationToken);
    }

    private async ValueTask MoveAsync(string name, JournalPlace place, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(Math.Clamp(place.Length, 1, 1 << 20));
        try
        {
            await using var writer = await store.CreateAsync(name, cancellationToken);
            for (var at = 0; at < place.Length;)
            {
                var read = JournalObjectStore.Read(place, at, buffer);
                await writer.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
                at += read;
            }

            await writer.CommitAsync(cancellationToken);
        }
        catch (ObjectExistsException)
        {
            // Moved before a crash that kept the file from being dropped. Names are never reused, so it is the same object.
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        // Deleted while it was on its way: take it out again, since the deletion found nothing there.
        if (journal.Index.Find(name) is null) await store.DeleteAsync(name, cancellationToken);
        journal.Index.Remove([name]);
    }
}
