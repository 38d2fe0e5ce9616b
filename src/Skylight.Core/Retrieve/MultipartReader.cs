using System.Buffers;
using System.Text;
using Skylight.Archive;

namespace Skylight.Core.Retrieve;

/// <summary>
/// Reads <c>multipart/related</c> (RFC 2387, RFC 2046 §5.1) part by part from a stream, in one buffer of 128 KiB whatever the parts' sizes. Made for
/// hostile input: every boundary, header and count is bounded, and a body that ends before its closing boundary is an error, never a short part.
/// </summary>
public sealed class MultipartReader : IDisposable
{
    private const int BufferSize = 128 * 1024;

    private readonly Stream _body;
    private readonly MultipartLimits _limits;
    private readonly byte[] _delimiter;
    private byte[]? _buffer;
    private int _start;
    private int _end;
    private int _used;
    private int _safeEnd;
    private bool _delimiterFound;
    private bool _endOfBody;
    private bool _closed;
    private int _parts;
    private PartStream? _current;

    /// <param name="boundary">The Content-Type's boundary parameter, 1 to 70 characters of RFC 2046's set.</param>
    /// <exception cref="MultipartFormatException">The boundary is not one.</exception>
    public MultipartReader(Stream body, string boundary, MultipartLimits limits)
    {
        if (!IsBoundary(boundary)) throw new MultipartFormatException("multipart.boundary", "The boundary parameter must be 1 to 70 characters of the set in RFC 2046.");
        _body = body;
        _limits = limits;
        _delimiter = Encoding.ASCII.GetBytes("\r\n--" + boundary);
        _buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        // The first boundary may open the body; with this line end before it, every delimiter looks the same.
        "\r\n"u8.CopyTo(_buffer);
        _end = _used = 2;
    }

    private byte[] Buffer => _buffer ?? throw new ObjectDisposedException(nameof(MultipartReader));

    /// <summary>
    /// The next part, or null after the closing boundary. What is left of the part before it is skipped; its stream gives nothing more.
    /// </summary>
    /// <exception cref="MultipartFormatException">The body is malformed, truncated or passes a limit.</exception>
    public async ValueTask<MultipartPart?> ReadPartAsync(CancellationToken cancellationToken)
    {
        if (_closed) return null;
        if (_parts == 0) await SkipPreambleAsync(cancellationToken);
        else await SkipContentAsync(cancellationToken);
        _current?.Detach();
        _current = null;

        if (!await ReadDelimiterEndAsync(cancellationToken))
        {
            _closed = true;
            return null;
        }
        if (++_parts > _limits.MaxParts) throw new MultipartFormatException("multipart.limit", $"The body has more than {_limits.MaxParts} parts.");
        var headers = await ReadHeadersAsync(cancellationToken);
        _current = new PartStream(this);
        return new MultipartPart(_parts, headers, _current);
    }

    public void Dispose()
    {
        _current?.Detach();
        if (Interlocked.Exchange(ref _buffer, null) is not { } buffer) return;
        // Patients' data leaves no trace in memory that others borrow; what was not used is not cleared.
        buffer.AsSpan(0, _used).Clear();
        ArrayPool<byte>.Shared.Return(buffer);
    }

    private async ValueTask SkipPreambleAsync(CancellationToken cancellationToken)
    {
        var skipped = 0;
        while (await FindContentAsync(cancellationToken) is > 0 and var length)
        {
            skipped += length;
            if (skipped > _limits.MaxPreambleBytes) throw new MultipartFormatException("multipart.boundary", "The body does not begin with its boundary.");
            _start += length;
        }
    }

    private async ValueTask SkipContentAsync(CancellationToken cancellationToken)
    {
        while (await FindContentAsync(cancellationToken) is > 0 and var length) _start += length;
    }

