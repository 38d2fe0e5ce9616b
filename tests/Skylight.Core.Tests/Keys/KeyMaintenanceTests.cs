using Microsoft.Extensions.Logging.Abstractions;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;
using Skylight.Archive.Series;
using Skylight.Core.Catalog;
using Skylight.Core.Documents;
using Skylight.Core.Institutions;
using Skylight.Core.Integrity;
using Skylight.Core.Keys;
using Skylight.Core.Lifecycle.Corrections;
using Skylight.Core.Maintenance;
using Skylight.Core.Retrieve;
using Skylight.Core.Studies;
using Skylight.Core.Tests.Ingest;
using Skylight.Core.Tests.Lifecycle;

namespace Skylight.Core.Tests.Keys;

/// <summary>Keys change under a living archive: whatever was readable stays so, and what was replaced goes when nothing needs it.</summary>
public sealed class KeyMaintenanceTests : IAsyncLifetime
{
    private readonly IngestBench _bench = new();
    private DocumentKeyRecords _records = null!;
    private RetiredObjects _retired = null!;
    private MaintenanceRuns _runs = null!;

    public async ValueTask InitializeAsync()
    {
        _records = new DocumentKeyRecords(_bench.Documents);
        _retired = new RetiredObjects(_bench.Documents, _bench.Catalog, _bench.Parts, _bench.Store, _bench.Time, NullLogger<RetiredObjects>.Instance);
        _runs = Runs();
        for (var study = 1; study <= 3; study++)
            for (var i = 1; i <= 2; i++) await _bench.SendOne(Slice(study, i));
        await _bench.SendOne(Slice(1, 1).With(file => file.Pixels = [9, 9, 9, 9]));
        _bench.Time.Advance(TimeSpan.FromMinutes(1));
    }

    public async ValueTask DisposeAsync() => await _bench.DisposeAsync();

    [Fact]
    public async Task Rotation_RewrapsEveryRecord_AndRetiresTheOldVersionADayLater()
    {
        var run = await RunAsync(new MaintenanceRequest(IngestBench.A, MaintenanceKind.KeyRotation, "sec"));
        Assert.Equal((MaintenanceState.Completed, "local:hospital-a/2", 0L), (run.State, run.Target, run.Errors));
        Assert.Equal(4, run.Done); // three studies and the institution itself
        Assert.Equal(4, run.Changed);
        Assert.All(await KeksAsync(), kek => Assert.Equal("local:hospital-a/2", kek));
        await AssertReadableAsync();
        await _bench.SendOne(Slice(4, 1));
        Assert.Contains("local:hospital-a/2", await KeksAsync());

        Assert.Equal(0, await Retirement().RunAsync(IngestBench.A, default));
        _bench.Time.Advance(TimeSpan.FromHours(25));
        Assert.Equal(1, await Retirement().RunAsync(IngestBench.A, default));
        Assert.Equal(["local:hospital-a/2"], (await _bench.Ring.ListAsync("local:hospital-a", default)).Select(version => version.Id));
        await AssertReadableAsync();
    }

    [Fact]
    public async Task Rotation_RecordStillUnderTheOldVersion_KeepsThatVersion()
    {
        await _bench.Ring.AddAsync("local:hospital-a", default);
        _bench.Time.Advance(TimeSpan.FromHours(25));
        Assert.Equal(0, await Retirement().RunAsync(IngestBench.A, default));
        await AssertReadableAsync();
    }

