using System.Buffers;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;

namespace Skylight.Archive.Sealing;

/// <summary>
/// Writes one sealed object as a stream, in constant memory. Its id, key and name are fresh for this attempt: a writer that failed is spent, and a
/// second attempt is a second object. Not for concurrent use.
/// </summary>
public sealed class SealedObjectWriter : IAsyncDisposable
{
    private const int OutputBytes = 1 << 20;

    private readonly ObjectSink _sink;
    private readonly SealedHeader _header;
    private readonly SegmentCipher _cipher;
    private readonly SegmentBinding _binding;
    private readonly byte[] _plain;
    private readonly int _keepBytes;
    private byte[]? _output;
    private int _plainCount;
    private int _outputCount;
    private long _segment;
    private State _state;

    private SealedObjectWriter(ObjectSink sink, SealedHeader header, string name, DataKey key, SealOptions options, int keepBytes)
    {
        _sink = sink;
        _keepBytes = keepBytes;
        _header = header;
        Name = name;
        using (var objectKey = key.DeriveObjectKey(header)) _cipher = options.Cipher(header.Algorithm, objectKey.Bytes);
        _binding = new SegmentBinding(header);
        _plain = ArrayPool<byte>.Shared.Rent(header.SegmentBytes);
        _output = ArrayPool<byte>.Shared.Rent(Math.Max(OutputBytes, SealedHeader.Size + header.SegmentBytes + SealedHeader.TagBytes));
        header.Write(_output);
        _outputCount = SealedHeader.Size;
    }

    private enum State
    {
        Open,
        Failed,
        Done,
    }

    /// <summary>The object's name in the store.</summary>
    public string Name { get; }

    /// <summary>Plaintext bytes written so far.</summary>
    public long Position { get; private set; }

    /// <summary>
    /// Starts an object of a study. While it holds at most <paramref name="keepBytes"/> sealed bytes it stays in memory and
    /// <see cref="CommitAsync"/> hands it over as a <see cref="SmallObject"/>; past that (or with 0) it streams into the store.
    /// </summary>
    /// <param name="folder"><see cref="SealedName.Folder"/>.</param>
    /// <param name="key">The study's key; used before this returns, so its holder may dispose it.</param>
    public static SealedObjectWriter Create(IObjectStore store, string folder, DataKey key, SealedType type, SealOptions options, int keepBytes = 0)
    {
        var header = options.NewHeader(type, key);
        var name = SealedName.Of(folder, header);
        return new SealedObjectWriter(new ObjectSink(store, name, keepBytes), header, name, key, options, keepBytes);
    }

    /// <summary>Seals bytes that are at hand as one whole small object, stored nowhere yet.</summary>
    public static (SealedReference Reference, SmallObject Object) Seal(string folder, DataKey key, SealedType type, SealOptions options, ReadOnlySpan<byte> plaintext)
    {
        var header = options.NewHeader(type, key);
        var name = SealedName.Of(folder, header);
        var length = checked((int)header.SealedLength(plaintext.Length));
        using var objectKey = key.DeriveObjectKey(header);
        using var cipher = options.Cipher(header.Algorithm, objectKey.Bytes);
        var binding = new SegmentBinding(header);
        var output = ArrayPool<byte>.Shared.Rent(length);
        header.Write(output);
        var at = SealedHeader.Size;
        var segments = header.SegmentCount(plaintext.Length);
        for (var segment = 0L; segment < segments; segment++)
        {
            var last = segment == segments - 1;
            var part = plaintext.Slice((int)(segment * header.SegmentBytes), last ? plaintext.Length - (int)(segment * header.SegmentBytes) : header.SegmentBytes);
            binding.Set(segment, last);
            cipher.Seal(binding.Nonce, binding.Associated, part, output.AsSpan(at, part.Length), output.AsSpan(at + part.Length, SealedHeader.TagBytes));
            at += part.Length + SealedHeader.TagBytes;
        }

        return (new SealedReference(name, plaintext.Length), new SmallObject(name, output, length));
    }

    /// <summary>Appends plaintext. The memory is free for reuse when the task completes.</summary>
    /// <exception cref="StorageFullException">The store has no room; dispose the writer.</exception>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        EnsureOpen();
        _state = State.Failed;
        Position += bytes.Length;
        while (!bytes.IsEmpty)
        {
            // A full segment is sealed only when more follows: the last one carries the flag.
            if (_plainCount == _header.SegmentBytes)
            {
                await SealAsync(_plain.AsMemory(0, _plainCount), last: false, cancellationToken);
                _plainCount = 0;
            }

            if (_plainCount == 0 && bytes.Length > _header.SegmentBytes)
            {
                await SealAsync(bytes[.._header.SegmentBytes], last: false, cancellationToken);
                bytes = bytes[_header.SegmentBytes..];
                continue;
            }

            var count = Math.Min(bytes.Length, _header.SegmentBytes - _plainCount);
            bytes[..count].CopyTo(_plain.AsMemory(_plainCount));
            _plainCount += count;
            bytes = bytes[count..];
        }

        _state = State.Open;
    }

    /// <summary>
    /// Seals the last segment. Answers the reference, and either the object itself, which is then nowhere but in the caller's hands, or null when it
    /// is durable in the store.
    /// </summary>
    public async ValueTask<(SealedReference Reference, SmallObject? Small)> CommitAsync(CancellationToken cancellationToken)
    {
        EnsureOpen();
        _state = State.Failed;
        await SealAsync(_plain.AsMemory(0, _plainCount), last: true, cancellationToken);
        var small = HandOver() ?? await _sink.CommitAsync(_output.AsMemory(0, _outputCount), cancellationToken);
        _state = State.Done;
        return (new SealedReference(Name, Position), small);
    }

    /// <summary>Abandons what was not committed.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed) return;
        _disposed = true;
        _cipher.Dispose();
        ArrayPool<byte>.Shared.Return(_plain);
        if (_output is { } output) ArrayPool<byte>.Shared.Return(output);
        await _sink.DisposeAsync();
    }

    private bool _disposed;

    /// <summary>The output buffer itself, when the whole object is in it and fills it well: no copy. Null when it is not; a buffer that is nearly empty stays here.</summary>
    private SmallObject? HandOver()
    {
        if (!_sink.IsUnused || _outputCount > _keepBytes || _outputCount < _output!.Length / 2) return null;
        var small = new SmallObject(Name, _output, _outputCount);
        _output = null;
        return small;
    }

    private async ValueTask SealAsync(ReadOnlyMemory<byte> plaintext, bool last, CancellationToken cancellationToken)
    {
        var length = plaintext.Length + SealedHeader.TagBytes;
        if (_outputCount + length > _output!.Length)
        {
            await _sink.WriteAsync(_output.AsMemory(0, _outputCount), cancellationToken);
            _outputCount = 0;
        }

        _binding.Set(_segment++, last);
        _cipher.Seal(
            _binding.Nonce, _binding.Associated, plaintext.Span, _output.AsSpan(_outputCount, plaintext.Length), _output.AsSpan(_outputCount + plaintext.Length, SealedHeader.TagBytes));
        _outputCount += length;
    }

    private void EnsureOpen()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_state != State.Open) throw new InvalidOperationException("This write attempt is over; a sealed object is never resumed under its id.");
    }
}
