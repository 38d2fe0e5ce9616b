namespace Skylight.Imaging.Codecs.Jpeg;

/// <summary>
/// JPEG lossless, Huffman coded (T.81 annex H; DICOM processes 14 and 14 SV1): 2 to 16 bit, all seven predictors, point transform, restart intervals,
/// interleaved or one scan a component. No library of Debian's decodes it.
/// </summary>
internal static class JpegLossless
{
    public static void Decode(ReadOnlySpan<byte> data, PixelLayout layout, Span<byte> destination)
    {
        var header = new JpegHeader();
        var at = header.ReadToScan(data, 0);
        if (at < 0 || header.FrameType != 0xC3) throw new PixelDataException(PixelDataError.Mismatch, "The stream is not JPEG lossless (SOF3).");
        JpegCheck.Matches(header.Rows, header.Columns, header.Components.Length, header.Precision, layout);
        foreach (var component in header.Components)
            if (component.H != header.Components[0].H || component.V != header.Components[0].V) throw new PixelDataException(PixelDataError.Unsupported, "JPEG lossless with subsampled components.");
        var done = 0;
        while (at >= 0)
        {
            at = DecodeScan(header, data, at, layout, destination);
            done += header.Scan.Length;
            if (done >= header.Components.Length) return;
            at = header.ReadToScan(data, at);
        }

        throw new PixelDataException(PixelDataError.Truncated, $"The JPEG stream has scans for {done} of {header.Components.Length} components.");
    }

    private static int DecodeScan(JpegHeader header, ReadOnlySpan<byte> data, int at, PixelLayout layout, Span<byte> destination)
    {
        var predictor = header.SpectralStart;
        if (predictor is < 1 or > 7) throw new PixelDataException(PixelDataError.BadStream, $"JPEG predictor {predictor} does not exist.");
        if (header.PointTransform >= header.Precision) throw new PixelDataException(PixelDataError.BadStream, "The JPEG point transform shifts all bits out.");
        var n = header.Scan.Length;
        var width = header.Columns;
        var stride = width * n;
        var tables = new JpegHuffman[n];
        var index = new int[n];
        for (var c = 0; c < n; c++)
        {
            tables[c] = header.Dc[header.Scan[c].DcTable] ?? throw new PixelDataException(PixelDataError.BadStream, $"Huffman table {header.Scan[c].DcTable} is missing.");
            index[c] = Array.IndexOf(header.Components, header.Scan[c]);
        }

        var bits = new JpegBits(data, at);
        var above = new int[stride];
        var line = new int[stride];
        var initial = 1 << (header.Precision - header.PointTransform - 1);
        var untilRestart = header.RestartInterval;
        var firstLine = true;
        for (var y = 0; y < header.Rows; y++)
        {
            if (n == 1 && predictor == 1 && header.RestartInterval == 0)
            {
                // By far the most usual form: each value from the one before it.
                var before = firstLine ? initial : above[0];
                var table = tables[0];
                foreach (ref var value in line.AsSpan()) value = before = (before + Difference(ref bits, table)) & 0xFFFF;
                Store(line, y, n, index, header.PointTransform, layout, destination);
                (above, line) = (line, above);
                firstLine = false;
                continue;
            }

            for (var x = 0; x < width; x++)
            {
                if (header.RestartInterval > 0 && untilRestart-- == 0)
                {
                    // T.81 H.1.2.1: prediction starts anew; intervals are whole lines.
                    if (x != 0) throw new PixelDataException(PixelDataError.Unsupported, "A JPEG lossless restart interval that is not a whole number of lines.");
                    bits.Restart();
                    untilRestart = header.RestartInterval - 1;
                    firstLine = true;
                }

                for (var c = 0; c < n; c++)
                {
                    var i = (x * n) + c;
                    int prediction;
                    if (x == 0) prediction = firstLine ? initial : above[i];
                    else if (firstLine) prediction = line[i - n];
                    else prediction = Predict(predictor, line[i - n], above[i], above[i - n]);
                    line[i] = (prediction + Difference(ref bits, tables[c])) & 0xFFFF;
                }
            }

            Store(line, y, n, index, header.PointTransform, layout, destination);
            (above, line) = (line, above);
            firstLine = false;
        }

        return bits.At;
    }

    private static int Difference(ref JpegBits bits, JpegHuffman table)
    {
        var size = table.Decode(ref bits);
        return size switch
        {
            0 => 0,
            < 16 => bits.Extend(size),
            16 => 32768,
            _ => throw new PixelDataException(PixelDataError.BadStream, $"A JPEG lossless difference of {size} bits."),
        };
    }

    private static int Predict(int predictor, int a, int b, int c) => predictor switch
    {
        1 => a,
        2 => b,
        3 => c,
        4 => a + b - c,
        5 => a + ((b - c) >> 1),
        6 => b + ((a - c) >> 1),
        _ => (a + b) >> 1,
    };

    private static void Store(ReadOnlySpan<int> line, int y, int n, int[] index, int shift, PixelLayout layout, Span<byte> destination)
    {
        var samples = layout.SamplesPerPixel;
        var bytes = layout.BytesPerSample;
        var row = destination.Slice(y * layout.Columns * samples * bytes, layout.Columns * samples * bytes);
        if (samples == 1 && bytes == 2)
        {
            var words = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ushort>(row);
            for (var x = 0; x < words.Length && x < line.Length; x++) words[x] = (ushort)(line[x] << shift);
            return;
        }

        for (var x = 0; x < layout.Columns; x++)
        {
            for (var c = 0; c < n; c++)
            {
                var value = line[(x * n) + c] << shift;
                var at = ((x * samples) + index[c]) * bytes;
                row[at] = (byte)value;
                if (bytes == 2) row[at + 1] = (byte)(value >> 8);
            }
        }
    }
}

/// <summary>What a compressed stream says of itself must be what the dataset says: sizes come from the dataset, so a mismatch would read or write elsewhere.</summary>
internal static class JpegCheck
{
    public static void Matches(int rows, int columns, int components, int precision, PixelLayout layout)
    {
        if (rows != layout.Rows || columns != layout.Columns || components != layout.SamplesPerPixel)
            throw new PixelDataException(PixelDataError.Mismatch, $"The stream is {rows} x {columns} x {components}; the dataset says {layout.Rows} x {layout.Columns} x {layout.SamplesPerPixel}.");
        if (precision > layout.BytesPerSample * 8 || layout.BitsAllocated > 16)
            throw new PixelDataException(PixelDataError.Mismatch, $"The stream has {precision} bits a sample; the dataset allocates {layout.BitsAllocated}.");
    }
}
