using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;

namespace Skylight.Conformance.Faults;

/// <summary>
/// Faults between a client and its service, below the client's own retries: throttling with Retry-After, lost requests, lost answers, bodies cut short, requests
/// that arrive twice, and such as nobody ever answers.
/// </summary>
/// <param name="retryAfter">Header by which the service names the time to wait, and its value for a millisecond or so.</param>
public sealed class FaultyHttp(HttpMessageHandler inner, FaultPlan plan, (string Name, string Value) retryAfter) : DelegatingHandler(inner)
{
    private readonly ConcurrentDictionary<string, byte[]> _seen = new();

    private static readonly Fault[] Reading = [Fault.Throttled, Fault.LostBefore, Fault.LostAfter, Fault.Partial];
    private static readonly Fault[] Writing = [Fault.Throttled, Fault.LostBefore, Fault.LostAfter, Fault.Partial, Fault.Twice];

    /// <summary>Which requests may meet faults; all by default.</summary>
    public Func<HttpRequestMessage, bool> Applies { get; init; } = static _ => true;

    /// <summary>The only faults that happen; empty: all.</summary>
    public Fault[] Only { get; init; } = [];

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (!Applies(request)) return await base.SendAsync(request, cancellationToken);
        var isRead = request.Method == HttpMethod.Get || request.Method == HttpMethod.Head;
        switch (plan.Next(Only.Length > 0 ? Only : isRead ? Reading : Writing))
        {
            case Fault.Throttled:
                return Throttle(request);
            case Fault.LostBefore:
                throw new HttpRequestException("Injected: the request was lost.");
            case Fault.Hung:
                await Task.Delay(Timeout.Infinite, cancellationToken);
                throw new InvalidOperationException("A call that hangs ends by its caller's hand.");
            case Fault.Stale when isRead:
                return await StaleAsync(request, cancellationToken);
            case Fault.Partial when isRead:
                return await CutAsync(await base.SendAsync(request, cancellationToken), cancellationToken);
            case Fault.Partial:
                throw new HttpRequestException("Injected: the connection broke while the body was sent.");
            case Fault.LostAfter:
                return await LoseAsync(request, cancellationToken);
            case Fault.Twice when request.Content is not null:
                var body = await request.Content.ReadAsByteArrayAsync(cancellationToken);
                using (var copy = Copy(request, body))
                using (await base.SendAsync(copy, cancellationToken))
                {
                    return await base.SendAsync(Copy(request, body), cancellationToken);
                }

            default:
                return await base.SendAsync(request, cancellationToken);
        }
    }

    /// <summary>Answers with what an earlier stale read of the same address has seen, as a replica that is behind does.</summary>
    private async Task<HttpResponseMessage> StaleAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var answer = await base.SendAsync(request, cancellationToken);
        if (!answer.IsSuccessStatusCode) return answer;
        var now = await answer.Content.ReadAsByteArrayAsync(cancellationToken);
        var then = _seen.GetOrAdd(request.RequestUri!.AbsoluteUri, now);
        _seen[request.RequestUri.AbsoluteUri] = now;
        var stale = new ByteArrayContent(then);
        foreach (var (name, values) in answer.Content.Headers.Where(header => header.Key != "Content-Length")) stale.Headers.TryAddWithoutValidation(name, values);
        answer.Content = stale;

        // The item says which version it is; the header must not know better.
        if (JsonNode.Parse(then)?["_etag"]?.GetValue<string>() is { } etag)
        {
            answer.Headers.Remove("etag");
            answer.Headers.TryAddWithoutValidation("etag", etag);
        }

        return answer;
    }

    /// <summary>Only effects get lost: a refusal that the client does not hear is the same as a lost request.</summary>
    private async Task<HttpResponseMessage> LoseAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var answer = await base.SendAsync(request, cancellationToken);
        if (!answer.IsSuccessStatusCode) return answer;
        answer.Dispose();
        throw new HttpRequestException("Injected: the answer was lost.");
    }

    private static async Task<HttpResponseMessage> CutAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        var body = await answer.Content.ReadAsByteArrayAsync(cancellationToken);
        if (body.Length < 2 || !answer.IsSuccessStatusCode) return answer;
        var cut = new StreamContent(new BrokenStream(body.AsMemory(0, body.Length / 2)));
        foreach (var (name, values) in answer.Content.Headers) cut.Headers.TryAddWithoutValidation(name, values);
        answer.Content = cut;
        return answer;
    }

    private HttpResponseMessage Throttle(HttpRequestMessage request)
    {
        var answer = new HttpResponseMessage(plan.Count(Fault.Throttled) % 2 == 0 ? HttpStatusCode.TooManyRequests : HttpStatusCode.ServiceUnavailable)
        {
            RequestMessage = request,
            Content = new ByteArrayContent([]) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } },
        };
        answer.Headers.TryAddWithoutValidation(retryAfter.Name, retryAfter.Value);
        return answer;
    }

    private static HttpRequestMessage Copy(HttpRequestMessage request, byte[] body)
    {
        var copy = new HttpRequestMessage(request.Method, request.RequestUri) { Version = request.Version, Content = new ByteArrayContent(body) };
        foreach (var (name, values) in request.Headers) copy.Headers.TryAddWithoutValidation(name, values);
        foreach (var (name, values) in request.Content!.Headers) copy.Content.Headers.TryAddWithoutValidation(name, values);
        return copy;
    }

    /// <summary>The first bytes of an answer, and then a broken connection.</summary>
    private sealed class BrokenStream(ReadOnlyMemory<byte> bytes) : Stream
    {
        private int _position;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => _position;
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count)
        {
            if (_position == bytes.Length) throw new IOException("Injected: the connection broke.");
            var take = Math.Min(count, bytes.Length - _position);
            bytes.Span.Slice(_position, take).CopyTo(buffer.AsSpan(offset));
            _position += take;
            return take;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
