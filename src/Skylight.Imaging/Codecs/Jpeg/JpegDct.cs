using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Skylight.Imaging.Codecs.Jpeg;

/// <summary>
/// JPEG DCT, Huffman coded, 8 and 12 bit (T.81 processes 1, 2 and 4; progressive ones by <see cref="JpegProgressive"/>). Eight-bit streams normally go to
/// libjpeg-turbo; this decodes the 12-bit ones, which it does not. Samples come out in the stream's own colour space, chroma repeated to full size.
/// </summary>
internal static class JpegDct
{
    internal static ReadOnlySpan<byte> ZigZag =>
    [
        0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
        35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
    ];

    public static void Decode(ReadOnlySpan<byte> data, PixelLayout layout, Span<byte> destination)
    {
        var header = new JpegHeader();
        var at = header.ReadToScan(data, 0);
        if (at < 0 || header.FrameType is not (0xC0 or 0xC1 or 0xC2)) throw new PixelDataException(PixelDataError.Unsupported, $"JPEG frame type SOF{header.FrameType & 15} with {header.Precision} bit.");
        if (header.Precision is not (8 or 12)) throw new PixelDataException(PixelDataError.BadStream, $"A JPEG DCT stream of {header.Precision} bit.");
        JpegCheck.Matches(header.Rows, header.Columns, header.Components.Length, header.Precision, layout);
        var grid = new Grid(header);
        var planes = new Plane[header.Components.Length];
        for (var c = 0; c < planes.Length; c++)
        {
            var component = header.Components[c];
            if (grid.MaxH % component.H != 0 || grid.MaxV % component.V != 0) throw new PixelDataException(PixelDataError.Unsupported, "JPEG sampling factors that do not divide each other.");
            planes[c] = new Plane(component, grid.McusX * component.H * 8, grid.McusY * component.V * 8);
        }

        if (header.FrameType == 0xC2) JpegProgressive.Decode(header, data, at, planes, grid);
        else DecodeSequential(header, data, at, planes, grid);
        Store(planes, grid.MaxH, grid.MaxV, layout, destination);
    }

    private static void DecodeSequential(JpegHeader header, ReadOnlySpan<byte> data, int at, Plane[] planes, Grid grid)
    {
        var done = 0;
        while (at >= 0)
        {
            at = DecodeScan(header, data, at, planes, grid);
            done += header.Scan.Length;
            if (done >= planes.Length) return;
            at = header.ReadToScan(data, at);
        }

        throw new PixelDataException(PixelDataError.Truncated, $"The JPEG stream has scans for {done} of {planes.Length} components.");
    }

    private static int DecodeScan(JpegHeader header, ReadOnlySpan<byte> data, int at, Plane[] planes, Grid grid)
    {
        var scan = header.Scan;
        var single = scan.Length == 1;
        var (mcusX, mcusY) = single ? grid.Blocks(header, scan[0]) : (grid.McusX, grid.McusY);
        var parts = Array.ConvertAll(scan, component => (
            Component: component,
            Plane: planes[Array.IndexOf(header.Components, component)],
            Dc: header.Dc[component.DcTable] ?? throw Missing("Huffman", component.DcTable),
            Ac: header.Ac[component.AcTable] ?? throw Missing("Huffman", component.AcTable),
            Quantisation: header.Quantisation[component.Quantisation] ?? throw Missing("quantisation", component.Quantisation)));
        var bits = new JpegBits(data, at);
        var predictions = new int[scan.Length];
        var untilRestart = header.RestartInterval;
        Span<int> block = stackalloc int[64];
        for (var my = 0; my < mcusY; my++)
        {
            for (var mx = 0; mx < mcusX; mx++)
            {
                if (header.RestartInterval > 0 && untilRestart-- == 0)
                {
                    bits.Restart();
                    Array.Clear(predictions);
                    untilRestart = header.RestartInterval - 1;
                }

                for (var s = 0; s < scan.Length; s++)
                {
                    var (component, plane, dc, ac, quantisation) = parts[s];
                    var (h, v) = single ? (1, 1) : (component.H, component.V);
                    for (var by = 0; by < v; by++)
                    {
                        for (var bx = 0; bx < h; bx++)
                        {
                            ReadBlock(ref bits, dc, ac, quantisation, ref predictions[s], block);
                            var target = plane.Samples.AsSpan((((my * v) + by) * 8 * plane.Width) + (((mx * h) + bx) * 8));
                            InverseDct(block, target, plane.Width, header.Precision);
                        }
                    }
                }
            }
        }

        return bits.At;
    }

