using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Local.Journal;
using Skylight.Local.Objects;

namespace Skylight.Benchmarks.Archive;

/// <summary>What sealing and storing cost beside the raw limits of the same machine, measured in turns (A B A B) in one run.</summary>
internal static class ArchiveBench
{
    private const int Rounds = 5;

    public static async Task<int> RunAsync(string[] options)
    {
        string Option(string name, string otherwise) => Array.IndexOf(options, name) is var at and >= 0 && at + 1 < options.Length ? options[at + 1] : otherwise;
        int Number(string name, int otherwise) => int.Parse(Option(name, otherwise.ToString(CultureInfo.InvariantCulture)), CultureInfo.InvariantCulture);
        var own = !options.Contains("--data");
        var folder = own ? Directory.CreateTempSubdirectory("skylight-bench-").FullName : Directory.CreateDirectory(Option("--data", "")).FullName;
        if (!options.Contains("--no-limits")) await LimitsAsync(folder);
        if (!options.Contains("--no-rival"))
        {
            await using var rival = new Rival.RivalBench(
                folder, Number("--rounds", 3), TimeSpan.FromSeconds(Number("--seconds", 4)), Number("--studies", 2000), Number("--slices", 500), Number("--tiny", 3000), Option("--only", ""),
                alone: options.Contains("--alone"));
            await rival.RunAsync();
        }

        if (own) Directory.Delete(folder, recursive: true);
        return 0;
    }

    private static async Task LimitsAsync(string folder)
    {
        Console.WriteLine($"archive bench in {folder}; medians of {Rounds} rounds");
        using var key = DataKey.Create();
        var bytes = RandomNumberGenerator.GetBytes(64 << 20);
        await CipherAsync(key, bytes);
        await StoreAsync(folder, key, bytes);
        await JournalAsync(folder, bytes);
        await LoopbackAsync(bytes);
    }

