using System.Buffers.Binary;

namespace Skylight.Imaging.Tests.Fuzz;

/// <summary>One damaged frame, and the layout that a dataset claims for it.</summary>
public sealed record FuzzInput(FuzzTarget Target, PixelLayout Layout, byte[] Frame);

/// <summary>
/// Makes damaged frames, each one from (seed, number) alone, so that what a killed process was working on can be made again. A dataset lies as easily as a
/// stream does, so some inputs take the size that the damaged stream claims.
/// </summary>
public static class CodecFuzzer
{
    private const int Guard = 64, MaxPixels = 1 << 18;

    public static FuzzInput Make(int seed, long number)
    {
        var random = new Random(unchecked((int)((seed * 0x9E37_79B9L) ^ (number * 0x85EB_CA6BL))));
        var target = FuzzTarget.All[(int)(number % FuzzTarget.All.Count)];
        var frame = Mutate([.. target.Frame], random);
        var layout = random.Next(3) switch
        {
            0 => Follow(target.Layout, frame),
            1 when random.Next(4) == 0 => Distort(target.Layout, random),
            _ => target.Layout,
        };
        return new FuzzInput(target, layout, frame);
    }

    /// <summary>Decodes it. True: decoded; false: refused as it should be.</summary>
    /// <exception cref="InvalidOperationException">Bytes behind the frame were written.</exception>
    public static bool Run(FuzzInput input)
    {
        byte[] destination;
        try
        {
            destination = new byte[input.Layout.Validate().FrameBytes + Guard];
        }
        catch (PixelDataException)
        {
            return false;
        }

        destination.AsSpan(destination.Length - Guard).Fill(0xA5);
        var decoded = Decode(input, destination.AsSpan(0, destination.Length - Guard));
        if (destination.AsSpan(destination.Length - Guard).ContainsAnyExcept((byte)0xA5)) throw new InvalidOperationException($"{input.Target.Name} wrote behind the frame.");
        return decoded;
    }

    private static bool Decode(FuzzInput input, Span<byte> destination)
    {
        try
        {
            FrameCodec.Decode(input.Target.Syntax, input.Layout, input.Frame, destination);
            return true;
        }
        catch (PixelDataException)
        {
            return false;
        }
    }

    private static byte[] Mutate(List<byte> frame, Random random)
    {
        for (var rounds = random.Next(1, 6); rounds > 0 && frame.Count > 4; rounds--)
        {
            // Headers decide most: half of all changes are among the first bytes.
            var at = random.Next(random.Next(2) == 0 ? Math.Min(frame.Count, 160) : frame.Count);
            switch (random.Next(9))
            {
                case 0:
                    frame[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    frame[at] = (byte)random.Next(256);
                    break;
                case 2:
                    frame[at] = new byte[] { 0, 1, 0x7F, 0x80, 0xFE, 0xFF }[random.Next(6)];
                    break;
                case 3:
                    frame.RemoveRange(at, Math.Min(frame.Count - at, random.Next(1, 20)));
                    break;
                case 4:
                    frame.InsertRange(at, frame.GetRange(at, Math.Min(frame.Count - at, random.Next(1, 40))));
                    break;
                case 5:
                    frame.RemoveRange(at, frame.Count - at);
                    break;
                case 6:
                    for (var i = at; i < Math.Min(at + 4, frame.Count); i++) frame[i] = (byte)random.Next(256);
                    break;
                case 7:
                    frame.InsertRange(at, [0xFF, (byte)random.Next(0x4F, 0x100), 0, (byte)random.Next(16)]);
                    break;
                default:
                    var other = FuzzTarget.All[random.Next(FuzzTarget.All.Count)].Frame;
                    var from = random.Next(other.Length);
                    frame.InsertRange(at, other.AsSpan(from, Math.Min(other.Length - from, random.Next(1, 64))).ToArray());
                    break;
            }
        }

        return [.. frame];
    }

    /// <summary>The size that the stream claims, where it claims one that is quickly decoded.</summary>
    private static PixelLayout Follow(PixelLayout layout, ReadOnlySpan<byte> frame)
    {
        var (rows, columns, samples, bits) = (0L, 0L, 0, 0);
        if (frame.Length > 45 && frame[0] == 0xFF && frame[1] == 0x4F)
        {
            columns = (long)BinaryPrimitives.ReadUInt32BigEndian(frame[8..]) - BinaryPrimitives.ReadUInt32BigEndian(frame[16..]);
            rows = (long)BinaryPrimitives.ReadUInt32BigEndian(frame[12..]) - BinaryPrimitives.ReadUInt32BigEndian(frame[20..]);
            (samples, bits) = (BinaryPrimitives.ReadUInt16BigEndian(frame[40..]), (frame[42] & 0x7F) + 1);
        }

        for (var at = 2; samples == 0 && at + 10 <= frame.Length; at++)
        {
            if (frame[at] != 0xFF || frame[at + 1] is not ((>= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC)) or 0xF7)) continue;
            (bits, rows, columns, samples) = (frame[at + 4], BinaryPrimitives.ReadUInt16BigEndian(frame[(at + 5)..]), BinaryPrimitives.ReadUInt16BigEndian(frame[(at + 7)..]), frame[at + 9]);
        }

        if (rows is < 1 or > 65_535 || columns is < 1 or > 65_535 || rows * columns > MaxPixels || samples is not (1 or 3 or 4) || bits is < 1 or > 16) return layout;
        var allocated = bits > 8 ? 16 : layout.BitsAllocated;
        return layout with { Rows = (int)rows, Columns = (int)columns, SamplesPerPixel = samples, BitsAllocated = allocated, BitsStored = Math.Min(bits, allocated), HighBit = Math.Min(bits, allocated) - 1 };
    }

    private static PixelLayout Distort(PixelLayout layout, Random random) => random.Next(5) switch
    {
        0 => layout with { Rows = random.Next(1, 300) },
        1 => layout with { Columns = random.Next(1, 300) },
        2 => layout with { BitsAllocated = layout.BitsAllocated == 8 ? 16 : 8, BitsStored = 8, HighBit = 7 },
        3 => layout with { SamplesPerPixel = layout.SamplesPerPixel == 1 ? 3 : 1 },
        _ => layout with { Signed = !layout.Signed, BitsStored = random.Next(1, layout.BitsAllocated + 1), HighBit = layout.BitsAllocated - 1 },
    };
}
