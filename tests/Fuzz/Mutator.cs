using System.Buffers.Binary;

namespace Skylight.Fuzz;

/// <summary>Changes bytes without knowing what they mean.</summary>
internal static class Mutator
{
    private const int MaxBytes = 64 << 10;

    private static readonly uint[] s_numbers = [0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFE, 0xFFFFFFFF];

    public static byte[] Mutate(byte[] input, Random random, IReadOnlyList<byte[]> tokens, IReadOnlyList<byte[]> others)
    {
        var bytes = input;
        for (var changes = 1 << random.Next(4); changes > 0; changes--) bytes = Once(bytes, random, tokens, others);
        return bytes.Length <= MaxBytes ? bytes : bytes[..MaxBytes];
    }

    private static byte[] Once(byte[] input, Random random, IReadOnlyList<byte[]> tokens, IReadOnlyList<byte[]> others)
    {
        if (input.Length == 0) return tokens.Count > 0 ? [.. tokens[random.Next(tokens.Count)]] : [(byte)random.Next(256)];
        var at = random.Next(input.Length);
        var length = random.Next(1, Math.Min(input.Length - at, 1 << random.Next(1, 10)) + 1);
        var copy = input.ToArray();
        switch (random.Next(13))
        {
            case 0:
                copy[at] = (byte)random.Next(256);
                return copy;
            case 1:
                copy[at] ^= (byte)(1 << random.Next(8));
                return copy;
            case 2:
                copy[at] += (byte)random.Next(-8, 9);
                return copy;
            case 3:
                Number(copy.AsSpan(at), random);
                return copy;
            case 4:
                return [.. input[..at], .. input[(at + length)..]];
            case 5:
                return [.. input[..(at + length)], .. input[at..]];
            case 6:
                return input[..at];
            case 7:
                random.NextBytes(copy.AsSpan(at, length));
                return copy;
            case 8:
                copy.AsSpan(at, length).Fill((byte)(random.Next(2) == 0 ? 0 : 0xFF));
                return copy;
            case 9:
                var other = others[random.Next(others.Count)];
                var from = random.Next(other.Length + 1);
                return [.. input[..at], .. other[from..Math.Min(other.Length, from + length)], .. input[at..]];
            case 10:
                var second = others[random.Next(others.Count)];
                return [.. input[..at], .. second[Math.Min(at, second.Length)..]];
            default:
                if (tokens.Count == 0) goto case 1;
                var token = tokens[random.Next(tokens.Count)];
                if (random.Next(2) == 0) return [.. input[..at], .. token, .. input[at..]];
                token.AsSpan(0, Math.Min(token.Length, copy.Length - at)).CopyTo(copy.AsSpan(at));
                return copy;
        }
    }

    private static void Number(Span<byte> at, Random random)
    {
        var value = s_numbers[random.Next(s_numbers.Length)];
        if (at.Length >= 4 && random.Next(2) == 0)
        {
            if (random.Next(4) == 0) BinaryPrimitives.WriteUInt32BigEndian(at, value);
            else BinaryPrimitives.WriteUInt32LittleEndian(at, value);
        }
        else if (at.Length >= 2)
        {
            if (random.Next(4) == 0) BinaryPrimitives.WriteUInt16BigEndian(at, (ushort)value);
            else BinaryPrimitives.WriteUInt16LittleEndian(at, (ushort)value);
        }
        else at[0] = (byte)value;
    }
}
