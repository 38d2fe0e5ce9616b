using System.Buffers;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Skylight.Archive.Objects;

namespace Skylight.Local.Journal;

/// <summary>What need not be moved out of the journal.</summary>
/// <param name="Drop">Nothing refers to these any more: they go with their file.</param>
/// <param name="Hold">Nothing refers to these any more, but readers still may: they stay readable where they are while there is room for their file.</param>
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

    /// <summary>Drains everything that is in the journal now, and leaves no byte of it on the disk; answers how many objects were moved.</summary>
    /// <remarks>Who reads something that was replaced and held meanwhile finds it gone, and has to ask again.</remarks>
    /// <exception cref="StorageFullException">There is no room to move an object to; it stays readable in the journal.</exception>
    public async Task<int> DrainAllAsync(CancellationToken cancellationToken)
    {
        await journal.RotateAsync();
        var moved = await DrainAsync(journal.Index.Files.Length - 1, Replaced.Move, cancellationToken);
        while (journal.Index.ReleaseOldest())
        {
        }

        return moved;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(TimeSpan.FromSeconds(1), time, stoppingToken);
                while (await StepAsync(stoppingToken))
                {
                }
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

    /// <summary>Drains what its age or size says should be drained; true when the next file may have to follow at once.</summary>
    internal async Task<bool> StepAsync(CancellationToken cancellationToken)
    {
        var files = journal.Index.Files;
        if (!journal.Started || files.Length == 0) return false;
        journal.YieldRoom();
        var full = files.Sum(file => file.Length) > options.KeepBytes || journal.Index.Count > options.KeepObjects;
        if (full && files.Length > 1)
        {
            await DrainAsync(1, Replaced.Hold, cancellationToken);
            return true;
        }

        if (journal.Quiet >= TimeSpan.FromSeconds(options.QuietSeconds) && (files.Length > 1 || files[^1].Length > FileHeader.Size) && time.GetUtcNow() >= _holdUntil)
        {
            await journal.RotateAsync();
            await DrainAsync(journal.Index.Files.Length - 1, Replaced.Keep, cancellationToken);
        }
        else if (Compact is not null && time.GetUtcNow() >= _crowdedAt)
        {
            _crowdedAt = time.GetUtcNow() + CrowdedPause;
            await CompactCrowdedAsync(cancellationToken);
        }

        return false;
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

    private async Task<int> DrainAsync(int count, Replaced replaced, CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            var files = journal.Index.Files;
            files = files[..Math.Min(count, Math.Max(0, files.Length - 1))];
            if (files.Length == 0) return 0;
            var verdict = await CompactAsync(files, cancellationToken);
            if (replaced == Replaced.Keep && Array.FindIndex(files, file => journal.Index.Of(file).Any(item => verdict.Hold.Contains(item.Name))) is var kept and >= 0)
            {
                // Files go oldest first, so that a deletion never outlives what it deletes.
                files = files[..kept];
                _holdUntil = time.GetUtcNow() + HoldPause;
                if (kept == 0) return 0;
            }

            var moved = 0;
            var held = new Dictionary<JournalFile, (string Name, JournalPlace Place)[]>();
            foreach (var file in files)
            {
                if (replaced == Replaced.Hold && ToHold(file, verdict) is { Length: > 0 } hold) held[file] = hold;
                var objects = journal.Index.Of(file).Where(item => !verdict.Drop.Contains(item.Name) && !(held.ContainsKey(file) && verdict.Hold.Contains(item.Name))).ToArray();
                var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.DrainWidth, CancellationToken = cancellationToken };
                await Parallel.ForEachAsync(objects, parallel, async (item, token) => await MoveAsync(item.Name, item.Place, token));
                moved += objects.Length;
            }

            await journal.CheckpointAsync(files[^1].LastSequence, cancellationToken);
            foreach (var file in files)
            {
                if (held.TryGetValue(file, out var hold))
                {
                    journal.Index.Hold(file, hold);
                    file.Unlink();
                    continue;
                }

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

    /// <summary>The replaced objects of a file that is to be held for them; none where they are the lesser part of it, or there is no room.</summary>
    private (string Name, JournalPlace Place)[] ToHold(JournalFile file, JournalVerdict verdict)
    {
        var objects = journal.Index.Of(file).Where(item => verdict.Hold.Contains(item.Name)).ToArray();
        var (bytes, count) = journal.Index.Held;
        var fits = bytes + file.Length <= options.HoldBytes && count + objects.Length <= options.HoldObjects;
        return fits && objects.Sum(item => (long)item.Place.Length) * 2 >= file.Length ? objects : [];
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

    /// <summary>What becomes of objects that a merge has replaced and readers may still want.</summary>
    private enum Replaced
    {
        /// <summary>Their file stays in the journal, and all after it.</summary>
        Keep,

        /// <summary>Their file leaves the journal and stays open for them.</summary>
        Hold,

        /// <summary>They are moved out like others.</summary>
        Move,
    }
}