    /// <summary>How many bytes from <see cref="_start"/> are surely content: 0 only when the delimiter stands there.</summary>
    private async ValueTask<int> FindContentAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            if (_safeEnd > _start) return _safeEnd - _start;
            if (_delimiterFound) return 0;
            var at = Buffer.AsSpan(_start, _end - _start).IndexOf(_delimiter);
            if (at >= 0)
            {
                _delimiterFound = true;
                _safeEnd = _start + at;
                continue;
            }
            // A delimiter may have begun in the last bytes: those wait for more.
            _safeEnd = Math.Max(_start, _end - (_delimiter.Length - 1));
            if (_safeEnd == _start && !await FillAsync(cancellationToken)) throw Truncated();
        }
    }

    /// <summary>Consumes the delimiter and the rest of its line. False when it is the closing one.</summary>
    private async ValueTask<bool> ReadDelimiterEndAsync(CancellationToken cancellationToken)
    {
        _start += _delimiter.Length;
        _delimiterFound = false;
        await NeedAsync(2, cancellationToken);
        if (Buffer.AsSpan(_start, 2).SequenceEqual("--"u8))
        {
            _start += 2;
            return false;
        }
        for (var padding = 0; padding <= 128; padding++)
        {
            await NeedAsync(2, cancellationToken);
            if (Buffer.AsSpan(_start, 2).SequenceEqual("\r\n"u8))
            {
                _start += 2;
                _safeEnd = _start;
                return true;
            }
            if (Buffer[_start] is not ((byte)' ' or (byte)'\t')) break;
            _start++;
        }
        throw new MultipartFormatException("multipart.boundary", "A boundary is followed by something else than the end of its line.");
    }

    private async ValueTask<Dictionary<string, string>> ReadHeadersAsync(CancellationToken cancellationToken)
    {
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        var budget = _limits.MaxHeaderBytes;
        while (true)
        {
            int length;
            while ((length = Buffer.AsSpan(_start, Math.Min(_end - _start, budget)).IndexOf("\r\n"u8)) < 0)
            {
                if (_end - _start >= budget) throw new MultipartFormatException("multipart.limit", $"A part's headers pass {_limits.MaxHeaderBytes} bytes.");
                if (!await FillAsync(cancellationToken)) throw Truncated();
            }
            var line = Buffer.AsSpan(_start, length);
            if (length > 0)
            {
                if (headers.Count == _limits.MaxHeaders) throw new MultipartFormatException("multipart.limit", $"A part has more than {_limits.MaxHeaders} headers.");
                AddHeader(headers, line);
            }
            _start += length + 2;
            _safeEnd = _start;
            budget -= length + 2;
            if (length == 0) break;
        }
        if (headers.TryGetValue("Content-Transfer-Encoding", out var encoding) && encoding.ToLowerInvariant() is not ("binary" or "8bit" or "7bit"))
            throw new MultipartFormatException("multipart.encoding", "A part has a Content-Transfer-Encoding; HTTP carries binary.");
        return headers;
    }

    private static void AddHeader(Dictionary<string, string> headers, ReadOnlySpan<byte> line)
    {
        var colon = line.IndexOf((byte)':');
        if (colon <= 0) throw BadHeader();
        foreach (var b in line[..colon])
        {
            if (b is <= 0x20 or >= 0x7F) throw BadHeader();
        }
        foreach (var b in line[(colon + 1)..])
        {
            if (b is < 0x20 and not (byte)'\t' or 0x7F) throw BadHeader();
        }
        var value = Encoding.UTF8.GetString(line[(colon + 1)..]).Trim(' ', '\t');
        if (!headers.TryAdd(Encoding.ASCII.GetString(line[..colon]), value)) throw BadHeader();
    }

    private static MultipartFormatException BadHeader() =>
        new("multipart.headers", "A part's header line is malformed or repeated.");

    private static MultipartFormatException Truncated() =>
        new("multipart.truncated", "The body ends before its closing boundary.");

    private async ValueTask NeedAsync(int count, CancellationToken cancellationToken)
    {
        while (_end - _start < count)
        {
            if (!await FillAsync(cancellationToken)) throw Truncated();
        }
    }

    private async ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        if (_endOfBody) return false;
        if (_start > 0)
        {
            Buffer.AsSpan(_start, _end - _start).CopyTo(Buffer);
            _end -= _start;
            _safeEnd = Math.Max(0, _safeEnd - _start);
            _start = 0;
        }
        var read = await _body.ReadAsync(Buffer.AsMemory(_end, BufferSize - _end), cancellationToken);
        _end += read;
        _used = Math.Max(_used, _end);
        _endOfBody = read == 0;
        return read > 0;
    }

    private static bool IsBoundary(string boundary)
    {
        if (boundary.Length is 0 or > 70 || boundary[^1] == ' ') return false;
        foreach (var c in boundary)
        {
            if (!char.IsAsciiLetterOrDigit(c) && !"'()+_,-./:=? ".Contains(c, StringComparison.Ordinal)) return false;
        }
        return true;
    }

    private sealed class PartStream(MultipartReader reader) : ReadOnlyStream
    {
        private MultipartReader? _reader = reader;

        public void Detach() => _reader = null;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_reader is not { } reader || buffer.IsEmpty) return 0;
            var length = Math.Min(await reader.FindContentAsync(cancellationToken), buffer.Length);
            reader.Buffer.AsSpan(reader._start, length).CopyTo(buffer.Span);
            reader._start += length;
            return length;
        }
    }
}

/// <summary>One part: its number from 1, its headers (names compare without case), and its content, readable until the next part is asked for.</summary>
public sealed record MultipartPart(int Number, IReadOnlyDictionary<string, string> Headers, Stream Content)
{
    public string? ContentType => Headers.GetValueOrDefault("Content-Type");

    public string? ContentLocation => Headers.GetValueOrDefault("Content-Location");
}
