using System.Globalization;
using System.Security.Cryptography;
using Azure.Core.Cryptography;
using Skylight.Archive.Keys;
using Skylight.Azure.Keys;
using Skylight.Conformance;

namespace Skylight.Azure.Tests.Keys;

/// <summary>The resolver of the cloud over a vault of the test's own, which wraps with RSA-OAEP-256 as Key Vault does.</summary>
public sealed class CachedKeyResolverTests : KeyRingConformance, IDisposable
{
    private readonly FakeVault _vault = new();
    private readonly TestClock _clock = new();
    private readonly CachedKeyResolver _resolver;

    public CachedKeyResolverTests() => _resolver = new CachedKeyResolver(_vault, _clock);

    protected override IKeyEncryptionKeyResolver Ring => _resolver;

    protected override string KeyId => "https://vault.example.net/keys/skylight-hospital-a";

    protected override string MissingKeyId => "https://vault.example.net/keys/none";

    protected override string Algorithm => "RSA-OAEP-256";

    public void Dispose() => _vault.Dispose();

    [Fact]
    public async Task Resolve_Again_AsksTheVaultOnce_UntilTheNewestMayHaveChanged()
    {
        var first = await _resolver.ResolveAsync(KeyId);
        await _resolver.ResolveAsync(KeyId);
        await _resolver.ResolveAsync(first.KeyId);
        Assert.Equal(1, _vault.Asked);
        _clock.Advance(CachedKeyResolver.NewestFor);
        await _resolver.ResolveAsync(KeyId);
        await _resolver.ResolveAsync(first.KeyId);
        Assert.Equal(2, _vault.Asked);
    }

    [Theory]
    [InlineData("local:{institution}", "A256KW")]
    [InlineData("https://v.vault.azure.net/keys/skylight-{institution}", "RSA-OAEP-256")]
    [InlineData("https://v.vault.azure.net/keys/skylight-{institution}", "A256KW")]
    [InlineData("https://v.managedhsm.azure.net/keys/skylight-{institution}", "A256KW")]
    public void Rules_NameWhatAVaultCannotServe(string template, string algorithm)
    {
        var result = new KeyVaultRules().Validate(null, new KeyEncryptionOptions { KeyTemplate = template, Algorithm = algorithm });
        var wrong = template.StartsWith("local", StringComparison.Ordinal) ? "KeyTemplate" : algorithm == "A256KW" && template.Contains(".vault.", StringComparison.Ordinal) ? "Algorithm" : null;
        Assert.Equal(wrong is not null, result.Failed);
        if (wrong is not null) Assert.Contains(wrong, result.FailureMessage, StringComparison.Ordinal);
    }

    protected override Task RotateAsync()
    {
        _vault.Rotate(KeyId);
        _clock.Advance(CachedKeyResolver.NewestFor);
        return Task.CompletedTask;
    }

    private sealed class FakeVault : IKeyEncryptionKeyResolver, IDisposable
    {
        private readonly List<RsaKey> _versions = [new("https://vault.example.net/keys/skylight-hospital-a/1")];

        public int Asked { get; private set; }

        public void Rotate(string keyId) => _versions.Add(new RsaKey(string.Create(CultureInfo.InvariantCulture, $"{keyId}/{_versions.Count + 1}")));

        public IKeyEncryptionKey Resolve(string keyId, CancellationToken cancellationToken = default)
        {
            Asked++;
            return _versions.LastOrDefault(key => key.KeyId == keyId || key.KeyId[..key.KeyId.LastIndexOf('/')] == keyId) ?? throw new global::Azure.RequestFailedException(404, "no such key");
        }

        public Task<IKeyEncryptionKey> ResolveAsync(string keyId, CancellationToken cancellationToken = default) => Task.FromResult(Resolve(keyId, cancellationToken));

        public void Dispose() => _versions.ForEach(key => key.Dispose());
    }

    private sealed class RsaKey(string id) : IKeyEncryptionKey, IDisposable
    {
        private readonly RSA _rsa = RSA.Create(2048);

        public string KeyId => id;

        public byte[] WrapKey(string algorithm, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) => _rsa.Encrypt(key.Span, RSAEncryptionPadding.OaepSHA256);

        public byte[] UnwrapKey(string algorithm, ReadOnlyMemory<byte> encryptedKey, CancellationToken cancellationToken = default) => _rsa.Decrypt(encryptedKey.Span, RSAEncryptionPadding.OaepSHA256);

        public Task<byte[]> WrapKeyAsync(string algorithm, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) => Task.FromResult(WrapKey(algorithm, key, cancellationToken));

        public Task<byte[]> UnwrapKeyAsync(string algorithm, ReadOnlyMemory<byte> encryptedKey, CancellationToken cancellationToken = default) => Task.FromResult(UnwrapKey(algorithm, encryptedKey, cancellationToken));

        public void Dispose() => _rsa.Dispose();
    }
}
