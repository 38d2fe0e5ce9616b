using Skylight.Core.Documents;
using Skylight.Core.Uploads;

namespace Skylight.Core.Tests.Uploads;

public sealed class UploadSessionsTests : IAsyncDisposable
{
    private readonly UploadWorld _world = new(new UploadOptions { MaxLiveSessions = 3, BatchBlobs = 2, BatchBytes = 1000 });

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    private Task<UploadOpened> TryOpenAsync(string? key = null, int? days = null, string owner = "hospital-a/node", string institution = UploadWorld.Institution) =>
        _world.Sessions.OpenAsync(new UploadRequest(institution, owner, days, key), default).AsTask();

    [Fact]
    public async Task Open_Ordinary_EndsAfterADay_Long_AfterItsDays()
    {
        Assert.Equal(_world.Time.Now.AddHours(24), (await _world.OpenAsync()).ExpiresOn);
        Assert.Equal(_world.Time.Now.AddDays(7), (await _world.OpenAsync(days: 7)).ExpiresOn);
        Assert.Equal(UploadRefusal.DaysOutOfRange, (await TryOpenAsync(days: 31)).Refusal);
        Assert.Equal(UploadRefusal.DaysOutOfRange, (await TryOpenAsync(days: 0)).Refusal);
    }

    [Fact]
    public async Task Open_BeyondTheQuota_IsRefused_UntilASessionEnds()
    {
        var first = await _world.OpenAsync();
        await _world.OpenAsync();
        await _world.OpenAsync();
        Assert.Equal(UploadRefusal.TooManySessions, (await TryOpenAsync()).Refusal);
        Assert.Null((await TryOpenAsync(institution: "hospital-b")).Refusal);
        await _world.Sessions.CancelAsync(UploadWorld.Institution, first.Id, default);
        Assert.Null((await TryOpenAsync()).Refusal);
    }