    /// <summary>What HTTP over loopback carries when the server does nothing else.</summary>
    private static async Task LoopbackAsync(byte[] bytes)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var app = builder.Build();
        app.MapGet("/", static context => context.Response.WriteAsync("ok"));
        app.MapPost("/", static async context =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            await context.Response.WriteAsync("ok");
        });
        app.MapGet("/bytes", context => context.Response.Body.WriteAsync(bytes).AsTask());
        await app.StartAsync();
        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        await CompareAsync(
            "loopback HTTP, 1 client (the client in this process too)",
            ("GET 64 MiB", async () =>
            {
                await using var stream = await http.GetStreamAsync("/bytes");
                var buffer = new byte[1 << 20];
                var total = 0L;
                int count;
                while ((count = await stream.ReadAsync(buffer)) > 0) total += count;
                return total;
            }));
        await RequestsAsync("small requests, 4 clients", () => http.GetStringAsync("/"));

        // The most that storing one small instance a request could come to.
        await RequestsAsync("12 KB sent and thrown away, 4 clients", async () =>
        {
            using var body = new ByteArrayContent(bytes, 0, 12 << 10);
            using var answer = await http.PostAsync("/", body);
        });
        await app.StopAsync();

        static async Task RequestsAsync(string what, Func<Task> request)
        {
            await FourAsync(500);
            var clock = Stopwatch.StartNew();
            await FourAsync(2500);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {what,-36} {10_000 / clock.Elapsed.TotalSeconds,8:0} /s"));

            Task FourAsync(int each) => Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
            {
                for (var i = 0; i < each; i++) await request();
            }));
        }
    }

    private static async Task CipherAsync(DataKey key, byte[] bytes)
    {
        var nowhere = new Nowhere();
        var output = new byte[bytes.Length];
        var (reference, small) = SealedObjectWriter.Seal("a/b", key, SealedType.Pack, SealOptions.Default, bytes);
        var stored = new OneObject(small.Bytes);
        await CompareAsync(
            "AES-256-GCM, 64 MiB",
            ("raw, 128 KiB a call", () => Task.FromResult(Raw(bytes, output))),
            ("sealed writer", async () =>
            {
                await using var writer = SealedObjectWriter.Create(nowhere, "a/b", key, SealedType.Pack, SealOptions.Default);
                await writer.WriteAsync(bytes, default);
                await writer.CommitAsync(default);
                return bytes.Length;
            }),
            ("sealed writer, 8 KiB pieces", async () =>
            {
                await using var writer = SealedObjectWriter.Create(nowhere, "a/b", key, SealedType.Pack, SealOptions.Default);
                for (var at = 0; at < bytes.Length; at += 8192) await writer.WriteAsync(bytes.AsMemory(at, 8192), default);
                await writer.CommitAsync(default);
                return bytes.Length;
            }),
            ("sealed reader", async () =>
            {
                using var reader = await SealedObjectReader.OpenAsync(stored, reference, SealedType.Pack, key, default);
                await reader.CopyToAsync(Stream.Null, 0, bytes.Length, default);
                return bytes.Length;
            }));
        small.Dispose();
    }

    private static long Raw(byte[] bytes, byte[] output)
    {
        using var gcm = new AesGcm(new byte[32], 16);
        var (nonce, tag) = (new byte[12], new byte[16]);
        for (var at = 0; at < bytes.Length; at += 131072) gcm.Encrypt(nonce, bytes.AsSpan(at, 131072), output.AsSpan(at, 131072), tag);
        return bytes.Length;
    }

    private static async Task StoreAsync(string folder, DataKey key, byte[] bytes)
    {
        var store = FolderObjectStore.Open(Path.Combine(folder, "objects"), new FolderObjectStoreOptions { MinFreeBytes = 0 }, TimeProvider.System);
        SealedReference? last = null;
        await CompareAsync(
            "one durable 64 MiB object",
            ("raw write + fsync", () => Task.FromResult(RawFile(folder, bytes))),
            ("sealed into the folder", async () =>
            {
                await using var writer = SealedObjectWriter.Create(store, "a/b", key, SealedType.Pack, SealOptions.Default);
                await writer.WriteAsync(bytes, default);
                last = (await writer.CommitAsync(default)).Reference;
                return bytes.Length;
            }));
        var buffer = new byte[512 << 10];
        using var reader = await SealedObjectReader.OpenAsync(store, last!, SealedType.Pack, key, default);
        await CompareAsync(
            "read 512 KiB ranges of it (page cache)",
            ("range reads", async () =>
            {
                for (var i = 0; i < 100; i++) await reader.ReadAsync((i * 655_360L) % (bytes.Length - buffer.Length), buffer, default);
                return 100L * buffer.Length;
            }));
    }

    private static long RawFile(string folder, byte[] bytes)
    {
        using var file = File.OpenHandle(Path.Combine(folder, "raw"), FileMode.Create, FileAccess.Write);
        for (var at = 0; at < bytes.Length; at += 1 << 20) RandomAccess.Write(file, bytes.AsSpan(at, 1 << 20), at);
        RandomAccess.FlushToDisk(file);
        return bytes.Length;
    }

    private static async Task JournalAsync(string folder, byte[] bytes)
    {
        var inner = FolderObjectStore.Open(Path.Combine(folder, "objects"), new FolderObjectStoreOptions { MinFreeBytes = 0 }, TimeProvider.System);
        var options = new JournalOptions { MinFreeBytes = 0 };
        await using var journal = Journal.Open(Path.Combine(folder, "journal"), options, TimeProvider.System);
        await journal.StartAsync(0, static (_, _, _) => ValueTask.CompletedTask, static (_, _) => ValueTask.CompletedTask, default);
        var count = 0;
        foreach (var (size, clients, commits) in ((int, int, int)[])[(12_000, 1, 300), (12_000, 4, 1200), (12_000, 32, 6000), (528_000, 4, 200)])
        {
            await CompareAsync(
                string.Create(CultureInfo.InvariantCulture, $"journal: commits of {size / 1000} KB by {clients} clients"),
                ("raw append + fdatasync, 1 thread", () => Task.FromResult(RawAppend(folder, bytes.AsSpan(0, size), Math.Min(commits, 300)))),
                ("journal", async () =>
                {
                    await Task.WhenAll(Enumerable.Range(0, clients).Select(async _ =>
                    {
                        for (var i = 0; i < commits / clients; i++)
                            await journal.AppendAsync([($"a/b/{Interlocked.Increment(ref count):x}.pack", bytes.AsMemory(0, size))], new byte[2000], default);
                    }));
                    return (long)size * commits;
                }));
        }

        using var drain = new JournalDrain(journal, inner, options, TimeProvider.System, NullLogger<JournalDrain>.Instance);
        var time = Stopwatch.StartNew();
        var moved = await drain.DrainAllAsync(default);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"journal drained: {moved} objects, {moved / time.Elapsed.TotalSeconds:0} /s"));
    }

    private static long RawAppend(string folder, ReadOnlySpan<byte> bytes, int count)
    {
        using var file = File.OpenHandle(Path.Combine(folder, "raw"), FileMode.Create, FileAccess.Write);
        for (var i = 0; i < count; i++)
        {
            RandomAccess.Write(file, bytes, (long)i * bytes.Length);
            RandomAccess.FlushToDisk(file);
        }

        return (long)count * bytes.Length;
    }

    private static async Task CompareAsync(string title, params (string Name, Func<Task<long>> Work)[] sides)
    {
        var rates = sides.Select(_ => new List<double>()).ToArray();
        for (var round = 0; round <= Rounds; round++)
        {
            for (var side = 0; side < sides.Length; side++)
            {
                var time = Stopwatch.StartNew();
                var bytes = await sides[side].Work();
                if (round > 0) rates[side].Add(bytes / time.Elapsed.TotalSeconds / 1e6);
            }
        }

        Console.WriteLine(title);
        var first = Median(rates[0]);
        for (var side = 0; side < sides.Length; side++)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {sides[side].Name,-36} {Median(rates[side]),8:0} MB/s  {Median(rates[side]) / first,6:0.00}x"));
    }

    private static double Median(List<double> values)
    {
        values.Sort();
        return values[values.Count / 2];
    }

    /// <summary>Takes everything and keeps nothing.</summary>
    private sealed class Nowhere : IObjectStore
    {
        public ValueTask<ObjectWriter> CreateAsync(string name, CancellationToken cancellationToken) => ValueTask.FromResult<ObjectWriter>(new Writer());

        public ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken) => throw new ObjectMissingException(name);

        public ValueTask<long?> GetLengthAsync(string name, CancellationToken cancellationToken) => ValueTask.FromResult<long?>(null);

        public ValueTask<bool> DeleteAsync(string name, CancellationToken cancellationToken) => ValueTask.FromResult(false);

        public IAsyncEnumerable<string> ListAsync(string prefix, CancellationToken cancellationToken) => AsyncEnumerable.Empty<string>();

        public ValueTask SetTierAsync(string name, ObjectTier tier, CancellationToken cancellationToken) => throw new ObjectMissingException(name);

        public ValueTask<ObjectStatus?> GetStatusAsync(string name, CancellationToken cancellationToken) => ValueTask.FromResult<ObjectStatus?>(null);

        private sealed class Writer : ObjectWriter
        {
            public override ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => ValueTask.CompletedTask;

            public override ValueTask CommitAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

            public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }

    /// <summary>One object in memory under whatever name.</summary>
    private sealed class OneObject(ReadOnlyMemory<byte> bytes) : IObjectStore
    {
        public ValueTask<ObjectWriter> CreateAsync(string name, CancellationToken cancellationToken) => throw new StorageFullException("read-only");

        public ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken)
        {
            var count = (int)Math.Min(bytes.Length - offset, destination.Length);
            bytes.Slice((int)offset, count).CopyTo(destination);
            return ValueTask.FromResult(count);
        }

        public ValueTask<long?> GetLengthAsync(string name, CancellationToken cancellationToken) => ValueTask.FromResult<long?>(bytes.Length);

        public ValueTask<bool> DeleteAsync(string name, CancellationToken cancellationToken) => ValueTask.FromResult(false);

        public IAsyncEnumerable<string> ListAsync(string prefix, CancellationToken cancellationToken) => AsyncEnumerable.Empty<string>();

        public ValueTask SetTierAsync(string name, ObjectTier tier, CancellationToken cancellationToken) => throw new ObjectMissingException(name);

        public ValueTask<ObjectStatus?> GetStatusAsync(string name, CancellationToken cancellationToken) => ValueTask.FromResult<ObjectStatus?>(null);
    }
}
