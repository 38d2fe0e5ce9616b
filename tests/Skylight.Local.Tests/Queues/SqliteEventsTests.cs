using System.Text;
using System.Text.Json;
using Skylight.Conformance;
using Skylight.Core.Events;
using Skylight.Local.Queues;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Tests.Queues;

public sealed class SqliteEventsTests : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly SqliteDatabase _database;
    private readonly SqliteQueue _queue;
    private readonly EventSubscriptions _subscriptions = new();
    private readonly SqliteEvents _events;

    public SqliteEventsTests()
    {
        _database = SqliteDatabase.Open(Path.Combine(_folder, "queues.db"), SqliteDurability.Full, SqliteQueue.Schema);
        _queue = new SqliteQueue(_database, new TestClock());
        _events = new SqliteEvents(_queue, _subscriptions);
    }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Publish_SeveralSubscribers_EachGetsWhatItWants()
    {
        _subscriptions.Add(new EventSubscription("all", _ => true));
        _subscriptions.Add(new EventSubscription("some", e => e.Type == "b"));
        await _events.PublishAsync([Event("a"), Event("b")], CancellationToken.None);
        Assert.Equal(2, await _queue.CountAsync("all", CancellationToken.None));
        Assert.Equal(1, await _queue.CountAsync("some", CancellationToken.None));
    }

    [Fact]
    public void Envelope_Event_IsACloudEvent()
    {
        var text = Encoding.UTF8.GetString(SqliteEvents.Envelope(Event("study.completed")));
        Assert.Equal(
            """{"specversion":"1.0","id":"1","source":"/institutions/demo","type":"study.completed","time":"2026-01-02T03:04:05.000Z","datacontenttype":"application/json","subject":"studies/x","data":{"v":1}}""",
            text);
    }

    [Fact]
    public async Task Publish_EventTooLarge_PublishesNone()
    {
        _subscriptions.Add(new EventSubscription("all", _ => true));
        var large = Event("a") with { Data = JsonSerializer.SerializeToElement(new string('x', SkylightEvent.MaxBytes)) };
        await Assert.ThrowsAsync<ArgumentException>(() => _events.PublishAsync([Event("a"), large], CancellationToken.None).AsTask());
        Assert.Equal(0, await _queue.CountAsync("all", CancellationToken.None));
    }

    private static SkylightEvent Event(string type) => new(
        "1",
        "/institutions/demo",
        type,
        "studies/x",
        new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero),
        JsonSerializer.SerializeToElement(new { v = 1 }));
}
