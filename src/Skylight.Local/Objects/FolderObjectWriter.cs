using Microsoft.Win32.SafeHandles;
using Skylight.Archive.Objects;

namespace Skylight.Local.Objects;

/// <summary>One object on its way into the folder: a temporary file until the commit.</summary>
internal sealed class FolderObjectWriter : ObjectWriter
{
    /// <summary>Write-back is started, and the free space looked at, this often.</summary>
    private const long StepBytes = 16 << 20;

    private readonly FolderObjectStore _store;
    private readonly string _name;
    private readonly string _temporary;
    private readonly FreeSpace _space;
    private readonly SafeFileHandle _handle;
    private long _length;
    private long _started;
    private State _state;

    public FolderObjectWriter(FolderObjectStore store, string name, string temporary, FreeSpace space)
    {
        (_store, _name, _temporary, _space) = (store, name, temporary, space);
        try
        {
            _handle = File.OpenHandle(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.Read);
        }
        catch (IOException error) when (LibC.IsFull(error))
        {
            throw new StorageFullException("There is no room for another file.", error);
        }
    }

    private enum State
    {
        Open,
        Spent,
        Committed,
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        Spend();
        try
        {
            await RandomAccess.WriteAsync(_handle, bytes, _length, cancellationToken);
            _length += bytes.Length;
            if (_length - _started >= StepBytes)
            {
                LibC.StartWriteback(_handle, _started, _length - _started);
                _started = _length;
                _space.Demand();
            }
        }
        catch (IOException error) when (LibC.IsFull(error))
        {
            throw new StorageFullException("The disk is full.", error);
        }

        _state = State.Open;
    }

    public override async ValueTask CommitAsync(CancellationToken cancellationToken)
    {
        // A failed fsync is never repeated on the same file: the kernel may have dropped the pages it could not write.
        Spend();
        try
        {
            await Task.Run(
                () =>
                {
                    if (_store.Fsync) LibC.Sync(_handle, "fsync an object");
                    _store.Publish(_temporary, _name);
                },
                cancellationToken);
        }
        catch (IOException error) when (LibC.IsFull(error))
        {
            throw new StorageFullException("The disk is full.", error);
        }

        _state = State.Committed;
    }

    public override ValueTask DisposeAsync()
    {
        _handle.Dispose();
        if (_state != State.Committed) File.Delete(_temporary);
        return ValueTask.CompletedTask;
    }

    private void Spend()
    {
        if (_state != State.Open) throw new InvalidOperationException("This write attempt is over.");
        _state = State.Spent;
    }
}
