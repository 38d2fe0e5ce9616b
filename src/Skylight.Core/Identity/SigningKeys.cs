using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;
using Skylight.Core.Access;
using Skylight.Core.Documents;

namespace Skylight.Core.Identity;

/// <summary>A public key of the built-in issuer, as JWKS shows it (RFC 7517, RFC 7518 section 6.2).</summary>
public sealed record PublicJwk(string Kty, string Crv, string X, string Y, string Use, string Alg, string Kid);

/// <summary>
/// The built-in issuer's ES256 keys. Private keys lie in the records encrypted (AES-256-GCM) under the operator's wrapped secret. A new key is
/// published before it signs, and an old one stays published until the last token that it signed has expired.
/// </summary>
public sealed class SigningKeys(IDocuments documents, InstitutionSecret secret, IOptions<IdentityOptions> options, TimeProvider time) : IDisposable
{
    private const string Type = "signing-key";

    /// <summary>How long a new key is published before it signs, and how old the view of the keys may get.</summary>
    private static readonly TimeSpan Lead = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Refresh = TimeSpan.FromMinutes(1);

    private readonly SemaphoreSlim _loading = new(1, 1);
    private View? _view;

    /// <summary>The key that signs now.</summary>
    public async ValueTask<ECDsaSecurityKey> SignerAsync(CancellationToken cancellationToken)
    {
        var view = await ViewAsync(cancellationToken);
        var now = time.GetUtcNow();
        return (view.Keys.LastOrDefault(k => k.Record.SignsFrom <= now) ?? view.Keys[0]).Key;
    }

    /// <summary>All keys whose signatures are accepted.</summary>
    public async ValueTask<IReadOnlyList<SecurityKey>> AcceptedAsync(CancellationToken cancellationToken) =>
        [.. (await ViewAsync(cancellationToken)).Keys.Select(k => k.Key)];

    /// <summary>The same, public halves only.</summary>
    public async ValueTask<IReadOnlyList<PublicJwk>> PublishedAsync(CancellationToken cancellationToken) =>
        [.. (await ViewAsync(cancellationToken)).Keys.Select(k => k.Record.Public)];

    /// <summary>Brings a new key into being now; it signs from now on and the older ones only verify. For a suspected leak, see <see cref="RevokeAsync"/>.</summary>
    public async ValueTask RotateAsync(CancellationToken cancellationToken)
    {
        await CreateAsync(time.GetUtcNow(), null, cancellationToken);
        _view = null;
    }

    /// <summary>Deletes a key: tokens that it signed die within a minute on every host. False when there is no such key.</summary>
    public async ValueTask<bool> RevokeAsync(string kid, CancellationToken cancellationToken)
    {
        if ((await ListAsync(cancellationToken)).Find(r => r.Public.Kid == kid) is not { } record) return false;
        var deleted = await documents.DeleteAsync(new(Actor.PlatformInstitution, Type, record.Id), Match.Any, cancellationToken);
        _view = null;
        return deleted;
    }

    public void Dispose()
    {
        _loading.Dispose();
        foreach (var key in _view?.Keys ?? []) key.Key.ECDsa.Dispose();
    }

