using System.Buffers;
using System.Globalization;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Skylight.Archive;
using Skylight.Core.Uploads;

namespace Skylight.Azure.Ingress;

/// <summary>
/// One version of a blob, read in ranges under If-Match: reads say <see cref="UploadChangedException"/> once it is gone. A blob of up to <see cref="FirstBytes"/>
/// takes one request in all, however often it is read; of a longer one a range is kept, four times as long a range each time where it is read from front to back.
/// </summary>
internal sealed class FrozenStream : ReadOnlyStream
{
    private const int FirstBytes = 4 << 20;
    private const int MostBytes = 40 << 20;

    private readonly BlobClient _blob;
    private BlobRequestConditions? _version;
    private byte[] _buffer = [];
    private long _start;
    private int _count;
    private long _length;
    private long _position;

    private FrozenStream(BlobClient blob, BlobRequestConditions? version) => (_blob, _version) = (blob, version);

    public override bool CanSeek => true;

    public override long Length => _length;

    public override long Position
    {
        get => _position;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            _position = value;
        }
    }

    /// <param name="etag">The version; null for the one that is there now.</param>
    public static async ValueTask<FrozenStream> OpenAsync(BlobClient blob, string? etag, CancellationToken cancellationToken)
    {
        var stream = new FrozenStream(blob, etag is null ? null : new BlobRequestConditions { IfMatch = new ETag(etag) });
        await stream.FetchAsync(0, FirstBytes, cancellationToken);
        return stream;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.IsEmpty || _position >= _length) return 0;
        if (_position < _start || _position >= _start + _count) await FetchAsync(_position, _position == _start + _count ? Math.Clamp(4 * _count, FirstBytes, MostBytes) : FirstBytes, cancellationToken);
        var at = (int)(_position - _start);
        var count = Math.Min(buffer.Length, _count - at);
        _buffer.AsMemory(at, count).CopyTo(buffer);
        _position += count;
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        Release();
        base.Dispose(disposing);
    }

    private async ValueTask FetchAsync(long start, int bytes, CancellationToken cancellationToken)
    {
        try
        {
            var answer = await _blob.DownloadStreamingAsync(new BlobDownloadOptions { Range = new HttpRange(start, bytes), Conditions = _version }, cancellationToken);
            using var content = answer.Value;
            _version ??= new BlobRequestConditions { IfMatch = content.Details.ETag };
            _length = LengthOf(content.Details);
            var expected = (int)Math.Min(bytes, _length - start);
            if (_buffer.Length < expected)
            {
                Release();
                _buffer = ArrayPool<byte>.Shared.Rent(expected);
            }

            (_start, _count) = (start, 0);
            _count = await content.Content.ReadAtLeastAsync(_buffer.AsMemory(0, expected), expected, throwOnEndOfStream: true, cancellationToken);
        }
        catch (RequestFailedException error) when (error.Status is 404 or 412)
        {
            throw new UploadChangedException();
        }
        catch (RequestFailedException error) when (error.Status == 416 && start == 0)
        {
            // An empty blob has no range at all.
            _length = 0;
        }
    }

    /// <summary>The whole blob's, which the answer to a range names behind the range: <c>bytes 0-9/4711</c>.</summary>
    private static long LengthOf(BlobDownloadDetails details) =>
        details.ContentRange is { } range && long.TryParse(range.AsSpan(range.LastIndexOf('/') + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var length) ? length : details.ContentLength;

    private void Release()
    {
        if (_buffer.Length > 0) ArrayPool<byte>.Shared.Return(_buffer);
        (_buffer, _count) = ([], 0);
    }
}