    [Fact]
    public async Task Rotation_PausedAndResumed_MakesOneVersionAndGoesOn()
    {
        var run = (await _runs.StartAsync(new MaintenanceRequest(IngestBench.A, MaintenanceKind.KeyRotation, "sec"), default))!;
        Assert.Null(await _runs.StartAsync(new MaintenanceRequest(IngestBench.A, MaintenanceKind.KeyRotation, "sec"), default));
        Assert.Equal([run.Id], (await _runs.RunningAsync(IngestBench.A, default)).Select(item => item.Id));

        // The step that made the version was not recorded before the host died: taken again, it makes no second one.
        await new KeyRotationWork(_bench.Ring, _records, _bench.Keys).StepAsync(run, default);
        Assert.True(await _runs.StepAsync(IngestBench.A, run.Id, 1, default));
        Assert.Equal(2, (await _bench.Ring.ListAsync("local:hospital-a", default)).Count);
        await _runs.PauseAsync(IngestBench.A, run.Id, default);
        Assert.False(await _runs.StepAsync(IngestBench.A, run.Id, 1, default));
        Assert.Empty(await _runs.RunningAsync(IngestBench.A, default));
        Assert.Contains("local:hospital-a/1", await KeksAsync());
        var resumed = (await Runs().ResumeAsync(IngestBench.A, run.Id, default))!;
        Assert.Equal(2, resumed.Attempt);

        // What is left of the first attempt does nothing any more.
        Assert.False(await _runs.StepAsync(IngestBench.A, run.Id, 1, default));
        while (await _runs.StepAsync(IngestBench.A, run.Id, 2, default))
        {
            // Until it is done.
        }

        Assert.Equal(MaintenanceState.Completed, (await _runs.FindAsync(IngestBench.A, run.Id, default))!.Value.State);
        Assert.All(await KeksAsync(), kek => Assert.Equal("local:hospital-a/2", kek));
    }

    [Theory]
    [InlineData(SealAlgorithm.Aes256Gcm, true)]
    [InlineData(SealAlgorithm.Sm4Gcm, true)]
    [InlineData(SealAlgorithm.Sm4Gcm, false)]
    public async Task Reencryption_RewritesEveryObject_AndRemovesOldKeysWhenNothingNamesThem(SealAlgorithm algorithm, bool newKeys)
    {
        var before = await StateAsync();
        var old = (await _records.GetAsync(IngestBench.A, (await _bench.Study("1.2.1")).StudyKey, default))!.Record.Keys.Single().Id;
        var run = await RunAsync(new MaintenanceRequest(IngestBench.A, MaintenanceKind.Reencryption, "sec") { Algorithm = algorithm, NewKeys = newKeys });
        Assert.Equal((MaintenanceState.Completed, 3L, 3L, 0L, 0L), (run.State, run.Done, run.Changed, run.Waiting, run.Errors));
        Assert.Equal(before, await StateAsync());
        Assert.Equal(algorithm, (await HeaderAsync("1.2.2")).Algorithm);
        Assert.Equal(newKeys, (await HeaderAsync("1.2.1")).KeyId.ToString() != old);

        // Mixed state is normal: what arrives now is merged with the rest, and a second run finds nothing to do.
        if (algorithm == SealAlgorithm.Aes256Gcm) Assert.Equal(0, (await RunAsync(new MaintenanceRequest(IngestBench.A, MaintenanceKind.Reencryption, "sec") { NewKeys = false })).Changed);
        _bench.Time.Advance(TimeSpan.FromHours(25));
        Assert.Equal(0, await Retirement().RunAsync(IngestBench.A, default));
        await _retired.PurgeAsync(default);
        Assert.Equal(newKeys ? 3 : 0, await Retirement().RunAsync(IngestBench.A, default));
        Assert.Single((await _records.GetAsync(IngestBench.A, (await _bench.Study("1.2.1")).StudyKey, default))!.Record.Keys);
        Assert.Equal(before, await StateAsync());
        await AssertReadableAsync();
    }

