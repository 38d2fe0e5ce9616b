using Azure.Core.Cryptography;
using Azure.Core.Diagnostics;
using System.Diagnostics.Tracing;
using System.Security.Cryptography;
using Skylight.Archive.Keys;
using Skylight.Azure.Keys;
using Skylight.Conformance;
using Skylight.Conformance.Faults;

namespace Skylight.Azure.Tests.Keys;

/// <summary>Key Vault's protocol against a vault that speaks it.</summary>
public abstract class VaultConformance : KeyRingConformance, IDisposable
{
    private readonly TestClock _clock = new();
    private readonly CachedKeyResolver _resolver;

    private protected VaultConformance(Func<HttpMessageHandler, HttpMessageHandler>? wrap)
    {
        Server.Add("skylight-hospital-a");
        _resolver = new CachedKeyResolver(new VaultKeyResolver(Server.Client(wrap)), _clock);
    }

    private protected VaultServer Server { get; } = new();

    protected override IKeyEncryptionKeyResolver Ring => _resolver;

    protected override string KeyId => VaultServer.IdOf("skylight-hospital-a");

    protected override string MissingKeyId => VaultServer.IdOf("none");

    protected override string Algorithm => "RSA-OAEP-256";

    public void Dispose()
    {
        Server.Dispose();
        GC.SuppressFinalize(this);
    }

    protected override Task RotateAsync()
    {
        Server.Add("skylight-hospital-a");
        _clock.Advance(CachedKeyResolver.NewestFor);
        return Task.CompletedTask;
    }
}

public sealed class VaultKeyResolverTests() : VaultConformance(null);

/// <summary>The same with one request in eight failing on the way, below the client's own retries.</summary>
public sealed class FaultyVaultKeyResolverTests() : VaultConformance(server => new FaultyHttp(server, new FaultPlan(21, 0.12), ("retry-after-ms", "1")));

/// <summary>What an administrator is told, and what nobody is.</summary>
public sealed class VaultKeysTests : IDisposable
{
    private const string A = "hospital-a";

    private readonly VaultServer _server = new();
    private readonly TestClock _clock = new();
    private readonly Records _records = new();
    private readonly CachedKeyResolver _cache;
    private readonly VaultKeyVersions _versions;

    public VaultKeysTests()
    {
        var client = _server.Client();
        _cache = new CachedKeyResolver(new VaultKeyResolver(client), _clock);
        _versions = new VaultKeyVersions(client, _cache);
    }

    public void Dispose() => _server.Dispose();

