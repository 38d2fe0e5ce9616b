using System.Buffers;

namespace Skylight.Archive;

/// <summary>Lower-case base32 (RFC 4648 section 6 alphabet, no padding): the spelling of every opaque id that becomes part of a name or URL.</summary>
public static class Base32
{
    private const string Alphabet = "abcdefghijklmnopqrstuvwxyz234567";
    private static readonly SearchValues<char> Characters = SearchValues.Create(Alphabet);

    /// <summary>Encodes whole bytes; 20 bytes become 32 characters.</summary>
    public static string Encode(ReadOnlySpan<byte> bytes)
    {
        Span<char> text = stackalloc char[((bytes.Length * 8) + 4) / 5];
        int buffer = 0, bits = 0, at = 0;
        foreach (var value in bytes)
        {
            buffer = (buffer << 8) | value;
            bits += 8;
            while (bits >= 5)
            {
                bits -= 5;
                text[at++] = Alphabet[(buffer >> bits) & 31];
            }

            buffer &= (1 << bits) - 1;
        }

        if (bits > 0) text[at] = Alphabet[(buffer << (5 - bits)) & 31];
        return new string(text);
    }

    /// <summary>True when every character is of the alphabet.</summary>
    public static bool IsBase32(ReadOnlySpan<char> text) => text.IndexOfAnyExcept(Characters) < 0;
}
