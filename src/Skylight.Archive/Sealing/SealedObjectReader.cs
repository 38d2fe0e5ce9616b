using System.Buffers;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Packs;

namespace Skylight.Archive.Sealing;

/// <summary>
/// Reads ranges of one sealed object's plaintext. Only the segments that a range touches are read and decrypted, and no byte of a segment is
/// returned before that segment has authenticated. Of a store with second copies (<see cref="MirroredObjectStore"/>) a damaged or missing one is read on from the
/// other, from the segment at which it failed. Not for concurrent use.
/// </summary>
public sealed class SealedObjectReader : IDisposable
{
    /// <summary>Read at a time: little enough to be still in the processor's cache when it is decrypted.</summary>
    private const int ReadBytes = 512 << 10;
    private const int FirstReadBytes = 256 << 10;
    private const int FlushBytes = 256 << 10;

    private readonly IReadKeys _keys;
    private readonly SealOptions _options;
    private Copies _copies;
    private SealedHeader _header;
    private SegmentCipher _cipher;
    private SegmentBinding _binding;
    private int _stride;
    private long _segments;

    // The plaintext of the last segment of which only a part was wanted: the next range often begins there.
    private byte[]? _held;
    private long _heldSegment = -1;

    private SealedObjectReader(Copies copies, SealedReference reference, SealedHeader header, SegmentCipher cipher, IReadKeys keys, SealOptions options)
    {
        _copies = copies;
        _keys = keys;
        _options = options;
        Reference = reference;
        _header = header;
        _cipher = cipher;
        _binding = new SegmentBinding(header);
        _stride = header.SegmentBytes + SealedHeader.TagBytes;
        _segments = header.SegmentCount(reference.Length);
    }

    /// <summary>What the object's header says.</summary>
    internal SealedHeader Header => _header;

    /// <summary>Where headers are kept: one that was in use when a segment did not authenticate may be what is damaged, and is forgotten.</summary>
    internal Generations<SealedHeader>? KeptHeaders { get; init; }

    /// <summary>What is being read.</summary>
    public SealedReference Reference { get; }

    /// <summary>Plaintext bytes.</summary>
    public long Length => Reference.Length;

    /// <summary>Where the segment with this byte ends, or the object.</summary>
    private long SegmentEnd(long offset) => Math.Min(Length, ((offset / _header.SegmentBytes) + 1) * _header.SegmentBytes);

    /// <summary>Opens an object by reference; the store is asked for nothing but bytes.</summary>
    /// <exception cref="ObjectMissingException">There is no such object.</exception>
    /// <exception cref="SealedObjectException">Its header is damaged, or another object's.</exception>
    /// <exception cref="KeyUnavailableException">Its key cannot be had.</exception>
    public static ValueTask<SealedObjectReader> OpenAsync(IObjectStore store, SealedReference reference, SealedType type, IReadKeys keys, CancellationToken cancellationToken) =>
        OpenAsync(store, reference, type, keys, SealOptions.Default, cancellationToken);

    /// <summary>Opens an object whose length is not at hand (a scan of the store).</summary>
    public static async ValueTask<SealedObjectReader> OpenAsync(IObjectStore store, string name, SealedType type, IReadKeys keys, CancellationToken cancellationToken)
    {
        var length = await store.GetLengthAsync(name, cancellationToken) ?? throw new ObjectMissingException(name);
        var header = await ReadHeaderAsync(store, name, cancellationToken);
        var plain = header.PlaintextLength(length) ?? throw new SealedObjectException(name, SealedObjectException.Header, length < SealedHeader.Size + SealedHeader.TagBytes ? SealedFault.Truncated : SealedFault.WrongLength);
        return await OpenAsync(store, new SealedReference(name, plain), header, type, keys, SealOptions.Default, cancellationToken);
    }