    [Fact]
    public async Task Reencryption_RewritesCorrections_SoThatTheOldKeyCanGo()
    {
        await using var lifecycle = new LifecycleBench(ingest: _bench);
        var study = await _bench.Study("1.2.2");
        var order = new CorrectionOrder(CorrectionScope.Study, null, null, CorrectionReason.Correct, "old HIS", new Dictionary<string, string> { ["PatientSex"] = "F" });
        var proposed = await lifecycle.Corrections.ProposeAsync(IngestBench.A, study.StudyKey, order, LifecycleBench.By, null, default);
        Assert.Null((await lifecycle.Corrections.ApproveAsync(IngestBench.A, proposed.Record!.Correction.Id, "hospital-a/second", default)).Refusal);
        var old = (await _bench.Study("1.2.2")).Corrections!;

        var run = await RunAsync(new MaintenanceRequest(IngestBench.A, MaintenanceKind.Reencryption, "sec"));
        Assert.Equal((3L, 0L, 0L), (run.Changed, run.Waiting, run.Errors));
        study = await _bench.Study("1.2.2");
        Assert.NotEqual(old, study.Corrections);
        Assert.Equal(proposed.Record.Correction.Id, Assert.Single(await new CorrectionLists(_bench.Store, _bench.Keys).ReadAsync(study, default)).Id);
        _bench.Time.Advance(TimeSpan.FromHours(25));
        await _retired.PurgeAsync(default);
        Assert.Equal(3, await Retirement().RunAsync(IngestBench.A, default));
        Assert.Single((await _records.GetAsync(IngestBench.A, study.StudyKey, default))!.Record.Keys);
        Assert.Single(await new CorrectionLists(_bench.Store, _bench.Keys).ReadAsync(study, default));
        Assert.Equal(0, (await RunAsync(new MaintenanceRequest(IngestBench.A, MaintenanceKind.Reencryption, "sec") { NewKeys = false })).Changed);
    }

    [Fact]
    public async Task SealPolicy_Sm4_AppliesToNewObjectsOfThatInstitution_AndOldOnesStayReadable()
    {
        var policies = new SealPolicies(_bench.Documents, _bench.Time);
        using var keys = new StudyKeys(_records, _bench.Ring, new KeyEncryptionOptions(), _bench.Time) { Ciphers = policies.CipherAsync };
        Assert.Equal(SealAlgorithm.Aes256Gcm, await SealAsync("1.2.1"));
        await policies.PutAsync(IngestBench.A, new SealPolicy(1, SealAlgorithm.Sm4Gcm), default);
        Assert.Equal(SealAlgorithm.Sm4Gcm, await SealAsync("1.2.1"));
        Assert.Equal(SealAlgorithm.Aes256Gcm, (await HeaderAsync("1.2.1")).Algorithm);
        await AssertReadableAsync();

        // Elsewhere the choice of one institution changes nothing, and another process follows within half a minute.
        Assert.Equal(SealAlgorithm.Aes256Gcm, await policies.CipherAsync("hospital-b", default));
        var elsewhere = new SealPolicies(_bench.Documents, _bench.Time);
        Assert.Equal(SealAlgorithm.Sm4Gcm, await elsewhere.CipherAsync(IngestBench.A, default));
        await policies.PutAsync(IngestBench.A, SealPolicy.Default, default);
        _bench.Time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(SealAlgorithm.Aes256Gcm, await elsewhere.CipherAsync(IngestBench.A, default));

        async Task<SealAlgorithm> SealAsync(string uid)
        {
            var studyKey = (await _bench.Study(uid)).StudyKey;
            using var key = await keys.GetOrCreateAsync(IngestBench.A, studyKey, default);
            var (reference, sealedObject) = SealedObjectWriter.Seal(SealedName.Folder(IngestBench.A, studyKey), key, SealedType.Preview, SealOptions.Default, "a preview"u8);
            using (sealedObject) await sealedObject.StoreAsync(_bench.Store, default);
            Assert.Equal("a preview"u8.ToArray(), await SealedObjectReader.ReadAllAsync(_bench.Store, reference.Name, SealedType.Preview, keys, default));
            return (await SealedObjectReader.ReadHeaderAsync(_bench.Store, reference.Name, default)).Algorithm;
        }
    }

