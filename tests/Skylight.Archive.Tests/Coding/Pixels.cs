using Skylight.Archive.Coding;

namespace Skylight.Archive.Tests.Coding;

/// <summary>Files with pixels of every shape: a head, smooth frames, a tail.</summary>
internal static class Pixels
{
    /// <summary>A shape that some writer could have meant, made of a seed.</summary>
    public static PixelShape Shape(Random random)
    {
        var bytes = random.Next(1, 3);
        var stored = random.Next(1, (8 * bytes) + 1);
        return new PixelShape
        {
            Rows = random.Next(1, 90),
            Columns = random.Next(1, 90),
            Samples = random.Next(3) == 0 ? 3 : 1,
            SampleBytes = bytes,
            BitsStored = stored,
            HighBit = random.Next(stored - 1, 8 * bytes),
            Signed = random.Next(2) == 0,
            Planar = random.Next(2) == 0,
            BigEndian = random.Next(4) == 0,
        };
    }

    /// <summary>What lies in the bits beside the values.</summary>
    public enum Junk
    {
        None,
        SignExtended,
        Overlay,
        Noise,
    }

    public static byte[] File(Random random, PixelShape shape, int frames, int head, int tail, Junk junk)
    {
        var file = new byte[head + (frames * shape.FrameBytes) + tail];
        random.NextBytes(file.AsSpan(0, head / 2));
        random.NextBytes(file.AsSpan(file.Length - tail));
        var mask = (1 << shape.BitsStored) - 1;
        var low = shape.HighBit + 1 - shape.BitsStored;
        var count = frames * shape.FrameBytes / shape.SampleBytes;
        for (var i = 0; i < count; i++)
        {
            var value = (int)((Math.Sin(i / 31.0) * mask / 2.1) + random.Next(3));
            var word = (value & mask) << low;
            if (junk == Junk.SignExtended && shape.Signed) word = (value << (32 - shape.BitsStored)) >> (32 - shape.BitsStored) << low;
            if (junk == Junk.Overlay && i / 40 % 2 == 0) word |= 1 << ((8 * shape.SampleBytes) - 1);
            if (junk == Junk.Noise) word ^= random.Next() & ~(mask << low);
            var at = head + (i * shape.SampleBytes);
            if (shape.SampleBytes == 1)
            {
                file[at] = (byte)word;
                continue;
            }

            var high = shape.BigEndian ? 0 : 1;
            file[at + high] = (byte)(word >> 8);
            file[at + 1 - high] = (byte)word;
        }

        return file;
    }
}