    /// <summary>Reads and checks a header alone: what the object is, and the id of its key.</summary>
    public static async ValueTask<SealedHeader> ReadHeaderAsync(IObjectStore store, string name, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(SealedHeader.Size);
        try
        {
            var read = await store.ReadAsync(name, 0, buffer.AsMemory(0, SealedHeader.Size), cancellationToken);
            return SealedHeader.Parse(name, buffer.AsSpan(0, read));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Reads a whole object into memory: indexes, metadata, manifests.</summary>
    /// <exception cref="SealedObjectException">Any part of it is damaged, or bytes follow it.</exception>
    public static async ValueTask<byte[]> ReadAllAsync(IObjectStore store, SealedReference reference, SealedType type, IReadKeys keys, CancellationToken cancellationToken)
    {
        // One read brings header and body; one byte more than there should be shows whether something was appended.
        var guess = checked((int)(SealedHeader.Size + reference.Length + ((SealOptions.Default.SegmentBytes + reference.Length) / 4096 * SealedHeader.TagBytes) + SealedHeader.TagBytes + 1));
        var buffer = ArrayPool<byte>.Shared.Rent(guess);
        try
        {
            var read = await store.ReadAsync(reference.Name, 0, buffer.AsMemory(0, guess), cancellationToken);
            var header = SealedHeader.Parse(reference.Name, buffer.AsSpan(0, read));
            using var reader = await OpenAsync(store, reference, header, type, keys, SealOptions.Default, cancellationToken);
            return reader.OpenWhole(buffer, read);
        }
        catch (Exception damage) when (Copies.Of(store).CanFallBack(damage, reference.Name))
        {
            return await ReadAllFromOtherAsync(Copies.Of(store), reference, type, keys, damage, cancellationToken);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Reads a whole object whose length is not at hand. Up to 256 KiB take one request.</summary>
    /// <exception cref="SealedObjectException">Any part of it is damaged.</exception>
    public static async ValueTask<byte[]> ReadAllAsync(IObjectStore store, string name, SealedType type, IReadKeys keys, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(FirstReadBytes);
        try
        {
            var read = await store.ReadAsync(name, 0, buffer, cancellationToken);
            if (read == buffer.Length)
            {
                var length = await store.GetLengthAsync(name, cancellationToken) ?? throw new ObjectMissingException(name);
                var larger = ArrayPool<byte>.Shared.Rent(checked((int)Math.Max(length, read) + 1));
                buffer.AsSpan(0, read).CopyTo(larger);
                ArrayPool<byte>.Shared.Return(buffer);
                buffer = larger;
                read += await store.ReadAsync(name, read, buffer.AsMemory(read), cancellationToken);
            }

            var header = SealedHeader.Parse(name, buffer.AsSpan(0, read));
            var plain = header.PlaintextLength(read)
                ?? throw new SealedObjectException(name, 0, read < SealedHeader.Size + SealedHeader.TagBytes ? SealedFault.Truncated : SealedFault.WrongLength);
            using var reader = await OpenAsync(store, new SealedReference(name, plain), header, type, keys, SealOptions.Default, cancellationToken);
            return reader.OpenWhole(buffer, read);
        }
        catch (Exception damage) when (Copies.Of(store).CanFallBack(damage, name))
        {
            return await ReadAllFromOtherAsync(Copies.Of(store), name, type, keys, damage, cancellationToken);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Reads plaintext at <paramref name="offset"/> until the destination is full or the object ends; answers the bytes read.</summary>
    /// <exception cref="SealedObjectException">A segment of the range is damaged. The destination may hold authentic bytes of earlier segments.</exception>
    public async ValueTask<int> ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        var wanted = (int)Math.Clamp(Length - offset, 0, destination.Length);
        var done = CopyHeld(offset, destination.Span[..wanted]);
        if (done == wanted) return wanted;
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes(wanted - done));
        try
        {
            while (done < wanted)
            {
                try
                {
                    var batch = await FetchAsync(offset + done, wanted - done, buffer, cancellationToken);
                    for (var segment = batch.First; segment <= batch.Last; segment++) done += OpenInto(batch, segment, offset + done, destination.Span[done..wanted]);
                }
                catch (Exception damage) when (_copies.CanFallBack(damage, Reference.Name))
                {
                    await FallBackAsync(damage, offset + done, cancellationToken);
                    buffer = Fitting(buffer, wanted);
                }
            }

            return wanted;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Streams a range to <paramref name="destination"/>, segment by segment, in constant memory.</summary>
    /// <exception cref="SealedObjectException">A segment is damaged; bytes of earlier, authentic segments have been written.</exception>
    public Task CopyToAsync(Stream destination, long offset, long length, CancellationToken cancellationToken) =>
        CopyAsync((bytes, token) => destination.WriteAsync(bytes, token), offset, length, cancellationToken);

    /// <summary>
    /// As to a stream, but decrypted straight into the pipe's own memory; a segment that does not authenticate never becomes part of what is written. Flushed as it
    /// grows; what is left at the end is the caller's to flush.
    /// </summary>
    /// <inheritdoc cref="CopyToAsync(Stream, long, long, CancellationToken)"/>
    public async Task CopyToAsync(System.IO.Pipelines.PipeWriter destination, long offset, long length, CancellationToken cancellationToken)
    {
        Check(offset, length);
        var end = offset + length;
        if (length > 0 && offset / _header.SegmentBytes == _heldSegment)
        {
            var count = (int)(Math.Min(SegmentEnd(offset), end) - offset);
            CopyHeld(offset, destination.GetSpan(count)[..count]);
            destination.Advance(count);
            offset += count;
            if (destination.UnflushedBytes >= FlushBytes && (await destination.FlushAsync(cancellationToken)).IsCompleted) return;
        }

        if (offset == end) return;
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes(end - offset));
        try
        {
            while (offset < end)
            {
                try
                {
                    var batch = await FetchAsync(offset, end - offset, buffer, cancellationToken);
                    for (var segment = batch.First; segment <= batch.Last; segment++)
                    {
                        var count = (int)(Math.Min(SegmentEnd(offset), end) - offset);
                        OpenInto(batch, segment, offset, destination.GetSpan(count)[..count]);
                        destination.Advance(count);
                        offset += count;
                    }
                }
                catch (Exception damage) when (_copies.CanFallBack(damage, Reference.Name))
                {
                    await FallBackAsync(damage, offset, cancellationToken);
                    buffer = Fitting(buffer, length);
                }

                if (destination.UnflushedBytes >= FlushBytes && (await destination.FlushAsync(cancellationToken)).IsCompleted) return;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Reads and authenticates everything of the copy that was opened, header and length included, and answers the plaintext's length. For scrubs and drills.</summary>
    public async ValueTask<long> VerifyAsync(CancellationToken cancellationToken)
    {
        _copies = Copies.Only(_copies.Store);
        var actual = await _copies.Store.GetLengthAsync(Reference.Name, cancellationToken) ?? throw new ObjectMissingException(Reference.Name);
        var expected = _header.SealedLength(Length);
        if (actual != expected) throw new SealedObjectException(Reference.Name, _segments - 1, actual < expected ? SealedFault.Truncated : SealedFault.WrongLength);
        await CopyAsync((_, _) => ValueTask.CompletedTask, 0, Length, cancellationToken);
        if (Length > 0) return Length;
        var tag = new byte[SealedHeader.TagBytes];
        var read = await _copies.Store.ReadAsync(Reference.Name, SealedHeader.Size, tag, cancellationToken);
        Open(0, tag.AsSpan(0, read), []);
        return 0;
    }

    public void Dispose()
    {
        _cipher.Dispose();
        if (_held is { } held) ArrayPool<byte>.Shared.Return(held);
        (_held, _heldSegment) = (null, -1);
    }

    internal static async ValueTask<SealedObjectReader> OpenAsync(
        IObjectStore store, SealedReference reference, SealedType type, IReadKeys keys, SealOptions options, CancellationToken cancellationToken, Generations<SealedHeader>? keptHeaders = null)
    {
        try
        {
            var header = await ReadHeaderAsync(store, reference.Name, cancellationToken);
            return await OpenAsync(Copies.Of(store), reference, header, type, keys, options, keptHeaders, cancellationToken);
        }
        catch (Exception damage) when (Copies.Of(store).CanFallBack(damage, reference.Name))
        {
            return await OpenOtherAsync(Copies.Of(store), reference, type, keys, options, damage, keptHeaders, cancellationToken);
        }
    }

    internal static ValueTask<SealedObjectReader> OpenAsync(
        IObjectStore store, SealedReference reference, SealedHeader header, SealedType type, IReadKeys keys, SealOptions options, CancellationToken cancellationToken,
        Generations<SealedHeader>? keptHeaders = null) => OpenAsync(Copies.Of(store), reference, header, type, keys, options, keptHeaders, cancellationToken);

    private static async ValueTask<SealedObjectReader> OpenAsync(
        Copies copies, SealedReference reference, SealedHeader header, SealedType type, IReadKeys keys, SealOptions options, Generations<SealedHeader>? keptHeaders,
        CancellationToken cancellationToken)
    {
        if (header.Type != type) throw new SealedObjectException(reference.Name, SealedObjectException.Header, SealedFault.WrongType);
        if (!SealedName.Matches(reference.Name, header)) throw new SealedObjectException(reference.Name, SealedObjectException.Header, SealedFault.WrongObject);
        using var key = await keys.GetAsync(reference.Name, header, cancellationToken);
        return new SealedObjectReader(copies, reference, header, options.Cipher(header.Algorithm, key.Bytes), keys, options) { KeptHeaders = keptHeaders };
    }

    private static ValueTask<SealedObjectReader> OpenOtherAsync(
        Copies copies, SealedReference reference, SealedType type, IReadKeys keys, SealOptions options, Exception damage, Generations<SealedHeader>? keptHeaders,
        CancellationToken cancellationToken) => copies.FallBackAsync(reference.Name, damage, async other =>
        {
            var header = await ReadHeaderAsync(other.Store, reference.Name, cancellationToken);
            return await OpenAsync(other, reference, header, type, keys, options, keptHeaders, cancellationToken);
        });

    private static ValueTask<byte[]> ReadAllFromOtherAsync(Copies copies, SealedReference reference, SealedType type, IReadKeys keys, Exception damage, CancellationToken cancellationToken) =>
        copies.FallBackAsync(reference.Name, damage, other => ReadAllAsync(other.Store, reference, type, keys, cancellationToken));

    private static ValueTask<byte[]> ReadAllFromOtherAsync(Copies copies, string name, SealedType type, IReadKeys keys, Exception damage, CancellationToken cancellationToken) =>
        copies.FallBackAsync(name, damage, other => ReadAllAsync(other.Store, name, type, keys, cancellationToken));

    /// <summary>Goes on from the other copy, once that has given the segment at <paramref name="offset"/>. Otherwise the damage is thrown on.</summary>
    private async ValueTask FallBackAsync(Exception damage, long offset, CancellationToken cancellationToken)
    {
        var other = await _copies.FallBackAsync(Reference.Name, damage, async swapped =>
        {
            var header = await ReadHeaderAsync(swapped.Store, Reference.Name, cancellationToken);
            var reader = await OpenAsync(Copies.Only(swapped.Store), Reference, header, _header.Type, _keys, _options, null, cancellationToken);
            try
            {
                await reader.ReadAsync(offset, new byte[1], cancellationToken);
                return reader;
            }
            catch
            {
                reader.Dispose();
                throw;
            }
        });
        Dispose();
        _copies = _copies.Swapped;
        (_held, _heldSegment) = (other._held, other._heldSegment);
        (_header, _cipher, _binding, _stride, _segments) = (other._header, other._cipher, other._binding, other._stride, other._segments);
    }

    /// <summary>The buffer, or a larger one where the other copy's segments are larger than the damaged header said.</summary>
    private byte[] Fitting(byte[] buffer, long wanted)
    {
        if (buffer.Length >= _stride) return buffer;
        var larger = ArrayPool<byte>.Shared.Rent(BufferBytes(wanted));
        ArrayPool<byte>.Shared.Return(buffer);
        return larger;
    }

    private async Task CopyAsync(Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> write, long offset, long length, CancellationToken cancellationToken)
    {
        Check(offset, length);
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes(length));
        try
        {
            var end = offset + length;
            while (offset < end)
            {
                try
                {
                    var batch = await FetchAsync(offset, end - offset, buffer, cancellationToken);
                    for (var segment = batch.First; segment <= batch.Last; segment++)
                    {
                        var plain = OpenInPlace(batch, segment);
                        var skip = (int)(offset - (segment * _header.SegmentBytes));
                        var count = (int)Math.Min(plain.Length - skip, end - offset);
                        await write(plain.Slice(skip, count), cancellationToken);
                        offset += count;
                    }
                }
                catch (Exception damage) when (_copies.CanFallBack(damage, Reference.Name))
                {
                    await FallBackAsync(damage, offset, cancellationToken);
                    buffer = Fitting(buffer, length);
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private void Check(long offset, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if (length > Length - offset) throw new ArgumentOutOfRangeException(nameof(length), "The range reaches past the object's end.");
    }

    private int BufferBytes(long wanted) => (int)Math.Max(_stride, Math.Min(ReadBytes, wanted + (2L * _stride)));

    /// <summary>Reads as many whole segments from the one at <paramref name="offset"/> as are wanted and fit.</summary>
    private async ValueTask<Batch> FetchAsync(long offset, long wanted, byte[] buffer, CancellationToken cancellationToken)
    {
        var first = offset / _header.SegmentBytes;
        var last = Math.Min((offset + wanted - 1) / _header.SegmentBytes, first + (buffer.Length / _stride) - 1);
        var expected = last == _segments - 1 ? SealedLength(last) + ((last - first) * _stride) : (last - first + 1) * _stride;
        var read = await _copies.Store.ReadAsync(Reference.Name, SealedHeader.Size + (first * _stride), buffer.AsMemory(0, (int)expected), cancellationToken);
        return new Batch(first, last, buffer, read);
    }

    /// <summary>Ciphertext and tag of one segment.</summary>
    private int SealedLength(long segment) => PlainLength(segment) + SealedHeader.TagBytes;

    private int PlainLength(long segment) => segment < _segments - 1 ? _header.SegmentBytes : (int)(Length - (segment * _header.SegmentBytes));

    private Span<byte> Sealed(Batch batch, long segment)
    {
        var at = (int)((segment - batch.First) * _stride);
        var length = SealedLength(segment);
        return at + length <= batch.Count ? batch.Buffer.AsSpan(at, length) : throw new SealedObjectException(Reference.Name, segment, SealedFault.Truncated);
    }

    private ReadOnlyMemory<byte> OpenInPlace(Batch batch, long segment)
    {
        var bytes = Sealed(batch, segment);
        Open(segment, bytes, bytes[..^SealedHeader.TagBytes]);
        return batch.Buffer.AsMemory((int)((segment - batch.First) * _stride), bytes.Length - SealedHeader.TagBytes);
    }

    private int OpenInto(Batch batch, long segment, long offset, Span<byte> destination)
    {
        var length = PlainLength(segment);
        var skip = (int)(offset - (segment * _header.SegmentBytes));
        if (skip == 0 && destination.Length >= length)
        {
            Open(segment, Sealed(batch, segment), destination[..length]);
            return length;
        }

        _held ??= ArrayPool<byte>.Shared.Rent(_header.SegmentBytes);
        _heldSegment = -1;
        Open(segment, Sealed(batch, segment), _held.AsSpan(0, length));
        _heldSegment = segment;
        return CopyHeld(offset, destination);
    }

    /// <summary>Copies what the segment that is kept has from <paramref name="offset"/> on; answers how much that is, 0 where the offset lies in another one.</summary>
    private int CopyHeld(long offset, Span<byte> destination)
    {
        if (offset / _header.SegmentBytes != _heldSegment) return 0;
        var skip = (int)(offset - (_heldSegment * _header.SegmentBytes));
        var count = Math.Min(PlainLength(_heldSegment) - skip, destination.Length);
        _held.AsSpan(skip, count).CopyTo(destination);
        return count;
    }

    private byte[] OpenWhole(byte[] buffer, int read)
    {
        var expected = _header.SealedLength(Length);
        if (read < expected) throw new SealedObjectException(Reference.Name, Math.Max(0, (read - SealedHeader.Size) / _stride), SealedFault.Truncated);
        if (read > expected) throw new SealedObjectException(Reference.Name, _segments - 1, SealedFault.WrongLength);
        var plain = GC.AllocateUninitializedArray<byte>((int)Length);
        for (var segment = 0L; segment < _segments; segment++)
        {
            var length = PlainLength(segment);
            Open(segment, buffer.AsSpan(SealedHeader.Size + (int)(segment * _stride), length + SealedHeader.TagBytes), plain.AsSpan((int)(segment * _header.SegmentBytes), length));
        }

        return plain;
    }

    private void Open(long segment, ReadOnlySpan<byte> sealedBytes, Span<byte> plaintext)
    {
        if (sealedBytes.Length < SealedHeader.TagBytes) throw new SealedObjectException(Reference.Name, segment, SealedFault.Truncated);
        _binding.Set(segment, segment == _segments - 1);
        if (_cipher.Open(_binding.Nonce, _binding.Associated, sealedBytes[..^SealedHeader.TagBytes], sealedBytes[^SealedHeader.TagBytes..], plaintext)) return;
        KeptHeaders?.Forget(Reference.Name);
        throw new SealedObjectException(Reference.Name, segment, SealedFault.NotAuthentic);
    }

    private readonly record struct Batch(long First, long Last, byte[] Buffer, int Count);
}