    [Fact]
    public async Task Reencryption_OfAnArchivedStudy_WaitsUnderItsOneKey()
    {
        var study = await _bench.Study("1.2.2");
        await ArchiveAsync(study.StudyKey);
        var run = await RunAsync(new MaintenanceRequest(IngestBench.A, MaintenanceKind.Reencryption, "sec"));
        Assert.Equal((MaintenanceState.Completed, 1L, 0L), (run.State, run.Waiting, run.Errors));
        Assert.Single(await _bench.Keys.IdsAsync(IngestBench.A, study.StudyKey, default));
        Assert.Equal(2, (await _bench.Keys.IdsAsync(IngestBench.A, (await _bench.Study("1.2.3")).StudyKey, default)).Count);
    }

    [Fact]
    public async Task Retirement_ArchivedPack_KeepsItsStudysKeys_AndLetsTheOthersGo()
    {
        await RunAsync(new MaintenanceRequest(IngestBench.A, MaintenanceKind.Reencryption, "sec"));
        _bench.Time.Advance(TimeSpan.FromHours(25));
        await _retired.PurgeAsync(default);

        // Archived after its re-encryption: which key its packs need, nobody can read.
        var study = await _bench.Study("1.2.2");
        await ArchiveAsync(study.StudyKey);
        await new InstitutionDirectory(_bench.Documents).PutAsync(new Institution(1, IngestBench.A, "甲医院", null, null, "Asia/Shanghai", LegalProfile.CnStrict, [], DateTimeOffset.UnixEpoch), Match.Any, default);
        Assert.Equal(2, await Retirement().RunAsync(default));
        Assert.Equal(2, (await _bench.Keys.IdsAsync(IngestBench.A, study.StudyKey, default)).Count);
    }

    [Fact]
    public async Task Retirement_OneInstitutionFails_TheOthersGoOn()
    {
        var institutions = new InstitutionDirectory(_bench.Documents);
        foreach (var code in (string[])["a-first", IngestBench.A])
            await institutions.PutAsync(new Institution(1, code, "医院", null, null, "Asia/Shanghai", LegalProfile.CnStrict, [], DateTimeOffset.UnixEpoch), Match.Any, default);
        await RunAsync(new MaintenanceRequest(IngestBench.A, MaintenanceKind.Reencryption, "sec"));
        _bench.Time.Advance(TimeSpan.FromHours(25));
        await _retired.PurgeAsync(default);
        Assert.Equal(3, await Retirement(new RefusingRecords(_records, "a-first")).RunAsync(default));
    }

    [Fact]
    public async Task Reencryption_OfAStudyThatIsBeingErased_IsNoError()
    {
        await using var lifecycle = new LifecycleBench(ingest: _bench);
        var erasure = await lifecycle.ApprovedAsync("1.2.2");
        while ((await _bench.Keys.IdsAsync(IngestBench.A, erasure.StudyKey, default)).Count > 0) await lifecycle.Erasure.StepAsync(IngestBench.A, erasure.Id, default);
        var run = await RunAsync(new MaintenanceRequest(IngestBench.A, MaintenanceKind.Reencryption, "sec"));
        Assert.Equal((MaintenanceState.Completed, 2L, 0L), (run.State, run.Changed, run.Errors));
        Assert.Empty(await _bench.Keys.IdsAsync(IngestBench.A, erasure.StudyKey, default));
    }

    [Fact]
    public async Task Reencryption_DamagedStudy_KeepsItsOldKeyAndIsReported()
    {
        var study = await _bench.Study("1.2.2");
        var pack = (await _bench.Entries(study))[0].Pack.Name;
        await _bench.Store.DeleteAsync(pack, default);
        var run = await RunAsync(new MaintenanceRequest(IngestBench.A, MaintenanceKind.Reencryption, "sec"));
        Assert.Equal((MaintenanceState.Completed, 2L, 1L), (run.State, run.Changed, run.Errors));
        Assert.Equal((VerifyCode.ObjectMissing, study.StudyKey, pack), (run.Findings[0].Code, run.Findings[0].StudyKey, run.Findings[0].Object));
        Assert.Equal(2, (await _records.GetAsync(IngestBench.A, study.StudyKey, default))!.Record.Keys.Count);
    }