    [Fact]
    public async Task Open_Racing_NeverExceedsTheQuota()
    {
        var opened = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => Task.Run(() => TryOpenAsync())));
        Assert.Equal(3, opened.Count(o => o.Refusal is null));
    }

    [Fact]
    public async Task Open_FindsSlotsThatACrashLeftBehind()
    {
        for (var i = 0; i < 3; i++)
        {
            var session = await _world.OpenAsync();
            // The session ended, but the process died before the slot was given back.
            await _world.Documents.PutAsync(new DocumentKey(UploadWorld.Institution, "upload", session.Id), session with { State = UploadState.Expired }, Match.Any, [], default);
        }

        Assert.Null((await TryOpenAsync()).Refusal);
    }

    [Fact]
    public async Task Open_WithLittleSpace_IsRefused()
    {
        _world.Ingress.FreeBytes = _world.Options.FreeSpaceFloorBytes - 1;
        Assert.Equal(UploadRefusal.NoSpace, (await TryOpenAsync()).Refusal);
    }

    [Fact]
    public async Task Open_WithTheSameKey_AnswersTheSameSession()
    {
        var first = await TryOpenAsync("k1");
        var second = await TryOpenAsync("k1");
        Assert.Equal((first.Session!.Id, first.Url), (second.Session!.Id, second.Url));
        Assert.NotEqual(first.Session.Id, (await TryOpenAsync("k1", owner: "hospital-a/other")).Session!.Id);
        Assert.Equal(UploadRefusal.KeyReused, (await TryOpenAsync("k1", days: 3)).Refusal);
        var racing = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => Task.Run(() => TryOpenAsync("k2"))));
        Assert.Single(racing.Select(r => r.Session!.Id).Distinct());
    }

    [Fact]
    public async Task Open_WithTheKeyOfACompletedSession_GivesNoUrl_AndKeepsItRevoked()
    {
        var session = await _world.OpenAsync("k1");
        await _world.CompleteAsync(session.Id);
        Assert.Equal(UploadRefusal.WrongState, (await TryOpenAsync("k1")).Refusal);
        Assert.Empty(_world.Ingress.Open);
    }

    [Fact]
    public async Task Complete_RevokesFreezesAndStarts_InThisOrder()
    {
        var session = await _world.OpenAsync();
        foreach (var name in (string[])["b3", "b1", "b2", "b4", "b5"]) _world.Ingress.Put(session.Id, name, $"content of {name}");
        var change = await _world.CompleteAsync(session.Id);
        Assert.Equal(UploadState.Running, change.Session!.State);
        Assert.Empty(_world.Ingress.Open);
        Assert.Equal([UploadState.Starting], _world.Starter.StatesAtStart);
        Assert.Equal(new IngestStart(UploadWorld.Institution, session.Id, 1, 3), Assert.Single(_world.Starter.Started));
        Assert.Equal(new FrozenContent(3, 5, 65, "hospital-a/node"), await _world.Content.FindAsync(UploadWorld.Institution, session.Id, default));
        Assert.Equal(["b1", "b2", "b3", "b4", "b5"], (await _world.FrozenAsync(session.Id)).Select(b => b.Name));
        Assert.Equal(0, await _world.CountAsync("upload-manifest"));
    }

    [Fact]
    public async Task Complete_CutsBatchesByBytes_ALargeBlobAlone()
    {
        var session = await _world.OpenAsync();
        foreach (var (name, size) in (ReadOnlySpan<(string, int)>)[("a", 600), ("b", 600), ("c", 5000), ("d", 400), ("e", 500)]) _world.Ingress.Put(session.Id, name, new string('x', size));
        await _world.CompleteAsync(session.Id);
        var batches = new List<string>();
        for (var i = 0; i < _world.Starter.Started[0].Batches; i++) batches.Add(string.Join(' ', (await _world.Content.GetBatchAsync(UploadWorld.Institution, session.Id, i, default)).Select(b => b.Name)));
        Assert.Equal(["a", "b", "c", "d e"], batches);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await _world.Content.GetBatchAsync(UploadWorld.Institution, session.Id, 4, default));
    }

    [Fact]
    public async Task Complete_WithManifest_OrdersByPath_AndReportsWhatIsMissing()
    {
        var session = await _world.OpenAsync();
        foreach (var name in (string[])["x1", "x2", "x3"]) _world.Ingress.Put(session.Id, name);
        _world.Ingress.Put(session.Id, "half", committed: false);
        var digest = new string('A', 64);
        await _world.CompleteAsync(session.Id, $$"""
            [{"name":"x1","path":"CT/2.dcm","size":1,"sha256":"{{digest}}"},{"name":"x3","path":"CT/1.dcm"},{"name":"half","path":"CT/3.dcm"},{"name":"never","path":"CT/4.dcm"},{"name":"_complete.json"}]
            """);
        var frozen = await _world.FrozenAsync(session.Id);
        Assert.Equal(["CT/1.dcm", "CT/2.dcm", "x2"], frozen.Select(b => b.Label));
        Assert.Equal((1L, digest.ToLowerInvariant()), (frozen[1].ExpectedSize, frozen[1].ExpectedSha256));
        var report = await _world.ReportAsync(session.Id);
        Assert.Equal(2, report.Received);
        Assert.Equal(["CT/3.dcm blob-not-committed", "CT/4.dcm blob-missing"], report.Rejected.Select(r => $"{r.Name} {r.Code}"));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("[")]
    [InlineData("[1]")]
    [InlineData("[null]")]
    [InlineData("[{}]")]
    [InlineData("[{\"name\":\"\"}]")]
    [InlineData("[{\"name\":\"a\\u0000\"}]")]
    [InlineData("[{\"name\":\"a\",\"path\":\"x\\ny\"}]")]
    [InlineData("[{\"name\":\"a\",\"size\":-1}]")]
    [InlineData("[{\"name\":\"a\",\"size\":1.5}]")]
    [InlineData("[{\"name\":\"a\",\"sha256\":\"zz\"}]")]
    [InlineData("not json")]
    public async Task Complete_WithABadManifest_IsRefused_AndLeavesTheSessionOpen(string manifest)
    {
        var session = await _world.OpenAsync();
        await Assert.ThrowsAsync<ManifestException>(async () => await _world.CompleteAsync(session.Id, manifest));
        Assert.Equal(UploadState.Open, (await _world.StateAsync(session.Id)).State);
        Assert.NotEmpty(_world.Ingress.Open);
        Assert.Equal(0, await _world.CountAsync("upload-manifest"));
    }

    [Fact]
    public async Task Complete_WithATooLongManifest_IsRefused()
    {
        await using var world = new UploadWorld(new UploadOptions { MaxManifestBytes = 2000, MaxBlobs = 3 });
        var session = await world.OpenAsync();
        await Assert.ThrowsAsync<ManifestException>(async () => await world.CompleteAsync(session.Id, $"[{string.Join(',', Enumerable.Repeat("""{"name":"a"}""", 4))}]"));
        await Assert.ThrowsAsync<ManifestException>(async () => await world.CompleteAsync(session.Id, "[" + new string(' ', 3000) + "]"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    public async Task Complete_WithAnEmptyManifest_HasNone(string manifest)
    {
        var session = await _world.OpenAsync();
        _world.Ingress.Put(session.Id, "a");
        Assert.Equal(UploadState.Running, (await _world.CompleteAsync(session.Id, manifest)).Session!.State);
    }

    [Fact]
    public async Task Complete_Twice_StartsOnce()
    {
        var session = await _world.OpenAsync();
        _world.Ingress.Put(session.Id, "a");
        await _world.CompleteAsync(session.Id);
        Assert.Null((await _world.CompleteAsync(session.Id)).Refusal);
        Assert.Single(_world.Starter.StatesAtStart);
    }

    [Fact]
    public async Task Complete_AtOnceByTwo_FreezesOnce()
    {
        var session = await _world.OpenAsync();
        _world.Ingress.Put(session.Id, "a");
        await Task.WhenAll(Enumerable.Range(0, 4).Select(i => Task.Run(() => _world.CompleteAsync(session.Id, $$"""[{"name":"a","path":"p{{i}}"}]""").AsTask())));
        Assert.Equal(UploadState.Running, (await _world.StateAsync(session.Id)).State);
        Assert.Single(_world.Starter.Started);
        Assert.Equal((1, 0), (await _world.CountAsync("upload-batch"), await _world.CountAsync("upload-manifest")));
    }

    [Fact]
    public async Task Complete_OfNothing_IsDone()
    {
        var session = await _world.OpenAsync();
        Assert.Equal(UploadState.Completed, (await _world.CompleteAsync(session.Id)).Session!.State);
        Assert.Empty(_world.Starter.Started);
    }

    [Fact]
    public async Task Complete_OfAnUnknownOrEndedSession_IsRefused()
    {
        Assert.Equal(UploadRefusal.NotFound, (await _world.CompleteAsync(UploadId.New())).Refusal);
        Assert.Equal(UploadRefusal.NotFound, (await _world.CompleteAsync("../x")).Refusal);
        var session = await _world.OpenAsync();
        await _world.Sessions.CancelAsync(UploadWorld.Institution, session.Id, default);
        Assert.Equal(UploadRefusal.WrongState, (await _world.CompleteAsync(session.Id)).Refusal);
    }

    [Fact]
    public async Task Complete_WithTooManyBlobs_Fails()
    {
        await using var world = new UploadWorld(new UploadOptions { MaxBlobs = 2 });
        var session = await world.OpenAsync();
        for (var i = 0; i < 3; i++) world.Ingress.Put(session.Id, $"b{i}");
        var change = await world.CompleteAsync(session.Id);
        Assert.Equal((UploadState.Failed, "too-many-blobs"), (change.Session!.State, change.Session.Failure));
        Assert.Equal(UploadRefusal.WrongState, (await world.CompleteAsync(session.Id)).Refusal);
    }

    [Fact]
    public async Task CompletionBlob_IsTheManifest_AndIsNotIngested()
    {
        var session = await _world.OpenAsync();
        _world.Ingress.Put(session.Id, "a");
        _world.Ingress.Put(session.Id, UploadSessions.CompletionBlob, """[{"name":"a","path":"CT/1.dcm"}]""");
        await _world.Sessions.CompleteByBlobAsync(UploadId.Container(session.Id), _world.Starter, default);
        await _world.Sessions.CompleteByBlobAsync(UploadId.Container(session.Id), _world.Starter, default);
        Assert.Equal("CT/1.dcm", Assert.Single(await _world.FrozenAsync(session.Id)).Path);
        Assert.Single(_world.Starter.Started);
    }

    [Fact]
    public async Task CompletionBlob_ThatIsNoManifest_CompletesWithoutOne_AndIsRejectedByName()
    {
        var session = await _world.OpenAsync();
        _world.Ingress.Put(session.Id, "a");
        _world.Ingress.Put(session.Id, UploadSessions.CompletionBlob, "{broken");
        await _world.Sessions.CompleteByBlobAsync(UploadId.Container(session.Id), _world.Starter, default);
        Assert.Equal(UploadState.Running, (await _world.StateAsync(session.Id)).State);
        Assert.Equal("_complete.json manifest-invalid", Assert.Single((await _world.ReportAsync(session.Id)).Rejected.Select(r => $"{r.Name} {r.Code}")));
        await _world.Sessions.CompleteByBlobAsync("other", _world.Starter, default);
        await _world.Sessions.CompleteByBlobAsync(UploadId.Container(UploadId.New()), _world.Starter, default);
    }

    [Fact]
    public async Task Finish_RejectsWhatCameTooLate_ByName()
    {
        var session = await _world.OpenAsync();
        foreach (var name in (string[])["a", "b", "c"]) _world.Ingress.Put(session.Id, name);
        await _world.CompleteAsync(session.Id);
        _world.Ingress.Put(session.Id, "late");
        _world.Ingress.Put(session.Id, "b", "changed");
        _world.Ingress.Put(session.Id, "c", "changed too");
        await Assert.ThrowsAsync<UploadChangedException>(async () => await _world.Content.OpenAsync(session.Id, (await _world.FrozenAsync(session.Id))[2], default));
        await _world.Reports.WriteAsync(
            UploadWorld.Institution, session.Id, 0, new UploadReportPart { Received = 3, Stored = 2, Rejected = [new("c", UploadRejections.Changed, "It changed.")] }, default);
        await _world.Sessions.FinishAsync(UploadWorld.Institution, session.Id, 1, null, default);
        await _world.Sessions.FinishAsync(UploadWorld.Institution, session.Id, 1, null, default);
        Assert.Equal(UploadState.Completed, (await _world.StateAsync(session.Id)).State);
        var report = await _world.ReportAsync(session.Id);
        Assert.Equal(["c blob-changed", "late blob-added-late", "b blob-changed-late"], report.Rejected.Select(r => $"{r.Name} {r.Code}"));
        Assert.Equal(report.Received, report.Stored + report.Rejected.Count);
    }

    [Fact]
    public async Task Failed_CompletedAgain_RunsTheSameContentAgain()
    {
        var session = await _world.OpenAsync();
        _world.Ingress.Put(session.Id, "a");
        await _world.CompleteAsync(session.Id);
        await _world.Sessions.FinishAsync(UploadWorld.Institution, session.Id, 1, "disk-full", default);
        Assert.Equal("disk-full", (await _world.StateAsync(session.Id)).Failure);
        Assert.Equal(UploadState.Running, (await _world.CompleteAsync(session.Id)).Session!.State);
        Assert.Equal([1, 2], _world.Starter.Started.Select(s => s.Attempt));
        await _world.Sessions.FinishAsync(UploadWorld.Institution, session.Id, 1, "too-late", default);
        Assert.Equal(UploadState.Running, (await _world.StateAsync(session.Id)).State);
        await _world.Sessions.FinishAsync(UploadWorld.Institution, session.Id, 2, null, default);
        Assert.Equal((UploadState.Completed, null), ((await _world.StateAsync(session.Id)).State, (await _world.StateAsync(session.Id)).Failure));
    }

    [Fact]
    public async Task Cancel_DeletesTheContent_AndRunningIsRefused()
    {
        var session = await _world.OpenAsync();
        Assert.Equal(UploadState.Cancelled, (await _world.Sessions.CancelAsync(UploadWorld.Institution, session.Id, default)).Session!.State);
        Assert.Null((await _world.Sessions.CancelAsync(UploadWorld.Institution, session.Id, default)).Refusal);
        Assert.Empty(_world.Ingress.Containers);
        var running = await _world.OpenAsync();
        _world.Ingress.Put(running.Id, "a");
        await _world.CompleteAsync(running.Id);
        Assert.Equal(UploadRefusal.WrongState, (await _world.Sessions.CancelAsync(UploadWorld.Institution, running.Id, default)).Refusal);
        Assert.Equal(UploadRefusal.NotFound, (await _world.Sessions.CancelAsync("hospital-b", running.Id, default)).Refusal);
    }

    [Fact]
    public async Task OneHundredThousandBlobs_FitIntoRecords()
    {
        await using var world = new UploadWorld();
        var session = await world.OpenAsync();
        const int Count = 100_000;
        var manifest = new System.Text.StringBuilder("[");
        for (var i = 0; i < Count; i++)
        {
            world.Ingress.Put(session.Id, $"blob-{i:D6}");
            manifest.Append(i == 0 ? "" : ",").Append(System.Globalization.CultureInfo.InvariantCulture, $$"""{"name":"blob-{{i:D6}}","path":"某医院/患者/{{Count - i:D6}}.dcm","size":1}""");
        }

        await world.CompleteAsync(session.Id, manifest.Append(']').ToString());
        Assert.Equal((500, (long)Count), ((await world.Content.FindAsync(UploadWorld.Institution, session.Id, default))!.Batches, (await world.StateAsync(session.Id)).Blobs));
        Assert.Equal("blob-099999", (await world.Content.GetBatchAsync(UploadWorld.Institution, session.Id, 0, default))[0].Name);
        Assert.Equal("blob-000000", (await world.Content.GetBatchAsync(UploadWorld.Institution, session.Id, 499, default))[^1].Name);
    }
}
