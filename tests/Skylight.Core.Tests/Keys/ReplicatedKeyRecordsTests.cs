using Skylight.Archive.Keys;
using Skylight.Conformance;
using Skylight.Conformance.Faults;
using Skylight.Core.Keys;
using Skylight.Core.Tests.Ingest;

namespace Skylight.Core.Tests.Keys;

/// <summary>Wrapped keys lie in two places before anything is sealed under them, and an erasure reaches both.</summary>
public sealed class ReplicatedKeyRecordsTests : IAsyncDisposable
{
    private readonly MemoryKeyRecords _first = new();
    private readonly MemoryKeyRecords _second = new();
    private readonly ReplicatedKeyRecords _both;
    private readonly IngestBench _bench = new();

    public ReplicatedKeyRecordsTests() => _both = new ReplicatedKeyRecords(_first, _second);

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task AddReplaceDelete_ReachBothPlaces()
    {
        Assert.True(await _both.TryAddAsync(Record("k1"), default));
        Assert.False(await _both.TryAddAsync(Record("k9"), default));
        Assert.Equal(["k1"], await KeysAsync(_second));
        var stored = (await _both.GetAsync("a", "s", default))!;
        Assert.True(await _both.TryReplaceAsync(Record("k1", "k2"), stored.ETag, default));
        Assert.False(await _both.TryReplaceAsync(Record("k3"), stored.ETag, default));
        Assert.Equal(["k1", "k2"], await KeysAsync(_second));
        Assert.True(await _both.DeleteAsync("a", "s", default));
        Assert.Null(await _second.GetAsync("a", "s", default));
        Assert.Null(await _first.GetAsync("a", "s", default));
    }

    [Fact]
    public async Task Mirror_BringsTheSecondUpToTheFirst()
    {
        await _first.TryAddAsync(Record("k1", "k2"), default);
        await _second.TryAddAsync(Record("k1"), default);
        Assert.Equal(1, await _both.MirrorAsync("a", default));
        Assert.Equal(["k1", "k2"], await KeysAsync(_second));
        Assert.Equal(0, await _both.MirrorAsync("a", default));
    }

    [Fact]
    public async Task SecondAway_NoKeyIsGivenOutForNewObjects_UntilItIsThere_AndWhatIsSealedIsRead()
    {
        using var keys = Keys();
        KeyId id;
        using (var old = await keys.GetOrCreateAsync(IngestBench.A, "old", default)) id = old.Id;
        _second.Before = static _ => throw new IOException("The second account does not answer.");

        // The first has the record after the first try: the second try must not take that for enough, nor one in another process.
        for (var tries = 0; tries < 2; tries++) Assert.Equal(KeyFault.NotReplicated, await FaultAsync(keys, "new"));
        using (var other = Keys()) Assert.Equal(KeyFault.NotReplicated, await FaultAsync(other, "new"));
        using (var other = Keys())
        {
            // Read first, then written to: what a reader has opened is not confirmed by that.
            (await other.GetAsync(IngestBench.A, "old", id, default)).Dispose();
            Assert.Equal(KeyFault.NotReplicated, await FaultAsync(other, "old"));
        }

        _second.Before = null;
        using var made = await keys.GetOrCreateAsync(IngestBench.A, "new", default);
        Assert.Equal([made.Id.ToString()], (await _second.GetAsync(IngestBench.A, "new", default))!.Record.Keys.Select(key => key.Id));
    }

    [Fact]
    public async Task SecondAway_ASecretThatThereIs_Serves()
    {
        using (var secrets = new InstitutionSecrets(_both, _bench.Ring, new KeyEncryptionOptions(), _bench.Time))
        {
            var before = await secrets.MakeKeyAsync(IngestBench.A, "study-key", "1.2.3", default);
            _second.Before = static _ => throw new IOException("The second account does not answer.");
            using var started = new InstitutionSecrets(_both, _bench.Ring, new KeyEncryptionOptions(), _bench.Time);
            Assert.Equal(before, await started.MakeKeyAsync(IngestBench.A, "study-key", "1.2.3", default));
            Assert.Equal(await secrets.GetAsync(IngestBench.A, "token", default), await started.GetAsync(IngestBench.A, "token", default));
        }
    }

    [Fact]
    public async Task Rewrap_StoppedBetweenThePlaces_IsFinishedByItsRepetition()
    {
        using var keys = Keys();
        (await keys.GetOrCreateAsync(IngestBench.A, "s", default)).Dispose();
        await _bench.Ring.AddAsync(keys.KeyEncryptionKeyOf(IngestBench.A), default);
        _second.Before = static _ => throw new IOException("The second account does not answer.");
        var error = await Assert.ThrowsAsync<KeyUnavailableException>(async () => await keys.RewrapAsync(IngestBench.A, "s", default));
        Assert.Equal(KeyFault.NotReplicated, error.Fault);
        _second.Before = null;
        Assert.Equal(0, await keys.RewrapAsync(IngestBench.A, "s", default));
        Assert.Equal((await _first.GetAsync(IngestBench.A, "s", default))!.Record.Digest(), (await _second.GetAsync(IngestBench.A, "s", default))!.Record.Digest());
    }