    internal static PixelDataException Missing(string kind, int id) => new(PixelDataError.BadStream, $"JPEG {kind} table {id} is missing.");

    private static void ReadBlock(ref JpegBits bits, JpegHuffman dc, JpegHuffman ac, ushort[] quantisation, ref int prediction, scoped Span<int> block)
    {
        block.Clear();
        var size = dc.Decode(ref bits);
        if (size > 16) throw new PixelDataException(PixelDataError.BadStream, $"A JPEG DC difference of {size} bits.");
        if (size > 0) prediction += bits.Extend(size);
        // Damaged data may drift without bound; 17 bits hold every legal value, so clamping changes no valid image.
        prediction = Math.Clamp(prediction, -(1 << 17), 1 << 17);
        block[0] = prediction * quantisation[0];
        for (var k = 1; k < 64; k++)
        {
            var symbol = ac.Decode(ref bits);
            var (run, length) = (symbol >> 4, symbol & 15);
            if (length == 0)
            {
                if (run != 15) return;
                k += 15;
                continue;
            }

            k += run;
            if (k > 63) throw new PixelDataException(PixelDataError.BadStream, "A JPEG block has more than 64 coefficients.");
            block[ZigZag[k]] = bits.Extend(length) * quantisation[k];
        }
    }

    /// <summary>
    /// The scaled integer inverse DCT of Loeffler, Ligtenberg and Moschytz (ICASSP 1989), 13-bit constants, rows after columns, eight of them at a time. 32 bits
    /// hold every intermediate value of legal coefficients; damaged ones wrap around.
    /// </summary>
    internal static void InverseDct(Span<int> block, Span<ushort> target, int stride, int precision)
    {
        // 12-bit samples need the headroom: one fraction bit between the passes instead of two.
        var fraction = precision == 8 ? 2 : 1;
        var level = 1 << (precision - 1);
        var max = (1 << precision) - 1;
        if (!block[1..].ContainsAnyExcept(0))
        {
            // Only the mean, as in flat parts of the image.
            var mean = ((block[0] << fraction) + (1 << (fraction + 2))) >> (fraction + 3);
            for (var y = 0; y < 8; y++) target.Slice(y * stride, 8).Fill((ushort)Math.Clamp(mean + level, 0, max));
            return;
        }

        Pass(block, 13 - fraction);
        Transpose(block);
        Pass(block, 13 + fraction + 3);
        Transpose(block);
        var (levels, zero, most) = (Vector256.Create(level), Vector256<int>.Zero, Vector256.Create(max));
        for (var y = 0; y < 8; y++)
        {
            var row = Vector256.Min(Vector256.Max(Vector256.Create<int>(block.Slice(8 * y, 8)) + levels, zero), most);
            Vector128.Narrow(row.GetLower(), row.GetUpper()).AsUInt16().CopyTo(target.Slice(y * stride, 8));
        }
    }

