namespace Skylight.Imaging.Tests.Codecs;

/// <summary>JPEG lossless (T.81 annex H) written from the specification, with a Huffman table of five-bit codes: plain, not small.</summary>
internal static class LosslessJpegEncoder
{
    /// <param name="values">Colour by pixel.</param>
    /// <param name="restartLines">Lines between restart markers; 0 for none.</param>
    /// <param name="apart">One scan a component.</param>
    public static byte[] Encode(int[] values, int width, int height, int samples, int bits, int predictor, int transform, int restartLines, bool apart)
    {
        var stream = new List<byte> { 0xFF, 0xD8 };
        // Seventeen categories, all of five bits.
        Segment(stream, 0xC4, [0, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, .. Enumerable.Range(0, 17).Select(i => (byte)i)]);
        Segment(stream, 0xC3, [(byte)bits, (byte)(height >> 8), (byte)height, (byte)(width >> 8), (byte)width, (byte)samples, .. Enumerable.Range(1, samples).SelectMany(c => new byte[] { (byte)c, 0x11, 0 })]);
        if (restartLines > 0) Segment(stream, 0xDD, [(byte)((restartLines * width) >> 8), (byte)(restartLines * width)]);
        foreach (var scan in apart ? Enumerable.Range(0, samples).Select(c => new[] { c }) : [Enumerable.Range(0, samples).ToArray()])
        {
            Segment(stream, 0xDA, [(byte)scan.Length, .. scan.SelectMany(c => new byte[] { (byte)(c + 1), 0 }), (byte)predictor, 0, (byte)transform]);
            Scan(stream, values, width, height, samples, bits, predictor, transform, restartLines, scan);
        }

        stream.AddRange([0xFF, 0xD9]);
        return [.. stream];
    }

    private static void Scan(List<byte> stream, int[] values, int width, int height, int samples, int bits, int predictor, int transform, int restartLines, int[] scan)
    {
        ulong held = 0;
        var count = 0;
        void Put(uint value, int n)
        {
            held = (held << n) | value;
            for (count += n; count >= 8; count -= 8)
            {
                var b = (byte)(held >> (count - 8));
                stream.Add(b);
                if (b == 0xFF) stream.Add(0);
            }
        }

        void Flush()
        {
            if (count > 0) Put((1u << (8 - count)) - 1, 8 - count);
        }

        var restarts = 0;
        for (var y = 0; y < height; y++)
        {
            var first = y == 0;
            if (restartLines > 0 && y > 0 && y % restartLines == 0)
            {
                Flush();
                stream.AddRange([0xFF, (byte)(0xD0 + (restarts++ % 8))]);
                first = true;
            }

            for (var x = 0; x < width; x++)
            {
                foreach (var c in scan)
                {
                    int At(int dx, int dy) => values[((((y - dy) * width) + x - dx) * samples) + c] >> transform;
                    var prediction = first && x == 0 ? 1 << (bits - transform - 1)
                        : first ? At(1, 0)
                        : x == 0 ? At(0, 1)
                        : predictor switch
                        {
                            1 => At(1, 0),
                            2 => At(0, 1),
                            3 => At(1, 1),
                            4 => At(1, 0) + At(0, 1) - At(1, 1),
                            5 => At(1, 0) + ((At(0, 1) - At(1, 1)) >> 1),
                            6 => At(0, 1) + ((At(1, 0) - At(1, 1)) >> 1),
                            _ => (At(1, 0) + At(0, 1)) >> 1,
                        };
                    // Differences are modulo 65,536.
                    var difference = (short)(At(0, 0) - prediction);
                    var size = difference == short.MinValue ? 16 : difference == 0 ? 0 : 32 - System.Numerics.BitOperations.LeadingZeroCount((uint)Math.Abs((int)difference));
                    Put((uint)size, 5);
                    if (size is > 0 and < 16) Put((uint)(difference > 0 ? difference : difference + (1 << size) - 1), size);
                }
            }
        }

        Flush();
    }

    private static void Segment(List<byte> stream, byte marker, byte[] body) => stream.AddRange([0xFF, marker, (byte)((body.Length + 2) >> 8), (byte)(body.Length + 2), .. body]);
}