    [Fact]
    public async Task Confirm_BesideAnErasure_LeavesNothingInTheSecond()
    {
        await _first.TryAddAsync(Record("k1"), default);
        _second.Before = async call =>
        {
            // The erasure runs whole between the confirmation's look into the second place and its write.
            if (call != nameof(IKeyRecordStore.TryAddAsync)) return;
            _second.Before = null;
            await _both.DeleteAsync("a", "s", default);
        };
        await _both.ConfirmAsync(Record("k1"), default);
        Assert.Null(await _first.GetAsync("a", "s", default));
        Assert.Null(await _second.GetAsync("a", "s", default));
    }

    [Fact]
    public async Task Delete_WhileSomeoneConfirms_LeavesNothingInTheSecond()
    {
        await _both.TryAddAsync(Record("k1"), default);
        _first.Before = async call =>
        {
            // The record is gone from the second place, not yet from the first.
            if (call != nameof(IKeyRecordStore.DeleteAsync)) return;
            _first.Before = null;
            await _both.ConfirmAsync(Record("k1"), default);
            Assert.NotNull(await _second.GetAsync("a", "s", default));
        };
        Assert.True(await _both.DeleteAsync("a", "s", default));
        Assert.Null(await _second.GetAsync("a", "s", default));
    }

    [Fact]
    public async Task OlderChange_ThatReachesTheSecondLast_IsOvertaken()
    {
        await _both.TryAddAsync(Record("k1"), default);
        _second.Before = async _ =>
        {
            // A second change goes through both places while the first one is on its way to the second.
            _second.Before = null;
            var newest = (await _first.GetAsync("a", "s", default))!;
            Assert.True(await _both.TryReplaceAsync(Record("k1", "k2", "k3"), newest.ETag, default));
        };
        Assert.True(await _both.TryReplaceAsync(Record("k1", "k2"), (await _first.GetAsync("a", "s", default))!.ETag, default));
        Assert.Equal(["k1", "k2", "k3"], await KeysAsync(_second));
    }

    [Theory]
    [InlineData(41)]
    [InlineData(42)]
    [InlineData(43)]
    public async Task EveryKeyThatIsGivenOut_IsInBothPlaces_UnderFaults(int seed)
    {
        var plan = new FaultPlan(seed, 0.3);
        var both = new ReplicatedKeyRecords(new FaultyKeyRecords(_first, plan), new FaultyKeyRecords(_second, plan));
        for (var study = 0; study < 40; study++)
        {
            for (var process = 0; process < 2; process++)
            {
                using var keys = new StudyKeys(both, _bench.Ring, new KeyEncryptionOptions(), _bench.Time);
                using var key = await RepeatAsync(async () => await keys.GetOrCreateAsync(IngestBench.A, $"study-{study}", default));
                var copy = (await _second.GetAsync(IngestBench.A, $"study-{study}", default))!.Record;
                Assert.Equal(key.Id.ToString(), copy.Keys[^1].Id);
                Assert.Equal((await _first.GetAsync(IngestBench.A, $"study-{study}", default))!.Record.Digest(), copy.Digest());
            }

            if (study % 3 != 0) continue;
            await RepeatAsync(async () => await both.DeleteAsync(IngestBench.A, $"study-{study}", default));
            Assert.Null(await _second.GetAsync(IngestBench.A, $"study-{study}", default));
        }

        foreach (var fault in (Fault[])[Fault.LostBefore, Fault.LostAfter]) Assert.True(plan.Count(fault) > 0, plan.Drawn);
    }

    private static KeyRecord Record(params string[] ids) => new(1, "a", "s", [.. ids.Select(id => new WrappedKey(id, "A256KW", "local:a/1", [1, 2], DateTimeOffset.UnixEpoch))]);

    private static async Task<IEnumerable<string>> KeysAsync(MemoryKeyRecords records) => (await records.GetAsync("a", "s", default))!.Record.Keys.Select(key => key.Id);

    private static async Task<KeyFault> FaultAsync(StudyKeys keys, string study) =>
        (await Assert.ThrowsAsync<KeyUnavailableException>(async () => await keys.GetOrCreateAsync(IngestBench.A, study, default))).Fault;

    private static async Task<T> RepeatAsync<T>(Func<Task<T>> call)
    {
        while (true)
        {
            try
            {
                return await call();
            }
            catch (Exception fault) when (fault is InjectedFaultException || fault.InnerException is InjectedFaultException)
            {
                // What a sender or a retry policy does.
                continue;
            }
        }
    }

    private StudyKeys Keys() => new(_both, _bench.Ring, new KeyEncryptionOptions(), _bench.Time);
}