    [Fact]
    public async Task MissingKeyEncryptionKey_IsNamedPrecisely()
    {
        var study = await _bench.Study("1.2.1");
        var stored = (await _records.GetAsync(IngestBench.A, study.StudyKey, default))!;
        Assert.True(await _records.TryReplaceAsync(stored.Record with { Keys = [stored.Record.Keys[0] with { Kek = "local:hospital-a/9" }] }, stored.ETag, default));
        using var keys = new StudyKeys(_records, _bench.Ring, new KeyEncryptionOptions(), _bench.Time);
        var error = await Assert.ThrowsAsync<KeyUnavailableException>(async () => await keys.GetOrCreateAsync(IngestBench.A, study.StudyKey, default));
        Assert.Equal(KeyFault.NoKeyEncryptionKey, error.Fault);
        Assert.Contains("local:hospital-a/9", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Convert.ToBase64String(stored.Record.Keys[0].Wrapped), error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verification_Online_CountsAndFinds()
    {
        var whole = await RunAsync(new MaintenanceRequest(IngestBench.A, MaintenanceKind.Verification, "sec"));
        Assert.Equal((MaintenanceState.Completed, 3L, 0L), (whole.State, whole.Done, whole.Errors));
        Assert.True(whole.Bytes > 0);
        await _bench.Store.DeleteAsync((await _bench.Entries(await _bench.Study("1.2.3")))[0].Pack.Name, default);
        Assert.True((await RunAsync(new MaintenanceRequest(IngestBench.A, MaintenanceKind.Verification, "sec"))).Errors > 0);
    }

    [Fact]
    public async Task Verification_OfArchivedPacks_SaysHowManyItDidNotRead()
    {
        var pack = (await _bench.Entries(await _bench.Study("1.2.3")))[0].Pack;
        await _bench.Store.SetTierAsync(pack.Name, ObjectTier.Archive, default);
        var run = await RunAsync(new MaintenanceRequest(IngestBench.A, MaintenanceKind.Verification, "sec"));
        Assert.Equal((MaintenanceState.Completed, 0L, 1L, pack.Length), (run.State, run.Errors, run.NotRead, run.NotReadBytes));
        Assert.Equal(VerifyCode.ArchivedNotRead, Assert.Single(run.Findings).Code);
    }

    private static TestDicom Slice(int study, int number) => TestDicom.Ct(study: $"1.2.{study}", series: $"1.2.{study}.1", sop: $"1.2.{study}.1.{number}");

    private MaintenanceRuns Runs()
    {
        var merge = new SeriesMerge(_bench.Catalog, _bench.Commit, _bench.Parts, _bench.Store, _bench.Keys, _bench.Packs, _retired, _bench.Time, NullLogger<SeriesMerge>.Instance);
        var verifier = new StudyVerifier(_bench.Catalog, _bench.Documents, _bench.Parts, _bench.Store, _bench.Keys, _records, new InstanceBytes(_bench.Packs, NullLogger<InstanceBytes>.Instance));
        return new MaintenanceRuns(
            _bench.Documents,
            [new KeyRotationWork(_bench.Ring, _records, _bench.Keys), new ReencryptionWork(_bench.Catalog, _bench.Documents, _bench.Keys, merge, _bench.Time), new VerificationWork(_bench.Catalog, verifier, _bench.Time)],
            _bench.Time);
    }

    /// <summary>As the tier sweep leaves it.</summary>
    private async Task ArchiveAsync(string studyKey)
    {
        var stored = (await _bench.Catalog.GetStudyByKeyAsync(IngestBench.A, studyKey, default))!.Value;
        await _bench.Commit.CommitAsync(new CommitBatch(StudyChange.Keeping(stored, stored with { Tier = StorageTier.Archive, Revision = stored.Revision + 1 }), []), default);
        await foreach (var name in _bench.Store.ListAsync($"{IngestBench.A}/{studyKey}/", default))
            if (name.EndsWith(".pack", StringComparison.Ordinal)) await _bench.Store.SetTierAsync(name, ObjectTier.Archive, default);
    }

    /// <summary>Key records that cannot list one institution.</summary>
    private sealed class RefusingRecords(IKeyRecordStore inner, string refused) : IKeyRecordStore
    {
        public ValueTask<StoredKeyRecord?> GetAsync(string institution, string subject, CancellationToken cancellationToken) => inner.GetAsync(institution, subject, cancellationToken);

        public ValueTask<bool> TryAddAsync(KeyRecord record, CancellationToken cancellationToken) => inner.TryAddAsync(record, cancellationToken);

        public ValueTask<bool> TryReplaceAsync(KeyRecord record, string etag, CancellationToken cancellationToken) => inner.TryReplaceAsync(record, etag, cancellationToken);

        public ValueTask<bool> DeleteAsync(string institution, string subject, CancellationToken cancellationToken) => inner.DeleteAsync(institution, subject, cancellationToken);

        public ValueTask<KeyRecordPage> ListAsync(string institution, int limit, string? continuation, CancellationToken cancellationToken) =>
            institution == refused ? throw new IOException("This partition does not answer.") : inner.ListAsync(institution, limit, continuation, cancellationToken);
    }

    private KeyRetirement Retirement(IKeyRecordStore? records = null) =>
        new(new InstitutionDirectory(_bench.Documents), _bench.Documents, records ?? _records, _bench.Keys, _bench.Ring, _bench.Store, _bench.Time, NullLogger<KeyRetirement>.Instance);

    private async Task<MaintenanceRun> RunAsync(MaintenanceRequest request)
    {
        var run = (await _runs.StartAsync(request, default))!;
        while (await _runs.StepAsync(IngestBench.A, run.Id, 1, default))
        {
            // Until it is done.
        }

        return (await _runs.FindAsync(IngestBench.A, run.Id, default))!.Value;
    }

    private async Task<List<string>> KeksAsync()
    {
        var keks = new List<string>();
        await foreach (var stored in ((IKeyRecordStore)_records).ListAsync(IngestBench.A, default)) keks.AddRange(stored.Record.Keys.Select(key => key.Kek));
        return keks;
    }

    private async Task<SealedHeader> HeaderAsync(string uid) => await SealedObjectReader.ReadHeaderAsync(_bench.Store, (await _bench.Entries(await _bench.Study(uid)))[0].Pack.Name, default);

    private async Task<List<string>> StateAsync()
    {
        var state = new List<string>();
        for (var study = 1; study <= 3; study++)
        {
            foreach (var entry in await _bench.Entries(await _bench.Study($"1.2.{study}")))
                state.Add($"{entry.SopInstanceUid} {entry.Revision} {entry.Current} {entry.State} {Convert.ToHexString(await _bench.Bytes(entry))}");
        }

        return state;
    }

    private async Task AssertReadableAsync()
    {
        // Keys of their own: nothing is remembered from before.
        using var keys = new StudyKeys(_records, _bench.Ring, new KeyEncryptionOptions(), _bench.Time);
        foreach (var entry in new SeriesIndex(await _bench.Entries(await _bench.Study("1.2.1"))).Served)
        {
            using var reader = await SealedObjectReader.OpenAsync(_bench.Store, entry.Pack, SealedType.Pack, keys, default);
            Assert.Equal(entry.Pack.Length, await reader.VerifyAsync(default));
        }
    }
}
