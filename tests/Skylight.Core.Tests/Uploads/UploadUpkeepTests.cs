using Skylight.Core.Uploads;

namespace Skylight.Core.Tests.Uploads;

public sealed class UploadUpkeepTests : IAsyncDisposable
{
    private readonly UploadWorld _world = new();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    private async Task<string> OpenAsync()
    {
        var session = await _world.OpenAsync();
        _world.Ingress.Put(session.Id, "a");
        return session.Id;
    }

    [Fact]
    public async Task LostStart_IsRepaired_NotBeforeItsTime()
    {
        var id = await OpenAsync();
        _world.Starter.Fail = new IOException("The task hub is away.");
        await Assert.ThrowsAsync<IOException>(async () => await _world.CompleteAsync(id));
        Assert.Equal(UploadState.Starting, (await _world.StateAsync(id)).State);
        _world.Starter.Fail = null;
        await _world.RoundAsync(TimeSpan.FromSeconds(60));
        Assert.Empty(_world.Starter.Started);
        await _world.RoundAsync(TimeSpan.FromSeconds(61));
        Assert.Single(_world.Starter.Started);
        Assert.Equal(UploadState.Running, (await _world.StateAsync(id)).State);
    }

    [Fact]
    public async Task InterruptedFreeze_IsRepeated()
    {
        var id = await OpenAsync();
        _world.Ingress.FailList = new IOException("The store is away.");
        await Assert.ThrowsAsync<IOException>(async () => await _world.CompleteAsync(id, """[{"name":"a","path":"CT/1"}]"""));
        Assert.Equal(UploadState.Closing, (await _world.StateAsync(id)).State);
        _world.Ingress.FailList = null;
        await _world.RoundAsync(TimeSpan.FromMinutes(3));
        Assert.Equal("CT/1", Assert.Single(await _world.FrozenAsync(id)).Path);
        Assert.Single(_world.Starter.Started);
    }

    [Fact]
    public async Task RunThatIsMissing_IsStartedAgain()
    {
        var id = await OpenAsync();
        await _world.CompleteAsync(id);
        _world.Starter.Runs.Clear();
        await _world.RoundAsync(TimeSpan.FromMinutes(3));
        Assert.Equal(2, _world.Starter.Started.Count);
        Assert.Single(_world.Starter.Started.Distinct());
    }

    [Theory]
    [InlineData(IngestRunState.Failed, UploadState.Failed)]
    [InlineData(IngestRunState.Succeeded, UploadState.Completed)]
    [InlineData(IngestRunState.Running, UploadState.Running)]
    public async Task RunThatEndedWithoutAWord_EndsTheSession(IngestRunState run, UploadState state)
    {
        var id = await OpenAsync();
        await _world.CompleteAsync(id);
        _world.Starter.Runs[IngestStart.InstanceIdOf(id, 1)] = run;
        await _world.RoundAsync(TimeSpan.FromMinutes(3));
        Assert.Equal(state, (await _world.StateAsync(id)).State);
    }

    [Fact]
    public async Task NobodyCompletes_ExpiresAfterTheGrace_AndIsCleaned()
    {
        var id = await OpenAsync();
        await _world.RoundAsync(TimeSpan.FromHours(24.5));
        Assert.Equal(UploadState.Open, (await _world.StateAsync(id)).State);
        await _world.RoundAsync(TimeSpan.FromHours(1));
        Assert.Equal(UploadState.Expired, (await _world.StateAsync(id)).State);
        Assert.Empty(_world.Ingress.Open);
        await _world.RoundAsync(TimeSpan.FromMinutes(2));
        Assert.Empty(_world.Ingress.Containers);
        Assert.True((await _world.StateAsync(id)).Cleaned);
        Assert.Equal(0, await _world.CountAsync("upload-pointer", "uploads"));
    }

    [Fact]
    public async Task Completed_IsCleanedAfterTheLastLateWrite_WhichIsReported()
    {
        var id = await OpenAsync();
        await _world.CompleteAsync(id);
        await _world.Sessions.FinishAsync(UploadWorld.Institution, id, 1, null, default);
        _world.Ingress.Put(id, "late");
        await _world.RoundAsync(TimeSpan.FromSeconds(50));
        Assert.False((await _world.StateAsync(id)).Cleaned);
        await _world.RoundAsync(TimeSpan.FromSeconds(11));
        Assert.True((await _world.StateAsync(id)).Cleaned);
        Assert.Equal("late", Assert.Single((await _world.ReportAsync(id)).Rejected).Name);
        Assert.Equal(0, await _world.CountAsync("upload-batch"));
        Assert.Null(await _world.Content.FindAsync(UploadWorld.Institution, id, default));
        Assert.Equal(UploadState.Completed, (await _world.CompleteAsync(id)).Session!.State);
    }

    [Fact]
    public async Task Failed_KeepsItsContentForAWeek()
    {
        var id = await OpenAsync();
        await _world.CompleteAsync(id);
        await _world.Sessions.FinishAsync(UploadWorld.Institution, id, 1, "disk-full", default);
        await _world.RoundAsync(TimeSpan.FromDays(6));
        Assert.Single(await _world.FrozenAsync(id));
        await _world.RoundAsync(TimeSpan.FromDays(1.1));
        Assert.Empty(_world.Ingress.Containers);
        Assert.Equal(UploadRefusal.WrongState, (await _world.CompleteAsync(id)).Refusal);
    }

    [Fact]
    public async Task OneSessionThatFails_DoesNotStopTheOthers()
    {
        var first = await OpenAsync();
        var second = await OpenAsync();
        _world.Starter.Fail = new IOException("away");
        foreach (var id in (string[])[first, second]) await Assert.ThrowsAsync<IOException>(async () => await _world.CompleteAsync(id));
        await _world.RoundAsync(TimeSpan.FromMinutes(3));
        Assert.Equal(4, _world.Starter.StatesAtStart.Count);
    }

    [Fact]
    public async Task PointerWithoutASession_GoesAway()
    {
        var id = UploadId.New();
        await _world.Documents.PutAsync(UploadSessions.PointerKey(id), new UploadPointer(UploadWorld.Institution, _world.Time.Now), Skylight.Core.Documents.Match.Any, [], default);
        await _world.RoundAsync(TimeSpan.FromMinutes(10));
        Assert.Equal(1, await _world.CountAsync("upload-pointer", "uploads"));
        await _world.RoundAsync(TimeSpan.FromMinutes(10));
        Assert.Equal(0, await _world.CountAsync("upload-pointer", "uploads"));
    }
}
