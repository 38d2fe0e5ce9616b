using Skylight.Conformance;
using Skylight.Core.Queues;
using Skylight.Local.Queues;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Tests.Queues;

public sealed class SqliteQueueTests : QueueConformance, IAsyncDisposable
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly TestClock _clock = new();
    private SqliteDatabase _database;
    private SqliteQueue _queue;

    public SqliteQueueTests()
    {
        _database = Open();
        _queue = new SqliteQueue(_database, _clock);
    }

    protected override IQueue Queue => _queue;

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Lease_RunsOut_MessageComesAgain()
    {
        await SendAsync([1]);
        Assert.Single(await _queue.ReceiveAsync(Name, 1, Minute, CancellationToken.None));
        _clock.Advance(Minute - TimeSpan.FromMilliseconds(1));
        Assert.Empty(await _queue.ReceiveAsync(Name, 1, Minute, CancellationToken.None));
        _clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(2, (await OneAsync()).DequeueCount);
    }

    [Fact]
    public async Task Delay_Passes_MessageBecomesVisible()
    {
        await _queue.SendAsync(Name, new byte[] { 1 }, Minute, CancellationToken.None);
        _clock.Advance(Minute);
        await OneAsync();
    }

    [Fact]
    public async Task Restart_LeaseOfTheHost_EndsAtOnce()
    {
        await SendAsync([1]);
        Assert.Single(await _queue.ReceiveAsync(Name, 1, Minute, SqliteQueue.HostLease, CancellationToken.None));
        await RestartAsync();
        Assert.Equal(2, (await OneAsync()).DequeueCount);
    }

    [Fact]
    public async Task Restart_LeaseOfAnotherHolder_GoesOn()
    {
        await SendAsync([1]);
        var message = await OneAsync();
        await RestartAsync();
        Assert.Empty(await _queue.ReceiveAsync(Name, 1, Minute, CancellationToken.None));
        Assert.True(await _queue.CompleteAsync(message, CancellationToken.None));
    }

    [Fact]
    public async Task Restart_ReleasedWithADelay_KeepsTheDelay()
    {
        await SendAsync([1]);
        var message = Assert.Single(await _queue.ReceiveAsync(Name, 1, Minute, SqliteQueue.HostLease, CancellationToken.None));
        Assert.True(await _queue.ReleaseAsync(message, Minute, CancellationToken.None));
        await RestartAsync();
        Assert.Empty(await _queue.ReceiveAsync(Name, 1, Minute, CancellationToken.None));
        _clock.Advance(Minute);
        await OneAsync();
    }

    [Fact]
    public async Task WallClock_SetForward_EndsNoLease()
    {
        await SendAsync([1]);
        await OneAsync();
        _clock.SetWallClock(TimeSpan.FromDays(1));
        Assert.Empty(await _queue.ReceiveAsync(Name, 1, Minute, CancellationToken.None));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WallClock_SetBack_HidesNothing(bool restart)
    {
        await SendAsync([1]);
        _clock.SetWallClock(TimeSpan.FromDays(-400));
        if (restart) await RestartAsync();
        await SendAsync([2]);
        Assert.Equal(2, (await _queue.ReceiveAsync(Name, 2, Minute, CancellationToken.None)).Count);
    }

    [Fact]
    public async Task Poison_Message_MovesWithItsBody()
    {
        await SendAsync([1, 2, 3]);
        Assert.True(await _queue.PoisonAsync(await OneAsync(), CancellationToken.None));
        Assert.Equal(0, await _queue.CountAsync(Name, CancellationToken.None));
        var poison = Assert.Single(await _queue.ReceiveAsync(Name + "-poison", 1, Minute, CancellationToken.None));
        Assert.Equal([1, 2, 3], poison.Body.ToArray());
    }

    [Fact]
    public async Task NextSend_TakenBeforeTheSend_Completes()
    {
        var next = _queue.NextSend(Name);
        Assert.False(next.IsCompleted);
        await SendAsync([1]);
        await next.WaitAsync(TimeSpan.FromSeconds(10));
    }

    private SqliteDatabase Open() => SqliteDatabase.Open(Path.Combine(_folder, "queues.db"), SqliteDurability.Full, SqliteQueue.Schema);

    private async Task RestartAsync()
    {
        await _database.DisposeAsync();
        _database = Open();
        _queue = new SqliteQueue(_database, _clock);
    }
}
