using System.Buffers.Binary;

namespace Skylight.Imaging.Codecs;

/// <summary>RLE Lossless (PS3.5 annex G): a header of 16 little-endian words, then one PackBits segment for each byte plane, most significant byte first.</summary>
internal static class Rle
{
    private const int HeaderBytes = 64;

    public static void Decode(ReadOnlySpan<byte> source, PixelLayout layout, Span<byte> destination)
    {
        if (source.Length < HeaderBytes) throw new PixelDataException(PixelDataError.Truncated, $"An RLE frame of {source.Length} bytes has no room for its header.");
        var bytes = layout.BytesPerSample;
        var segments = layout.SamplesPerPixel * bytes;
        var declared = BinaryPrimitives.ReadUInt32LittleEndian(source);
        if (declared != segments) throw new PixelDataException(PixelDataError.Mismatch, $"The RLE header names {declared} segments; {segments} follow from samples and bits.");
        var count = layout.PixelCount;
        if (segments == 1)
        {
            Unpack(Segment(source, 0, segments), destination[..count], 0);
            return;
        }

        // Byte planes first, whole runs at a time, then merged.
        using var planes = PixelBuffers.Rent(checked(segments * count));
        var unpacked = planes.Memory.Span;
        for (var segment = 0; segment < segments; segment++) Unpack(Segment(source, segment, segments), unpacked.Slice(segment * count, count), segment);
        if (bytes == 1) Planes.Interleave(unpacked, destination, count, segments, 1);
        else if (bytes == 2 && segments == 2) Planes.Words(unpacked[..count], unpacked[count..], destination);
        else Merge(unpacked, destination, count, layout.SamplesPerPixel, bytes);
    }

    private static ReadOnlySpan<byte> Segment(ReadOnlySpan<byte> source, int segment, int segments)
    {
        var start = BinaryPrimitives.ReadUInt32LittleEndian(source[(4 + (4 * segment))..]);
        var end = segment + 1 < segments ? BinaryPrimitives.ReadUInt32LittleEndian(source[(8 + (4 * segment))..]) : (uint)source.Length;
        if (start < HeaderBytes || start > end || end > source.Length)
            throw new PixelDataException(PixelDataError.BadStream, $"RLE segment {segment} lies at {start} to {end} of {source.Length} bytes.");
        return source[(int)start..(int)end];
    }

    private static void Merge(ReadOnlySpan<byte> planes, Span<byte> destination, int count, int samples, int bytes)
    {
        var stride = samples * bytes;
        for (var segment = 0; segment < stride; segment++)
        {
            // The most significant byte of a sample comes first.
            var at = ((segment / bytes) * bytes) + (bytes - 1 - (segment % bytes));
            var plane = planes.Slice(segment * count, count);
            for (var i = 0; i < plane.Length; i++, at += stride) destination[at] = plane[i];
        }
    }

    private static void Unpack(ReadOnlySpan<byte> source, Span<byte> destination, int segment)
    {
        int read = 0, written = 0;
        while (written < destination.Length)
        {
            if (read >= source.Length) throw Short(segment, written, destination.Length);
            var control = (sbyte)source[read++];
            if (control == -128) continue;
            if (control >= 0)
            {
                var run = control + 1;
                if (read + run > source.Length) throw Short(segment, written, destination.Length);
                // A run that passes the last pixel is padding of an odd encoder.
                var take = Math.Min(run, destination.Length - written);
                source.Slice(read, take).CopyTo(destination[written..]);
                read += run;
                written += take;
            }
            else
            {
                if (read >= source.Length) throw Short(segment, written, destination.Length);
                var take = Math.Min(1 - control, destination.Length - written);
                destination.Slice(written, take).Fill(source[read++]);
                written += take;
            }
        }

        static PixelDataException Short(int segment, int written, int count) =>
            new(PixelDataError.Truncated, $"RLE segment {segment} ends after {written} of {count} bytes.");
    }

    /// <summary>Encodes a frame that lies colour by pixel, little endian. Rows are packed on their own, as the annex demands.</summary>
    public static byte[] Encode(ReadOnlySpan<byte> source, PixelLayout layout)
    {
        var bytes = layout.BytesPerSample;
        var segments = layout.SamplesPerPixel * bytes;
        if (segments > 15) throw new PixelDataException(PixelDataError.Unsupported, $"RLE has at most 15 segments; {segments} are needed.");
        using var output = new MemoryStream(source.Length / 2);
        Span<byte> header = stackalloc byte[HeaderBytes];
        header.Clear();
        BinaryPrimitives.WriteInt32LittleEndian(header, segments);
        output.Write(header);
        var row = new byte[layout.Columns];
        for (var segment = 0; segment < segments; segment++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(header[(4 + (4 * segment))..], (int)output.Length);
            var offset = ((segment / bytes) * bytes) + (bytes - 1 - (segment % bytes));
            for (var y = 0; y < layout.Rows; y++)
            {
                var line = source.Slice(y * layout.Columns * segments, layout.Columns * segments);
                for (var x = 0; x < row.Length; x++) row[x] = line[(x * segments) + offset];
                Pack(row, output);
            }

            if (output.Length % 2 != 0) output.WriteByte(0);
        }

        var result = output.ToArray();
        header.CopyTo(result);
        return result;
    }

    private static void Pack(ReadOnlySpan<byte> row, MemoryStream output)
    {
        var at = 0;
        while (at < row.Length)
        {
            var run = 1;
            while (at + run < row.Length && run < 128 && row[at + run] == row[at]) run++;
            if (run >= 2)
            {
                output.WriteByte((byte)(1 - run));
                output.WriteByte(row[at]);
                at += run;
                continue;
            }

            var literal = 1;
            while (at + literal < row.Length && literal < 128 && !(at + literal + 1 < row.Length && row[at + literal] == row[at + literal + 1])) literal++;
            output.WriteByte((byte)(literal - 1));
            output.Write(row.Slice(at, literal));
            at += literal;
        }
    }
}
