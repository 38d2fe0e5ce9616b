namespace Skylight.Archive.Coding;

/// <summary>
/// Compresses grey pictures without loss: how pixel data are kept in packs that a policy has compressed. Stateless and thread-safe. What it decodes has
/// been authenticated, and was written by the same codec.
/// </summary>
public interface IPictureCodec
{
    /// <summary>Number of the codec in the archive format; never 0, never changed.</summary>
    byte Id { get; }

    /// <summary>Its name in policies: <c>jpeg-ls</c>, <c>jpeg2000</c>.</summary>
    string Name { get; }

    /// <summary>What has to be installed before it works, in words; null when it works.</summary>
    string? Missing { get; }

    /// <summary>Encodes a picture.</summary>
    /// <param name="picture">Rows from top to bottom: a byte a pixel up to 8 bits, else two, little endian.</param>
    /// <param name="bits">1 to 16; every value fits.</param>
    /// <exception cref="InvalidDataException">The codec cannot encode a picture like this.</exception>
    byte[] Encode(ReadOnlySpan<byte> picture, int width, int height, int bits);

    /// <summary>Decodes a picture into <paramref name="picture"/>, all of which it fills.</summary>
    /// <exception cref="InvalidDataException">The stream is not one of such a picture.</exception>
    void Decode(ReadOnlySpan<byte> stream, int width, int height, int bits, Span<byte> picture);
}

/// <summary>The picture codecs of this process.</summary>
public sealed class PictureCodecs(IReadOnlyList<IPictureCodec> codecs)
{
    /// <summary>No codecs: only instances as received can be read.</summary>
    public static PictureCodecs None { get; } = new([]);

    public IReadOnlyList<IPictureCodec> All => codecs;

    /// <summary>The codec of a policy's name, usable or not; null for a name that is none.</summary>
    public IPictureCodec? Named(string name) => codecs.FirstOrDefault(codec => codec.Name == name);

    /// <summary>The codec with this number.</summary>
    /// <exception cref="CodecUnavailableException">It cannot be used in this process.</exception>
    internal IPictureCodec Get(byte id)
    {
        var codec = codecs.FirstOrDefault(codec => codec.Id == id) ?? throw new CodecUnavailableException($"This version has no picture codec {id}.");
        return codec.Missing is { } missing ? throw new CodecUnavailableException(missing) : codec;
    }
}

/// <summary>Stored bytes are compressed by a codec that does not work in this process. The message names what is missing. Nothing is damaged.</summary>
public sealed class CodecUnavailableException(string message) : IOException(message);
