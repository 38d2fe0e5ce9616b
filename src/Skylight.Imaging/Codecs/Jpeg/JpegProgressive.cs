namespace Skylight.Imaging.Codecs.Jpeg;

/// <summary>
/// JPEG progressive DCT, Huffman coded, 8 and 12 bit (T.81 annex G; retired in DICOM, still in archives): spectral selection and successive approximation.
/// All coefficients are held until the last scan: four bytes a sample.
/// </summary>
internal static class JpegProgressive
{
    public static void Decode(JpegHeader header, ReadOnlySpan<byte> data, int at, JpegDct.Plane[] planes, JpegDct.Grid grid)
    {
        var coefficients = Array.ConvertAll(planes, p => new int[p.Samples.Length]);
        var begun = new bool[planes.Length];
        while (at >= 0)
        {
            at = Scan(header, data, at, planes, grid, coefficients);
            foreach (var component in header.Scan) begun[Array.IndexOf(header.Components, component)] |= header.SpectralStart == 0;
            // The end of the image may be missing: what is there counts, once every component has its mean values.
            if (at >= data.Length - 1 && !begun.Contains(false)) break;
            at = header.ReadToScan(data, at);
        }

        if (begun.Contains(false)) throw new PixelDataException(PixelDataError.Truncated, "The progressive JPEG stream ends before every component has begun.");
        Span<int> block = stackalloc int[64];
        for (var c = 0; c < planes.Length; c++)
        {
            var plane = planes[c];
            var quantisation = header.Quantisation[plane.Component.Quantisation] ?? throw JpegDct.Missing("quantisation", plane.Component.Quantisation);
            for (var b = 0; b < plane.Samples.Length / 64; b++)
            {
                var source = coefficients[c].AsSpan(b * 64, 64);
                for (var k = 0; k < 64; k++) block[JpegDct.ZigZag[k]] = source[k] * quantisation[k];
                var (row, column) = (b / (plane.Width / 8), b % (plane.Width / 8));
                JpegDct.InverseDct(block, plane.Samples.AsSpan((row * 8 * plane.Width) + (column * 8)), plane.Width, header.Precision);
            }
        }
    }

    private static int Scan(JpegHeader header, ReadOnlySpan<byte> data, int at, JpegDct.Plane[] planes, JpegDct.Grid grid, int[][] coefficients)
    {
        var scan = header.Scan;
        var isDc = header.SpectralStart == 0;
        if (header.SpectralEnd > 63 || header.SpectralStart > header.SpectralEnd || (isDc && header.SpectralEnd != 0) || (!isDc && scan.Length > 1) || header.PointTransform > 13)
            throw new PixelDataException(PixelDataError.BadStream, "A progressive JPEG scan of impossible coefficients.");
        var single = scan.Length == 1;
        var (across, down) = single ? grid.Blocks(header, scan[0]) : (grid.McusX, grid.McusY);
        var bits = new JpegBits(data, at);
        var state = new State();
        var predictions = new int[scan.Length];
        var untilRestart = header.RestartInterval;
        for (var my = 0; my < down; my++)
        {
            for (var mx = 0; mx < across; mx++)
            {
                if (header.RestartInterval > 0 && untilRestart-- == 0)
                {
                    bits.Restart();
                    Array.Clear(predictions);
                    state.EndOfBand = 0;
                    untilRestart = header.RestartInterval - 1;
                }

                for (var s = 0; s < scan.Length; s++)
                {
                    var index = Array.IndexOf(header.Components, scan[s]);
                    var (h, v) = single ? (1, 1) : (scan[s].H, scan[s].V);
                    for (var by = 0; by < v; by++)
                    {
                        for (var bx = 0; bx < h; bx++)
                        {
                            var block = coefficients[index].AsSpan(((((my * v) + by) * (planes[index].Width / 8)) + (mx * h) + bx) * 64, 64);
                            if (isDc) Dc(ref bits, header, scan[s], ref predictions[s], block);
                            else if (header.PointTransformBefore == 0) AcFirst(ref bits, header, scan[s], ref state, block);
                            else AcRefine(ref bits, header, scan[s], ref state, block);
                        }
                    }
                }
            }
        }

        return bits.At;
    }

    private static void Dc(ref JpegBits bits, JpegHeader header, JpegComponent component, ref int prediction, Span<int> block)
    {
        if (header.PointTransformBefore != 0)
        {
            block[0] |= bits.Take(1) << header.PointTransform;
            return;
        }

        var size = (header.Dc[component.DcTable] ?? throw JpegDct.Missing("Huffman", component.DcTable)).Decode(ref bits);
        if (size > 16) throw new PixelDataException(PixelDataError.BadStream, $"A JPEG DC difference of {size} bits.");
        if (size > 0) prediction += bits.Extend(size);
        prediction = Math.Clamp(prediction, -(1 << 17), 1 << 17);
        block[0] = prediction << header.PointTransform;
    }

    private static void AcFirst(ref JpegBits bits, JpegHeader header, JpegComponent component, ref State state, Span<int> block)
    {
        if (state.EndOfBand > 0)
        {
            state.EndOfBand--;
            return;
        }

        var table = header.Ac[component.AcTable] ?? throw JpegDct.Missing("Huffman", component.AcTable);
        for (var k = header.SpectralStart; k <= header.SpectralEnd; k++)
        {
            var symbol = table.Decode(ref bits);
            var (run, size) = (symbol >> 4, symbol & 15);
            if (size == 0)
            {
                if (run < 15)
                {
                    state.EndOfBand = (1 << run) - 1 + bits.Take(run);
                    return;
                }

                k += 15;
                continue;
            }

            k += run;
            if (k > 63) throw new PixelDataException(PixelDataError.BadStream, "A JPEG block has more than 64 coefficients.");
            block[k] = bits.Extend(size) << header.PointTransform;
        }
    }

    /// <summary>T.81 G.1.2.3: one more bit of what is there, and new coefficients of plus or minus one in between.</summary>
    private static void AcRefine(ref JpegBits bits, JpegHeader header, JpegComponent component, ref State state, Span<int> block)
    {
        var one = 1 << header.PointTransform;
        var k = header.SpectralStart;
        if (state.EndOfBand == 0)
        {
            var table = header.Ac[component.AcTable] ?? throw JpegDct.Missing("Huffman", component.AcTable);
            for (; k <= header.SpectralEnd; k++)
            {
                var symbol = table.Decode(ref bits);
                var (run, size) = (symbol >> 4, symbol & 15);
                var value = 0;
                if (size == 0)
                {
                    if (run < 15)
                    {
                        state.EndOfBand = (1 << run) + bits.Take(run);
                        break;
                    }
                }
                else
                {
                    value = bits.Take(1) == 1 ? one : -one;
                }

                for (; k <= header.SpectralEnd; k++)
                {
                    if (block[k] != 0) Correct(ref bits, ref block[k], one);
                    else if (run-- == 0) break;
                }

                if (value != 0 && k <= header.SpectralEnd) block[k] = value;
            }
        }

        if (state.EndOfBand == 0) return;
        for (; k <= header.SpectralEnd; k++)
            if (block[k] != 0) Correct(ref bits, ref block[k], one);
        state.EndOfBand--;
    }

    private static void Correct(ref JpegBits bits, ref int value, int one)
    {
        if (bits.Take(1) == 1 && (value & one) == 0) value += value > 0 ? one : -one;
    }

    private struct State
    {
        public int EndOfBand;
    }
}