    [Fact]
    public async Task MissingKey_IsNamed()
    {
        using var keys = Keys();
        var error = await Assert.ThrowsAsync<KeyUnavailableException>(async () => await keys.GetOrCreateAsync(A, "study", default));
        Assert.Equal(KeyFault.NoKeyEncryptionKey, error.Fault);
        Assert.Contains($"{VaultServer.IdOf("skylight-hospital-a")} (KeyNotFound)", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RemovedDisabledAndWrongKeys_AreToldApart()
    {
        var version = _server.Add("skylight-hospital-a");
        KeyId id;
        using (var keys = Keys())
        using (var made = await keys.GetOrCreateAsync(A, "study", default)) id = made.Id;
        _server.Disable("skylight-hospital-a");
        var disabled = await FaultAsync(id);
        Assert.Equal(KeyFault.Refused, disabled.Fault);
        Assert.Contains($"wrapped by {version} (KeyDisabled)", disabled.Message, StringComparison.Ordinal);
        _server.Remove("skylight-hospital-a");
        Assert.Equal(KeyFault.NoKeyEncryptionKey, (await FaultAsync(id)).Fault);
        _server.Add("skylight-hospital-b");
    }

    [Fact]
    public async Task AnotherKeyOfTheSameName_DoesNotUnwrap()
    {
        _server.Add("skylight-hospital-a");
        KeyId id;
        using (var keys = Keys())
        using (var made = await keys.GetOrCreateAsync(A, "study", default)) id = made.Id;
        _server.Swap("skylight-hospital-a");
        Assert.Equal(KeyFault.UnwrapFailed, (await FaultAsync(id)).Fault);
    }

    [Fact]
    public async Task Throttling_IsWaitedFor_AndInTheEndIsNoFaultOfTheKey()
    {
        _server.Add("skylight-hospital-a");
        _server.Throttle(4);
        using var keys = Keys();
        KeyId id;
        using (var made = await keys.GetOrCreateAsync(A, "study", default)) id = made.Id;
        Assert.Equal(6, _server.Requests.Count);
        _server.Throttle(1000);
        Assert.Equal(KeyFault.NotReached, (await FaultAsync(id)).Fault);
    }

    [Fact]
    public async Task Rotate_InTheVault_RewrapsUnderTheNewVersion_AndTheOldOneCanGo()
    {
        _server.Add("skylight-hospital-a");
        KeyId id;
        using (var keys = Keys())
        {
            using (var made = await keys.GetOrCreateAsync(A, "study", default)) id = made.Id;
            for (var i = 0; i < 4; i++) _server.Add("skylight-hospital-a");
            var versions = await _versions.ListAsync(VaultServer.IdOf("skylight-hospital-a"), default);
            Assert.Equal(5, versions.Count);
            Assert.Equal(versions[^1].Id, await _versions.AddAsync(VaultServer.IdOf("skylight-hospital-a"), default));

            // The listing has made the resolver ask again: what it remembered was the old version.
            Assert.Equal(1, await keys.RewrapAsync(A, "study", default));
            Assert.Equal(versions[^1].Id, _records.Record!.Keys[0].Kek);
            Assert.Equal(0, await keys.RewrapAsync(A, "study", default));
        }

        using var fresh = Keys();
        using var again = await fresh.GetAsync(A, "study", id, default);
        Assert.Equal(id, again.Id);
        Assert.False(await _versions.RetireAsync("any", default));
        Assert.Empty(await _versions.ListAsync(VaultServer.IdOf("none"), default));
    }

    [Theory]
    [InlineData("https://h.vault.azure.net/keys/k", "https://vault.azure.net/.default")]
    [InlineData("https://h.vault.azure.cn/keys/k", "https://vault.azure.cn/.default")]
    [InlineData("https://h.managedhsm.azure.net/keys/k", "https://managedhsm.azure.net/.default")]
    public void Scope_IsTheVaultsOwnCloud(string address, string scope) => Assert.Equal(scope, VaultClient.ScopeOf(new Uri(address)));

    [Fact]
    public async Task KeyMaterial_IsInNoLog_NoUrl_AndNoError()
    {
        _server.Add("skylight-hospital-a");
        var logged = new List<string>();
        using var listener = new AzureEventSourceListener((_, text) => { lock (logged) logged.Add(text); }, EventLevel.Verbose);
        var key = RandomNumberGenerator.GetBytes(32);
        var kek = await _cache.ResolveAsync(VaultServer.IdOf("skylight-hospital-a"));
        var wrapped = await kek.WrapKeyAsync("RSA-OAEP-256", key);
        await kek.UnwrapKeyAsync("RSA-OAEP-256", wrapped);
        wrapped[5] ^= 1;
        var error = await Assert.ThrowsAsync<global::Azure.RequestFailedException>(() => kek.UnwrapKeyAsync("RSA-OAEP-256", wrapped));
        string everything;
        lock (logged) everything = string.Join('\n', [.. logged, .. _server.Requests, error.ToString()]);
        foreach (var secret in new[] { key, wrapped })
        {
            Assert.DoesNotContain(Convert.ToBase64String(secret)[..20], everything, StringComparison.Ordinal);
            Assert.DoesNotContain(System.Buffers.Text.Base64Url.EncodeToString(secret)[..20], everything, StringComparison.Ordinal);
            Assert.DoesNotContain(Convert.ToHexString(secret)[..20], everything, StringComparison.OrdinalIgnoreCase);
        }
    }

    private StudyKeys Keys() => new(
        _records, _cache, new KeyEncryptionOptions { KeyTemplate = VaultServer.Address + "/keys/skylight-{institution}", Algorithm = "RSA-OAEP-256" }, _clock);

    private async Task<KeyUnavailableException> FaultAsync(KeyId id)
    {
        using var keys = Keys();
        return await Assert.ThrowsAsync<KeyUnavailableException>(async () => await keys.GetAsync(A, "study", id, default));
    }

    /// <summary>One record in memory.</summary>
    private sealed class Records : IKeyRecordStore
    {
        private int _version;

        public KeyRecord? Record { get; private set; }

        private string ETag => _version.ToString(System.Globalization.CultureInfo.InvariantCulture);

        public ValueTask<StoredKeyRecord?> GetAsync(string institution, string subject, CancellationToken cancellationToken) =>
            ValueTask.FromResult(Record is { } record ? new StoredKeyRecord(record, ETag) : null);

        public ValueTask<bool> TryAddAsync(KeyRecord record, CancellationToken cancellationToken)
        {
            Record ??= record;
            return ValueTask.FromResult(ReferenceEquals(Record, record));
        }

        public ValueTask<bool> TryReplaceAsync(KeyRecord record, string etag, CancellationToken cancellationToken)
        {
            if (etag != ETag) return ValueTask.FromResult(false);
            (Record, _version) = (record, _version + 1);
            return ValueTask.FromResult(true);
        }

        public ValueTask<bool> DeleteAsync(string institution, string subject, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<KeyRecordPage> ListAsync(string institution, int limit, string? continuation, CancellationToken cancellationToken) => throw new NotSupportedException();
    }
}
