using System.Buffers;
using System.IO.Compression;
using System.Numerics;
using System.Runtime.InteropServices;
using Skylight.Archive.Series;

namespace Skylight.Archive.Coding;

/// <summary>
/// One piece of a frame between its bytes in the file and its coded form. The values of the samples become a grey picture, planes below each other, the
/// smallest value 0, which a codec compresses; what lies in the bits beside them (overlays, rubbish) goes apart, and most often there is nothing.
/// </summary>
internal static class PieceCoder
{
    private const byte Extended = 1, Differences = 2, Rest = 4;

    /// <summary>The coded piece; null when it would not be smaller, or the codec cannot do it.</summary>
    public static byte[]? Encode(PixelShape shape, int rows, int samples, ReadOnlySpan<byte> plain, IPictureCodec codec)
    {
        var count = rows * shape.Columns * samples;
        var words = ArrayPool<ushort>.Shared.Rent(count);
        try
        {
            var view = words.AsSpan(0, count);
            Load(shape, samples, plain, view);
            var output = new WireWriter();
            var flags = (byte)0;
            if (samples == 3 && shape is { SampleBytes: 1, BitsStored: 8 } && Differ(view, shape.Columns)) flags = Differences;
            var extended = shape.Signed && IsExtended(shape, view);
            if (extended) flags |= Extended;
            var rest = extended ? null : TakeRest(shape, view);
            if (rest is not null) flags |= Rest;
            var (lowest, bits) = Level(shape, view);
            output.Byte(flags);
            output.Number((ulong)((lowest << 1) ^ (lowest >> 31)));
            output.Byte((byte)bits);
            if (rest is not null) output.Bytes(rest);
            output.Raw(codec.Encode(Picture(view, bits), shape.Columns, rows * samples, bits));
            return output.Count < plain.Length ? output.Written.ToArray() : null;
        }
        catch (InvalidDataException)
        {
            return null;
        }
        finally
        {
            ArrayPool<ushort>.Shared.Return(words);
        }
    }

    /// <summary>The bytes of a coded piece.</summary>
    /// <exception cref="InvalidDataException">It is not one of this shape.</exception>
    /// <exception cref="Sealing.SealedObjectException">It ends too early.</exception>
    public static void Decode(string name, PixelShape shape, int rows, int samples, ReadOnlySpan<byte> coded, IPictureCodec codec, Span<byte> plain)
    {
        var reader = new WireReader(name, coded);
        var flags = reader.Byte();
        var zigzag = reader.Number();
        var lowest = (int)(uint)(zigzag >> 1) ^ -(int)(zigzag & 1);
        var bits = reader.Byte();
        if (bits is < 1 or > 16 || (bits > 8 && shape.SampleBytes == 1)) throw new InvalidDataException("A coded piece has an impossible number of bits.");
        var rest = (flags & Rest) != 0 ? reader.Bytes() : [];
        var count = rows * shape.Columns * samples;
        var pictureBytes = count * (bits > 8 ? 2 : 1);
        var picture = ArrayPool<byte>.Shared.Rent(pictureBytes);
        var words = ArrayPool<ushort>.Shared.Rent(count);
        try
        {
            codec.Decode(reader.Remaining, shape.Columns, rows * samples, bits, picture.AsSpan(0, pictureBytes));
            var view = words.AsSpan(0, count);
            Widen(picture.AsSpan(0, pictureBytes), bits, view);
            Raise(shape, lowest, (flags & Extended) != 0, view);
            if ((flags & Rest) != 0) PutRest(shape, rest, view);
            if ((flags & Differences) != 0) Sum(view);
            Store(shape, samples, view, plain);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(picture);
            ArrayPool<ushort>.Shared.Return(words);
        }
    }

    /// <summary>Samples as words, planes one behind the other.</summary>
    private static void Load(PixelShape shape, int samples, ReadOnlySpan<byte> plain, Span<ushort> words)
    {
        var (step, pixels) = (shape.Planar ? 1 : samples, words.Length / samples);
        var wide = MemoryMarshal.Cast<byte, ushort>(plain);
        for (var plane = 0; plane < step; plane++)
        {
            var to = step == 1 ? words : words.Slice(plane * pixels, pixels);
            if (shape.SampleBytes == 1) for (int i = 0, at = plane; i < to.Length; i++, at += step) to[i] = plain[at];
            else for (int i = 0, at = plane; i < to.Length; i++, at += step) to[i] = wide[at];
        }

        if (shape is { BigEndian: true, SampleBytes: 2 }) System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(words, words);
    }

    private static void Store(PixelShape shape, int samples, Span<ushort> words, Span<byte> plain)
    {
        if (shape is { BigEndian: true, SampleBytes: 2 }) System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(words, words);
        var (step, pixels) = (shape.Planar ? 1 : samples, words.Length / samples);
        var wide = MemoryMarshal.Cast<byte, ushort>(plain);
        for (var plane = 0; plane < step; plane++)
        {
            var from = step == 1 ? words : words.Slice(plane * pixels, pixels);
            if (shape.SampleBytes == 1) for (int i = 0, at = plane; i < from.Length; i++, at += step) plain[at] = (byte)from[i];
            else for (int i = 0, at = plane; i < from.Length; i++, at += step) wide[at] = from[i];
        }
    }