    /// <summary>One dimension: element i of each vector is column i.</summary>
    private static void Pass(Span<int> b, int shift)
    {
        const int C0298 = 2446, C0390 = 3196, C0541 = 4433, C0765 = 6270, C0899 = 7373, C1175 = 9633;
        const int C1501 = 12299, C1847 = 15137, C1961 = 16069, C2053 = 16819, C2562 = 20995, C3072 = 25172;
        var (s0, s1, s2, s3) = (Vector256.Create<int>(b[..8]), Vector256.Create<int>(b.Slice(8, 8)), Vector256.Create<int>(b.Slice(16, 8)), Vector256.Create<int>(b.Slice(24, 8)));
        var (s4, s5, s6, s7) = (Vector256.Create<int>(b.Slice(32, 8)), Vector256.Create<int>(b.Slice(40, 8)), Vector256.Create<int>(b.Slice(48, 8)), Vector256.Create<int>(b.Slice(56, 8)));

        var e = (s2 + s6) * C0541;
        var e2 = e - (s6 * C1847);
        var e3 = e + (s2 * C0765);
        var e0 = Vector256.ShiftLeft(s0 + s4, 13);
        var e1 = Vector256.ShiftLeft(s0 - s4, 13);
        var (t0, t3, t1, t2) = (e0 + e3, e0 - e3, e1 + e2, e1 - e2);

        var (z1, z2, z3, z4) = (s7 + s1, s5 + s3, s7 + s3, s5 + s1);
        var z5 = (z3 + z4) * C1175;
        z1 *= -C0899;
        z2 *= -C2562;
        z3 = (z3 * -C1961) + z5;
        z4 = (z4 * -C0390) + z5;
        var o0 = (s7 * C0298) + z1 + z3;
        var o1 = (s5 * C2053) + z2 + z4;
        var o2 = (s3 * C3072) + z2 + z3;
        var o3 = (s1 * C1501) + z1 + z4;

        var half = Vector256.Create(1 << (shift - 1));
        Vector256.ShiftRightArithmetic(t0 + o3 + half, shift).CopyTo(b);
        Vector256.ShiftRightArithmetic(t1 + o2 + half, shift).CopyTo(b[8..]);
        Vector256.ShiftRightArithmetic(t2 + o1 + half, shift).CopyTo(b[16..]);
        Vector256.ShiftRightArithmetic(t3 + o0 + half, shift).CopyTo(b[24..]);
        Vector256.ShiftRightArithmetic(t3 - o0 + half, shift).CopyTo(b[32..]);
        Vector256.ShiftRightArithmetic(t2 - o1 + half, shift).CopyTo(b[40..]);
        Vector256.ShiftRightArithmetic(t1 - o2 + half, shift).CopyTo(b[48..]);
        Vector256.ShiftRightArithmetic(t0 - o3 + half, shift).CopyTo(b[56..]);
    }

    private static void Transpose(Span<int> b)
    {
        b = b[..64];
        for (var y = 0; y < 8; y++)
            for (var x = y + 1; x < 8; x++) (b[(8 * y) + x], b[(8 * x) + y]) = (b[(8 * x) + y], b[(8 * y) + x]);
    }

    private static void Store(Plane[] planes, int maxH, int maxV, PixelLayout layout, Span<byte> destination)
    {
        var bytes = layout.BytesPerSample;
        for (var c = 0; c < planes.Length; c++)
        {
            var plane = planes[c];
            var (dx, dy) = (maxH / plane.Component.H, maxV / plane.Component.V);
            for (var y = 0; y < layout.Rows; y++)
            {
                var line = plane.Samples.AsSpan(y / dy * plane.Width, plane.Width);
                if (planes.Length == 1 && bytes == 2)
                {
                    MemoryMarshal.AsBytes(line[..layout.Columns]).CopyTo(destination[(y * layout.Columns * 2)..]);
                    continue;
                }

                var at = ((y * layout.Columns * planes.Length) + c) * bytes;
                for (var x = 0; x < layout.Columns; x++, at += planes.Length * bytes)
                {
                    if (bytes == 1) destination[at] = (byte)line[x / dx];
                    else BinaryPrimitives.WriteUInt16LittleEndian(destination[at..], line[x / dx]);
                }
            }
        }
    }

    internal sealed class Plane(JpegComponent component, int width, int height)
    {
        public JpegComponent Component { get; } = component;

        public int Width { get; } = width;

        public ushort[] Samples { get; } = new ushort[checked(width * height)];
    }

    /// <summary>How blocks lie on the image.</summary>
    internal readonly struct Grid(JpegHeader header)
    {
        public int MaxH { get; } = header.Components.Max(c => c.H);

        public int MaxV { get; } = header.Components.Max(c => c.V);

        public int McusX => (header.Columns + (8 * MaxH) - 1) / (8 * MaxH);

        public int McusY => (header.Rows + (8 * MaxV) - 1) / (8 * MaxV);

        /// <summary>T.81 A.2.2: a scan of one component runs over its own blocks, without those beyond the image.</summary>
        public (int Across, int Down) Blocks(JpegHeader frame, JpegComponent only) =>
            ((((frame.Columns * only.H) + MaxH - 1) / MaxH + 7) / 8, (((frame.Rows * only.V) + MaxV - 1) / MaxV + 7) / 8);
    }
}
