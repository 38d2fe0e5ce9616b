using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Skylight.Archive.Objects;
using Skylight.Local.Journal;
using Skylight.Local.Objects;
using EdgeJournal = Skylight.Local.Journal.Journal;

namespace Skylight.Local.Tests.Journal;

/// <summary>A journal over an object folder in a temporary place, with a consumer that writes down what it is given.</summary>
internal sealed class JournalFolder : IDisposable
{
    private readonly string _root;

    public JournalFolder(string? root = null)
    {
        _root = root ?? Directory.CreateTempSubdirectory("skylight-").FullName;
        Path = Directory.CreateDirectory(System.IO.Path.Combine(_root, "journal")).FullName;
        Inner = FolderObjectStore.Open(System.IO.Path.Combine(_root, "objects"), new FolderObjectStoreOptions { MinFreeBytes = 0, Fsync = false }, TimeProvider.System);
    }

    public string Path { get; }

    public FolderObjectStore Inner { get; }

    public JournalOptions Options { get; set; } = new() { MinFreeBytes = 0 };

    public List<(long Sequence, string Change)> Applied { get; } = [];

    public string? FailApply { get; set; }

    public int Checkpoints { get; private set; }

    public long CheckpointedThrough { get; private set; }

    public Action? OnCheckpoint { get; set; }

    public async Task<EdgeJournal> OpenAsync(long applied = 0)
    {
        var journal = EdgeJournal.Open(Path, Options, TimeProvider.System);
        await journal.StartAsync(applied, ApplyAsync, CheckpointAsync, default);
        return journal;
    }

    public JournalObjectStore Store(EdgeJournal journal) => new(journal, Inner);

    public JournalDrain Drain(EdgeJournal journal, TimeProvider? time = null) => new(journal, Inner, Options, time ?? TimeProvider.System, NullLogger<JournalDrain>.Instance);

    public async Task<byte[]> ReadAsync(EdgeJournal journal, string name)
    {
        var store = Store(journal);
        var bytes = new byte[(int)(await store.GetLengthAsync(name, default) ?? throw new ObjectMissingException(name))];
        Assert.Equal(bytes.Length, await store.ReadAsync(name, 0, bytes, default));
        return bytes;
    }

    public static async Task<string[]> ListAsync(IObjectStore store, string prefix)
    {
        var names = new List<string>();
        await foreach (var name in store.ListAsync(prefix, default)) names.Add(name);
        return [.. names.Order(StringComparer.Ordinal)];
    }

    public void Dispose()
    {
        foreach (var folder in Directory.GetDirectories(_root)) Directory.Delete(folder, recursive: true);
        if (!Directory.EnumerateFileSystemEntries(_root).Any() && _root.Contains("skylight-", StringComparison.Ordinal) && !_root.Contains("disk", StringComparison.Ordinal)) Directory.Delete(_root);
    }

    private ValueTask ApplyAsync(long sequence, ReadOnlyMemory<byte> change, CancellationToken cancellationToken)
    {
        var text = Encoding.UTF8.GetString(change.Span);
        if (text == FailApply) throw new InvalidOperationException("no");
        lock (Applied) Applied.Add((sequence, text));
        return ValueTask.CompletedTask;
    }

    private ValueTask CheckpointAsync(long sequence, CancellationToken cancellationToken)
    {
        Checkpoints++;
        CheckpointedThrough = sequence;
        OnCheckpoint?.Invoke();
        return ValueTask.CompletedTask;
    }
}