    /// <summary>
    /// Red and blue as their differences from green, modulo 256, where that makes smoother pictures: what looks grey, as most of an ultrasound does, then costs
    /// one plane instead of three.
    /// </summary>
    private static bool Differ(Span<ushort> words, int columns)
    {
        var pixels = words.Length / 3;
        long before = 0, after = 0;
        for (var i = 1; i < pixels; i++)
        {
            if (i % columns == 0) continue;
            foreach (var at in (ReadOnlySpan<int>)[i, (2 * pixels) + i])
            {
                before += Math.Abs(words[at] - words[at - 1]);
                after += Math.Abs((int)(sbyte)(words[at] - words[pixels + i] - words[at - 1] + words[pixels + i - 1]));
            }
        }

        if (after >= before) return false;
        for (var i = 0; i < pixels; i++)
        {
            words[i] = (byte)(words[i] - words[pixels + i] + 128);
            words[(2 * pixels) + i] = (byte)(words[(2 * pixels) + i] - words[pixels + i] + 128);
        }

        return true;
    }

    private static void Sum(Span<ushort> words)
    {
        var pixels = words.Length / 3;
        for (var i = 0; i < pixels; i++)
        {
            words[i] = (byte)(words[i] + words[pixels + i] - 128);
            words[(2 * pixels) + i] = (byte)(words[(2 * pixels) + i] + words[pixels + i] - 128);
        }
    }

    /// <summary>Whether every sample is its value shifted into place, the sign running on to the top: what most writers of signed values do.</summary>
    private static bool IsExtended(PixelShape shape, ReadOnlySpan<ushort> words)
    {
        var (low, high, all) = (shape.HighBit + 1 - shape.BitsStored, 31 - shape.HighBit, AllBits(shape));
        foreach (var word in words)
            if ((((word << high) >> (high + low) << low) & all) != word) return false;
        return true;
    }

    /// <summary>Leaves the value's own bits in the words; what lay beside them, packed, or null when all of it was 0.</summary>
    private static byte[]? TakeRest(PixelShape shape, Span<ushort> words)
    {
        var mask = Mask(shape);
        var any = 0;
        foreach (var word in words) any |= word & ~mask;
        if (any == 0) return null;
        var bytes = ArrayPool<byte>.Shared.Rent(words.Length * shape.SampleBytes);
        var packed = ArrayPool<byte>.Shared.Rent(BrotliEncoder.GetMaxCompressedLength(words.Length * shape.SampleBytes));
        try
        {
            for (var i = 0; i < words.Length; i++)
            {
                var rest = words[i] & ~mask;
                bytes[i] = (byte)rest;
                if (shape.SampleBytes == 2) bytes[words.Length + i] = (byte)(rest >> 8);
                words[i] &= mask;
            }

            if (!BrotliEncoder.TryCompress(bytes.AsSpan(0, words.Length * shape.SampleBytes), packed, out var length, quality: 5, window: 22)) throw new InvalidDataException("Brotli has no room.");
            return packed[..length];
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
            ArrayPool<byte>.Shared.Return(packed);
        }
    }

    private static void PutRest(PixelShape shape, ReadOnlySpan<byte> rest, Span<ushort> words)
    {
        var length = words.Length * shape.SampleBytes;
        var bytes = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            if (!BrotliDecoder.TryDecompress(rest, bytes.AsSpan(0, length), out var count) || count != length) throw new InvalidDataException("The unused bits of a coded piece are not whole.");
            for (var i = 0; i < words.Length; i++) words[i] |= (ushort)(bytes[i] | (shape.SampleBytes == 2 ? bytes[words.Length + i] << 8 : 0));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    /// <summary>Samples to their values less the smallest one; that one, and how many bits the largest takes.</summary>
    private static (int Lowest, int Bits) Level(PixelShape shape, Span<ushort> words)
    {
        // The sign bit goes to the top of 32 bits and comes down as an arithmetic shift. Without a sign the upper bits are 0.
        var low = shape.HighBit + 1 - shape.BitsStored;
        var high = shape.Signed ? 31 - shape.HighBit : 0;
        var (lowest, highest) = (int.MaxValue, int.MinValue);
        foreach (var word in words)
        {
            var value = (word << high) >> (high + low);
            lowest = Math.Min(lowest, value);
            highest = Math.Max(highest, value);
        }

        for (var i = 0; i < words.Length; i++) words[i] = (ushort)(((words[i] << high) >> (high + low)) - lowest);
        return (lowest, Math.Max(1, 32 - BitOperations.LeadingZeroCount((uint)(highest - lowest))));
    }

    private static void Raise(PixelShape shape, int lowest, bool extended, Span<ushort> words)
    {
        var low = shape.HighBit + 1 - shape.BitsStored;
        var mask = extended ? AllBits(shape) : Mask(shape);
        for (var i = 0; i < words.Length; i++) words[i] = (ushort)(((words[i] + lowest) << low) & mask);
    }

    /// <summary>The words as the codec takes them: in place, a byte each where that is enough.</summary>
    private static Span<byte> Picture(Span<ushort> words, int bits)
    {
        var bytes = MemoryMarshal.AsBytes(words);
        if (bits > 8) return bytes;
        for (var i = 0; i < words.Length; i++) bytes[i] = (byte)words[i];
        return bytes[..words.Length];
    }

    private static void Widen(ReadOnlySpan<byte> picture, int bits, Span<ushort> words)
    {
        if (bits > 8) MemoryMarshal.Cast<byte, ushort>(picture).CopyTo(words);
        else for (var i = 0; i < words.Length; i++) words[i] = picture[i];
    }

    private static ushort AllBits(PixelShape shape) => shape.SampleBytes == 1 ? (ushort)0xFF : (ushort)0xFFFF;

    private static ushort Mask(PixelShape shape) => (ushort)(((1 << shape.BitsStored) - 1) << (shape.HighBit + 1 - shape.BitsStored));
}
