using System.Buffers;
using System.Security.Cryptography;
using Skylight.Archive.Sealing;

namespace Skylight.Edge.Blobs;

/// <summary>The checksums that a request names, and the reading of its body against them.</summary>
internal sealed class BlobBody(HttpRequest request)
{
    private const int BufferBytes = 256 * 1024;

    /// <summary>Checksum headers of the transport and, for Put Blob, of the blob itself: both are compared with the bytes that arrive.</summary>
    private readonly byte[]?[] _md5 = [Digest(request, "Content-MD5", 16), request.Query.ContainsKey("comp") ? null : Digest(request, "x-ms-blob-content-md5", 16)];
    private readonly byte[]? _crc64 = Digest(request, "x-ms-content-crc64", 8);

    public long Length { get; } = request.ContentLength ?? throw new BlobErrorException(BlobError.MissingContentLength);

    /// <summary>MD5 of what arrived, after <see cref="CopyAsync"/>.</summary>
    public byte[] Md5 { get; private set; } = [];

    public byte[]? Crc64 { get; private set; }

    /// <summary>Streams the body into <paramref name="part"/> and checks length and checksums; nothing of it is kept in memory.</summary>
    public async Task CopyAsync(SealedObjectWriter part, CancellationToken cancellationToken)
    {
        using var md5 = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
        var crc = _crc64 is null ? null : new Crc64();
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            long total = 0;
            int read;
            while ((read = await request.Body.ReadAsync(buffer.AsMemory(0, BufferBytes), cancellationToken)) > 0)
            {
                total += read;
                md5.AppendData(buffer, 0, read);
                crc?.Append(buffer.AsSpan(0, read));
                await part.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
            }

            if (total != Length) throw new BlobErrorException(BlobError.InvalidHeader("Content-Length"));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        Check(md5.GetHashAndReset(), crc?.Finish());
    }

    /// <summary>The whole body, for the short ones that have to be parsed.</summary>
    public async Task<byte[]> ReadAsync(CancellationToken cancellationToken)
    {
        var bytes = new byte[Length];
        await request.Body.ReadExactlyAsync(bytes, cancellationToken);
        var crc = _crc64 is null ? null : new Crc64();
        crc?.Append(bytes);
        Check(Md5Of(bytes), crc?.Finish());
        return bytes;
    }

    /// <summary>MD5 as the protocol's checksum; it protects nothing.</summary>
    public static byte[] Md5Of(ReadOnlySpan<byte> bytes)
    {
        using var md5 = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
        md5.AppendData(bytes);
        return md5.GetHashAndReset();
    }

    public static byte[]? Digest(HttpRequest request, string header, int length)
    {
        var text = request.Headers[header].ToString();
        if (text.Length == 0) return null;
        Span<byte> bytes = stackalloc byte[64];
        return text.Length <= 64 && Convert.TryFromBase64String(text, bytes, out var written) && written == length
            ? bytes[..written].ToArray()
            : throw new BlobErrorException(length == 16 ? BlobError.InvalidMd5 : BlobError.InvalidHeader(header));
    }

    private void Check(byte[] md5, byte[]? crc64)
    {
        (Md5, Crc64) = (md5, crc64);
        foreach (var given in _md5)
            if (given is not null && !given.AsSpan().SequenceEqual(md5)) throw new BlobErrorException(BlobError.Md5Mismatch);
        if (_crc64 is not null && !_crc64.AsSpan().SequenceEqual(crc64)) throw new BlobErrorException(BlobError.Crc64Mismatch);
    }
}
