using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Skylight.Core.Documents;
using Skylight.Core.Uploads;
using Skylight.Local.Sqlite;

namespace Skylight.Core.Tests.Uploads;

/// <summary>Upload sessions over real documents, with an ingress and a starter in memory and a clock that stands until it is set.</summary>
internal sealed class UploadWorld : IAsyncDisposable
{
    public const string Institution = "hospital-a";
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly SqliteDatabase _database;

    public UploadWorld(UploadOptions? options = null)
    {
        _database = SqliteDatabase.Open(Path.Combine(_folder, "records.db"), SqliteDurability.Full, SqliteDocuments.Schema);
        Documents = new SqliteDocuments(_database);
        Options = options ?? new UploadOptions();
        Reports = new UploadReports(Documents, Time);
        Content = new UploadContent(Documents, Ingress);
        Sessions = new UploadSessions(Documents, Ingress, Content, Reports, Microsoft.Extensions.Options.Options.Create(Options), Time, NullLogger<UploadSessions>.Instance);
        Upkeep = new UploadUpkeep(Documents, Ingress, Sessions, Microsoft.Extensions.Options.Options.Create(Options), Time, NullLogger<UploadUpkeep>.Instance);
        Starter = new FakeStarter(this);
    }

    public UploadOptions Options { get; }

    public IDocuments Documents { get; }

    public FakeIngress Ingress { get; } = new();

    public FakeStarter Starter { get; }

    public Clock Time { get; } = new();

    public UploadReports Reports { get; }

    public UploadContent Content { get; }

    public UploadSessions Sessions { get; }

    public UploadUpkeep Upkeep { get; }

    public async Task<UploadSession> OpenAsync(string? key = null, int? days = null, string owner = "hospital-a/node")
    {
        var opened = await Sessions.OpenAsync(new UploadRequest(Institution, owner, days, key), default);
        Assert.Null(opened.Refusal);
        return opened.Session!;
    }

    public async Task<UploadSession> StateAsync(string id) => (await Sessions.GetAsync(Institution, id, default))!;

    public ValueTask<UploadReport> ReportAsync(string id) => Reports.ReadAsync(Institution, id, default);

    public ValueTask<UploadChange> CompleteAsync(string id, string? manifest = null) =>
        Sessions.CompleteAsync(Institution, id, manifest is null ? null : new MemoryStream(Encoding.UTF8.GetBytes(manifest)), Starter, default);

    public async Task RoundAsync(TimeSpan later)
    {
        Time.Now += later;
        await Upkeep.RunAsync(Starter, default);
    }

    public async Task<List<FrozenBlob>> FrozenAsync(string id)
    {
        var found = await Content.FindAsync(Institution, id, default);
        var blobs = new List<FrozenBlob>();
        for (var i = 0; i < (found?.Batches ?? 0); i++) blobs.AddRange(await Content.GetBatchAsync(Institution, id, i, default));
        return blobs;
    }

    /// <summary>Documents left of a type, whoever they belong to.</summary>
    public async Task<int> CountAsync(string type, string pk = Institution) => (await Documents.ListAsync<object>(pk, type, null, 1000, null, default)).Items.Count;

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    public sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 3, 1, 8, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }

    public sealed class FakeIngress : IIngress
    {
        private readonly Lock _lock = new();
        private int _version;

        public Dictionary<string, SortedDictionary<string, (byte[] Content, string? ETag)>> Containers { get; } = [];

        public HashSet<string> Open { get; } = [];

        public Exception? FailList { get; set; }

        public TimeSpan RevocationDelay { get; set; } = TimeSpan.FromSeconds(30);

        public long? FreeBytes { get; set; }

        public void Put(string uploadId, string name, string content = "x", bool committed = true) =>
            Containers[UploadId.Container(uploadId)][name] = (Encoding.UTF8.GetBytes(content), committed ? $"e{++_version}" : null);

        public ValueTask<Uri> GrantAsync(string container, DateTimeOffset expiresOn, CancellationToken cancellationToken)
        {
            lock (_lock)
            {
                Containers.TryAdd(container, new(StringComparer.Ordinal));
                Open.Add(container);
            }

            return ValueTask.FromResult(new Uri($"https://ingress.example/{container}?sig=x"));
        }

        public ValueTask<ArrivedPage> ListAsync(string container, bool blocks, int limit, string? continuation, CancellationToken cancellationToken)
        {
            if (FailList is { } error) throw error;
            if (!Containers.TryGetValue(container, out var blobs)) return ValueTask.FromResult(new ArrivedPage([], null));
            var skip = continuation is null ? 0 : int.Parse(continuation, System.Globalization.CultureInfo.InvariantCulture);
            var items = blobs.Skip(skip).Take(limit).Select(b => new ArrivedBlob(b.Key, b.Value.ETag is not null, b.Value.ETag is null ? 0 : b.Value.Content.Length, b.Value.ETag, [])).ToArray();
            return ValueTask.FromResult(new ArrivedPage(items, skip + items.Length < blobs.Count ? $"{skip + items.Length}" : null));
        }

        public ValueTask<Stream> OpenAsync(string container, string name, string? etag, CancellationToken cancellationToken) =>
            Containers.TryGetValue(container, out var blobs) && blobs.TryGetValue(name, out var blob) && (etag is null || etag == blob.ETag)
                ? ValueTask.FromResult<Stream>(new MemoryStream(blob.Content))
                : throw new UploadChangedException();

        public ValueTask RevokeAsync(string container, CancellationToken cancellationToken)
        {
            Open.Remove(container);
            return ValueTask.CompletedTask;
        }

        public ValueTask DeleteAsync(string container, CancellationToken cancellationToken)
        {
            Containers.Remove(container);
            Open.Remove(container);
            return ValueTask.CompletedTask;
        }
    }

    public sealed class FakeStarter(UploadWorld world) : IIngestStarter
    {
        public List<IngestStart> Started { get; } = [];

        public List<UploadState> StatesAtStart { get; } = [];

        public Dictionary<string, IngestRunState> Runs { get; } = [];

        public Exception? Fail { get; set; }

        public async ValueTask StartAsync(IngestStart start, CancellationToken cancellationToken)
        {
            StatesAtStart.Add((await world.StateAsync(start.UploadId)).State);
            if (Fail is { } error) throw error;
            if (Runs.TryAdd(start.InstanceId, IngestRunState.Running)) Started.Add(start);
        }

        public ValueTask<IngestRunState> GetAsync(string instanceId, CancellationToken cancellationToken) => ValueTask.FromResult(Runs.GetValueOrDefault(instanceId));
    }
}
