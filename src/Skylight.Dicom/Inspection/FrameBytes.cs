namespace Skylight.Dicom;

/// <summary>Fetching a frame that lies in the file as ranges.</summary>
public static class FrameBytes
{
    /// <summary>The frame's bytes out of a file in memory, fragments joined; a bit range is shifted so that its first bit is bit 0 of the first byte.</summary>
    /// <exception cref="ArgumentException">The frame reaches beyond the bytes.</exception>
    public static byte[] Read(this FrameRange frame, ReadOnlySpan<byte> file)
    {
        var bytes = new byte[Checked(frame.Length)];
        var at = 0;
        foreach (var range in frame.Ranges)
        {
            if (range.Offset < 0 || range.Offset + range.Length > file.Length) throw new ArgumentException("The frame reaches beyond the file.", nameof(frame));
            file.Slice((int)range.Offset, (int)range.Length).CopyTo(bytes.AsSpan(at));
            at += (int)range.Length;
        }

        return Shifted(frame, bytes);
    }

    /// <summary>The frame's bytes out of a seekable stream.</summary>
    /// <exception cref="EndOfStreamException">The frame reaches beyond the end.</exception>
    public static async Task<byte[]> ReadAsync(this FrameRange frame, Stream file, CancellationToken cancellationToken)
    {
        var bytes = new byte[Checked(frame.Length)];
        var at = 0;
        foreach (var range in frame.Ranges)
        {
            file.Position = range.Offset;
            await file.ReadExactlyAsync(bytes.AsMemory(at, (int)range.Length), cancellationToken);
            at += (int)range.Length;
        }

        return Shifted(frame, bytes);
    }

    private static int Checked(long length) => length <= Array.MaxLength ? (int)length : throw new ArgumentException("The frame does not fit into an array.");

    /// <summary>1-bit frames begin anywhere in a byte; least significant bit first (PS3.5 8.1.1).</summary>
    private static byte[] Shifted(FrameRange frame, byte[] bytes)
    {
        if (frame.BitLength == 0) return bytes;
        var result = new byte[(frame.BitLength + 7) / 8];
        var shift = frame.BitOffset;
        for (var i = 0; i < result.Length; i++)
        {
            var value = bytes[i] >> shift;
            if (shift > 0 && i + 1 < bytes.Length) value |= bytes[i + 1] << (8 - shift);
            result[i] = (byte)value;
        }

        var tail = (int)(frame.BitLength % 8);
        if (tail != 0) result[^1] &= (byte)((1 << tail) - 1);
        return result;
    }
}
