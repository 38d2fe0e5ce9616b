using Skylight.Archive;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Core.Uploads;

namespace Skylight.Edge.Blobs;

/// <summary>
/// The bytes of staged uploads: every part is one sealed object under its container's own key, which is destroyed with the container.
/// So nothing of an upload lies readable on the disk, and what a crash or an unlink leaves behind cannot be read.
/// </summary>
internal sealed class StagedParts(IObjectStore store, string root, StudyKeys keys)
{
    /// <summary>Where the keys of containers are recorded, in the place of an institution code.</summary>
    public const string KeyOwner = "uploads";

    public async ValueTask<SealedObjectWriter> CreateAsync(string container, CancellationToken cancellationToken)
    {
        using var key = await keys.GetOrCreateAsync(KeyOwner, container, cancellationToken);
        return SealedObjectWriter.Create(store, SealedName.Folder(KeyOwner, container), key, SealedType.Staged, SealOptions.Default);
    }

    public ValueTask<SealedObjectReader> OpenAsync(BlobPart part, CancellationToken cancellationToken) =>
        SealedObjectReader.OpenAsync(store, new SealedReference(part.Object!, part.Length), SealedType.Staged, keys, cancellationToken);

    /// <summary>Deletes objects that nothing refers to any more. What cannot be deleted now goes with the container.</summary>
    public async ValueTask DeleteAsync(IReadOnlyList<string> objects, CancellationToken cancellationToken)
    {
        foreach (var name in objects) await store.DeleteAsync(name, cancellationToken);
    }

    /// <summary>
    /// Destroys the container's key first: from then on nothing of it can be read. So the files need not leave durably one by one, which would take
    /// minutes for a large session; what a crash leaves is unreadable, and goes when the deletion is repeated.
    /// </summary>
    public async ValueTask DeleteContainerAsync(string container, CancellationToken cancellationToken)
    {
        await keys.DestroyAsync(KeyOwner, container, cancellationToken);
        var folder = Path.Combine(root, KeyOwner, container);
        await Task.Run(
            () =>
            {
                if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
            },
            cancellationToken);
    }
}

/// <summary>Reads a blob's parts as one stream that seeks.</summary>
internal sealed class PartsStream(StagedParts store, IReadOnlyList<BlobPart> parts, long length) : ReadOnlyStream
{
    private readonly long[] _starts = Starts(parts);
    private SealedObjectReader? _reader;
    private int _open = -1;
    private long _position;

    public override bool CanSeek => true;

    public override long Length => length;

    public override long Position
    {
        get => _position;
        set => _position = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(value));
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.IsEmpty || _position >= length) return 0;
        // The last part that starts at or before the position; of parts without bytes the one that has some comes last.
        var index = Array.BinarySearch(_starts, _position);
        index = index < 0 ? ~index - 1 : index;
        while (parts[index].Length == 0 || (index + 1 < _starts.Length && _starts[index + 1] <= _position)) index++;
        try
        {
            if (_open != index)
            {
                _reader?.Dispose();
                (_reader, _open) = (null, -1);
                _reader = await store.OpenAsync(parts[index], cancellationToken);
                _open = index;
            }

            var offset = _position - _starts[index];
            var read = await _reader!.ReadAsync(offset, buffer[..(int)Math.Min(buffer.Length, parts[index].Length - offset)], cancellationToken);
            if (read == 0) throw new EndOfStreamException("A stored part is shorter than its record says.");
            _position += read;
            return read;
        }
        catch (ObjectMissingException)
        {
            // Overwritten or deleted while it was read: the version that was opened is gone.
            throw new UploadChangedException();
        }
    }

    private static long[] Starts(IReadOnlyList<BlobPart> parts)
    {
        var starts = new long[parts.Count];
        for (var i = 1; i < starts.Length; i++) starts[i] = starts[i - 1] + parts[i - 1].Length;
        return starts;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _reader?.Dispose();
        base.Dispose(disposing);
    }
}
