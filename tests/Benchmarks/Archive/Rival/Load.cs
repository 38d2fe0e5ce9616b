using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Skylight.Benchmarks.Archive.Rival;

/// <summary>What one run of a scenario gave.</summary>
/// <param name="PerSecond">Objects a second; for sizes, MB a second.</param>
/// <param name="P50">Milliseconds.</param>
/// <param name="P95">Milliseconds.</param>
/// <param name="CpuPerObject">Processor milliseconds of the server.</param>
/// <param name="PeakBytes">Most memory the server used meanwhile.</param>
internal sealed record Result(double PerSecond, double P50, double P95, double CpuPerObject, double MegabytesPerSecond, long PeakBytes);

/// <summary>Sends requests at a server from several clients at once and checks every answer.</summary>
internal sealed class Load(Server server, SyntheticStudies files)
{
    private const string Boundary = "skylight-bench";

    /// <summary>Stores every instance once, <paramref name="together"/> in a request.</summary>
    public async Task<Result> StoreAsync(IReadOnlyList<SyntheticInstance> instances, int clients, int together)
    {
        var next = -1;
        var groups = instances.Chunk(together).ToArray();
        return await RunAsync(clients, instances.Count, instances.Count, () => Interlocked.Increment(ref next) is var at && at < groups.Length ? at : -1, async at =>
        {
            using var body = new ByteArrayContent(Body(groups[at]));
            body.Headers.ContentType = MediaTypeHeaderValue.Parse($"multipart/related; type=\"application/dicom\"; boundary={Boundary}");
            using var request = new HttpRequestMessage(HttpMethod.Post, "studies") { Content = body };
            request.Headers.Accept.ParseAdd("application/dicom+json");
            using var answer = await server.Client.SendAsync(request);
            var json = JsonSerializer.Deserialize<JsonElement>(await answer.Content.ReadAsByteArrayAsync());
            if (json.ValueKind == JsonValueKind.Array) json = json[0];
            var stored = json.TryGetProperty("00081199", out var sequence) ? sequence.GetProperty("Value").GetArrayLength() : 0;
            if (answer.StatusCode != HttpStatusCode.OK || stored != groups[at].Length) throw new InvalidDataException($"{server.Name} stored {stored} of {groups[at].Length} instances ({(int)answer.StatusCode}).");
            return body.Headers.ContentLength ?? 0;
        });
    }

    /// <summary>Reads for a while.</summary>
    /// <param name="address">Below the DICOMweb root, for the request with this number.</param>
    /// <param name="check">Looks at the answer; false fails the bench.</param>
    public async Task<Result> ReadAsync(int clients, TimeSpan time, string accept, Func<int, string> address, Func<int, ReadOnlyMemory<byte>, bool> check, int objects = 1)
    {
        var next = -1;
        var end = Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);
        return await RunAsync(clients, null, objects, () => Stopwatch.GetTimestamp() < end ? Interlocked.Increment(ref next) : -1, async at =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address(at));
            request.Headers.TryAddWithoutValidation("Accept", accept);
            using var answer = await server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            if (answer.StatusCode != HttpStatusCode.OK) throw new InvalidDataException($"{server.Name} answered {(int)answer.StatusCode} to {address(at)}.");
            using var buffer = new Answer();
            await using var stream = await answer.Content.ReadAsStreamAsync();
            await buffer.ReadAsync(stream);
            if (!check(at, buffer.Bytes)) throw new InvalidDataException($"{server.Name} gave a wrong answer to {address(at)} ({buffer.Bytes.Length} bytes).");
            return buffer.Bytes.Length;
        });
    }

    private async Task<Result> RunAsync(int clients, int? total, int objectsPerRequest, Func<int> take, Func<int, Task<long>> send)
    {
        var times = new List<double>();
        var bytes = 0L;
        server.ForgetPeak();
        var cpu = server.Cpu;
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, clients).Select(async _ =>
        {
            await Task.Yield();
            for (var at = take(); at >= 0; at = take())
            {
                var started = Stopwatch.GetTimestamp();
                var length = await send(at);
                var elapsed = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
                lock (times)
                {
                    times.Add(elapsed);
                    bytes += length;
                }
            }
        }));
        var seconds = clock.Elapsed.TotalSeconds;
        var used = (server.Cpu - cpu).TotalMilliseconds;
        var count = (double)(total ?? (times.Count * objectsPerRequest));
        times.Sort();
        return new Result(count / seconds, times[times.Count / 2], times[(int)(times.Count * 0.95)], used / count, bytes / seconds / 1e6, server.Memory.Peak);
    }

    private byte[] Body(SyntheticInstance[] group)
    {
        using var body = new MemoryStream();
        foreach (var instance in group)
        {
            body.Write("--skylight-bench\r\nContent-Type: application/dicom\r\n\r\n"u8);
            body.Write(files.File(instance));
            body.Write("\r\n"u8);
        }

        body.Write("--skylight-bench--\r\n"u8);
        return body.ToArray();
    }

    /// <summary>An answer's bytes in memory that is used again.</summary>
    private sealed class Answer : IDisposable
    {
        private byte[] _buffer = System.Buffers.ArrayPool<byte>.Shared.Rent(1 << 20);
        private int _count;

        public ReadOnlyMemory<byte> Bytes => _buffer.AsMemory(0, _count);

        public async Task ReadAsync(Stream stream)
        {
            int count;
            while ((count = await stream.ReadAsync(_buffer.AsMemory(_count))) > 0)
            {
                _count += count;
                if (_count < _buffer.Length) continue;
                var larger = System.Buffers.ArrayPool<byte>.Shared.Rent(_buffer.Length * 2);
                _buffer.CopyTo(larger, 0);
                System.Buffers.ArrayPool<byte>.Shared.Return(_buffer);
                _buffer = larger;
            }
        }

        public void Dispose() => System.Buffers.ArrayPool<byte>.Shared.Return(_buffer);
    }
}