    private async ValueTask<View> ViewAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (_view is { } fresh && now - fresh.At < Refresh) return fresh;
        await _loading.WaitAsync(cancellationToken);
        try
        {
            if (_view is { } loaded && now - loaded.At < Refresh) return loaded;
            return _view = await LoadAsync(now, cancellationToken);
        }
        finally
        {
            _loading.Release();
        }
    }

    private async ValueTask<View> LoadAsync(DateTimeOffset now, CancellationToken cancellationToken)
    {
        var o = options.Value;
        var records = await ListAsync(cancellationToken);
        if (records.Count == 0)
        {
            // First start. Hosts that race for it share the well-known id of the first key, and all but one lose.
            await CreateAsync(now, "first", cancellationToken);
            records = await ListAsync(cancellationToken);
        }
        else if (now - records[^1].SignsFrom > TimeSpan.FromDays(o.SigningKeyDays))
        {
            await CreateAsync(now + Lead, $"after-{records[^1].Public.Kid}", cancellationToken);
            records = await ListAsync(cancellationToken);
        }

        var keys = new List<Loaded>();
        for (var i = 0; i < records.Count; i++)
        {
            var lastUse = i + 1 < records.Count ? records[i + 1].SignsFrom : DateTimeOffset.MaxValue;
            if (lastUse < now - TimeSpan.FromSeconds(o.TokenSeconds) - Lead)
            {
                await documents.DeleteAsync(new(Actor.PlatformInstitution, Type, records[i].Id), Match.Any, cancellationToken);
                continue;
            }

            keys.Add(new(records[i], await OpenAsync(records[i], cancellationToken)));
        }

        return new(now, keys);
    }

    private async ValueTask<List<Record>> ListAsync(CancellationToken cancellationToken)
    {
        var page = await documents.ListAsync<Record>(Actor.PlatformInstitution, Type, null, 100, null, cancellationToken);
        return [.. page.Items.Select(i => i.Value).OrderBy(r => r.SignsFrom).ThenBy(r => r.Id, StringComparer.Ordinal)];
    }

    private async ValueTask CreateAsync(DateTimeOffset signsFrom, string? id, CancellationToken cancellationToken)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var parameters = key.ExportParameters(includePrivateParameters: false);
        var kid = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
        id ??= kid;
        var jwk = new PublicJwk("EC", "P-256", Base64Url.EncodeToString(parameters.Q.X), Base64Url.EncodeToString(parameters.Q.Y), "sig", SecurityAlgorithms.EcdsaSha256, kid);
        var plain = key.ExportPkcs8PrivateKey();
        try
        {
            var sealedKey = await SealAsync(kid, plain, cancellationToken);
            await documents.PutAsync(new(Actor.PlatformInstitution, Type, id), new Record(1, id, jwk, sealedKey, time.GetUtcNow(), signsFrom), Match.None, [], cancellationToken);
        }
        catch (DocumentConflictException)
        {
            // Another host made the key that was due.
            return;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(plain);
        }
    }

    private async ValueTask<byte[]> SealAsync(string kid, byte[] plain, CancellationToken cancellationToken)
    {
        var wrap = await secret(Actor.PlatformInstitution, "signing-key", cancellationToken);
        var result = new byte[12 + plain.Length + 16];
        RandomNumberGenerator.Fill(result.AsSpan(0, 12));
        using var aes = new AesGcm(wrap, 16);
        aes.Encrypt(result.AsSpan(0, 12), plain, result.AsSpan(12, plain.Length), result.AsSpan(12 + plain.Length), Encoding.UTF8.GetBytes(kid));
        CryptographicOperations.ZeroMemory(wrap);
        return result;
    }

    private async ValueTask<ECDsaSecurityKey> OpenAsync(Record record, CancellationToken cancellationToken)
    {
        var wrap = await secret(Actor.PlatformInstitution, "signing-key", cancellationToken);
        var plain = new byte[record.Sealed.Length - 28];
        try
        {
            using var aes = new AesGcm(wrap, 16);
            aes.Decrypt(record.Sealed.AsSpan(0, 12), record.Sealed.AsSpan(12, plain.Length), record.Sealed.AsSpan(12 + plain.Length), plain, Encoding.UTF8.GetBytes(record.Public.Kid));
            var key = ECDsa.Create();
            key.ImportPkcs8PrivateKey(plain, out _);

            // The library's shared cache goes by key id and would outlive this object: another host in the process, or a reload, has the same id.
            return new ECDsaSecurityKey(key) { KeyId = record.Public.Kid, CryptoProviderFactory = new CryptoProviderFactory { CacheSignatureProviders = false } };
        }
        finally
        {
            CryptographicOperations.ZeroMemory(wrap);
            CryptographicOperations.ZeroMemory(plain);
        }
    }

    private sealed record Record(int V, string Id, PublicJwk Public, byte[] Sealed, DateTimeOffset CreatedAt, DateTimeOffset SignsFrom);

    private sealed record Loaded(Record Record, ECDsaSecurityKey Key);

    private sealed record View(DateTimeOffset At, IReadOnlyList<Loaded> Keys);
}
