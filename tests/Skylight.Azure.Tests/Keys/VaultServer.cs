using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Azure.Core;
using Azure.Core.Pipeline;
using Skylight.Azure.Keys;

namespace Skylight.Azure.Tests.Keys;

/// <summary>A key vault of the test's own that speaks Key Vault's protocol: keys with versions, wrapkey and unwrapkey by RSA-OAEP-256, refusals and throttling as the service words them.</summary>
internal sealed class VaultServer : HttpMessageHandler
{
    public const string Address = "https://hospital.vault.example.net";
    private const int PageSize = 2;

    private static readonly JsonSerializerOptions s_json = new() { DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull };

    private readonly Dictionary<string, List<Version>> _keys = [];
    private int _throttled;

    /// <summary>Requests that arrived, as method and path.</summary>
    public List<string> Requests { get; } = [];

    /// <summary>What tokens were asked for.</summary>
    public List<string> Scopes { get; } = [];

    public static string IdOf(string name) => $"{Address}/keys/{name}";

    public VaultClient Client(Func<HttpMessageHandler, HttpMessageHandler>? wrap = null)
    {
        var handler = wrap?.Invoke(this) ?? this;
        return new VaultClient(new Credential(Scopes), options =>
        {
            options.Transport = new HttpClientTransport(new HttpClient(handler, disposeHandler: false));
            options.Retry.Delay = TimeSpan.FromMilliseconds(1);
            options.Retry.MaxDelay = TimeSpan.FromMilliseconds(5);
            options.Retry.MaxRetries = 12;
        });
    }

    /// <summary>Makes a key, or the next version of it.</summary>
    public string Add(string name)
    {
        lock (_keys)
        {
            if (!_keys.TryGetValue(name, out var versions)) _keys[name] = versions = [];
            var version = new Version(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)), RSA.Create(2048), 1_700_000_000 + versions.Count);
            versions.Add(version);
            return $"{IdOf(name)}/{version.Id}";
        }
    }

    public void Disable(string name) => _keys[name].ForEach(version => version.Enabled = false);

    public void Remove(string name) => _keys.Remove(name);

    /// <summary>The next requests are told to come later.</summary>
    public void Throttle(int requests) => _throttled = requests;

    /// <summary>Puts other key material under the same names and versions, as a vault restored wrongly would have.</summary>
    public void Swap(string name) => _keys[name].ForEach(version => version.Key = RSA.Create(2048));

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var path = request.RequestUri!.AbsolutePath.Trim('/').Split('/');
        lock (_keys) Requests.Add($"{request.Method} {request.RequestUri.AbsolutePath}");
        if (Interlocked.Decrement(ref _throttled) >= 0) return Throttled();
        if (request.Headers.Authorization is not { Scheme: "Bearer", Parameter: "token" }) return Error(HttpStatusCode.Unauthorized, "Unauthorized", null);
        if (!request.RequestUri.Query.Contains("api-version=7.4", StringComparison.Ordinal)) return Error(HttpStatusCode.BadRequest, "BadParameter", null);
        var body = request.Content is null ? [] : await request.Content.ReadAsByteArrayAsync(cancellationToken);
        lock (_keys)
        {
            if (path is not ["keys", var name, ..] || !_keys.TryGetValue(name, out var versions)) return Error(HttpStatusCode.NotFound, "KeyNotFound", null);
            if (path is [_, _, "versions"]) return Versions(request.RequestUri, name, versions);
            var version = path.Length < 3 ? versions[^1] : versions.Find(known => known.Id == path[2]);
            if (version is null) return Error(HttpStatusCode.NotFound, "KeyNotFound", null);
            if (path.Length < 4) return Json(new { key = new { kid = $"{IdOf(name)}/{version.Id}", kty = "RSA" }, attributes = new { enabled = version.Enabled } });
            if (!version.Enabled) return Error(HttpStatusCode.Forbidden, "Forbidden", "KeyDisabled");
            return Operate(path[3], version, $"{IdOf(name)}/{version.Id}", body);
        }
    }

    private static HttpResponseMessage Operate(string operation, Version version, string kid, byte[] body)
    {
        using var asked = JsonDocument.Parse(body);
        if (asked.RootElement.GetProperty("alg").GetString() != "RSA-OAEP-256") return Error(HttpStatusCode.BadRequest, "BadParameter", null);
        var value = Base64Url.DecodeFromChars(asked.RootElement.GetProperty("value").GetString());
        try
        {
            var result = operation == "wrapkey" ? version.Key.Encrypt(value, RSAEncryptionPadding.OaepSHA256) : version.Key.Decrypt(value, RSAEncryptionPadding.OaepSHA256);
            return Json(new { kid, value = Base64Url.EncodeToString(result) });
        }
        catch (CryptographicException)
        {
            return Error(HttpStatusCode.BadRequest, "BadParameter", null);
        }
    }

    private static HttpResponseMessage Versions(Uri address, string name, List<Version> versions)
    {
        var skip = System.Web.HttpUtility.ParseQueryString(address.Query)["skip"] is { } text ? int.Parse(text, System.Globalization.CultureInfo.InvariantCulture) : 0;
        var value = versions.Skip(skip).Take(PageSize).Select(version => new { kid = $"{IdOf(name)}/{version.Id}", attributes = new { enabled = version.Enabled, created = version.Created } });
        var next = skip + PageSize < versions.Count ? $"{IdOf(name)}/versions?api-version=7.4&skip={skip + PageSize}" : null;
        return Json(new { value, nextLink = next });
    }

    private static HttpResponseMessage Throttled()
    {
        var answer = Error(HttpStatusCode.TooManyRequests, "Throttled", null);
        answer.Headers.TryAddWithoutValidation("retry-after-ms", "1");
        return answer;
    }

    private static HttpResponseMessage Error(HttpStatusCode status, string code, string? inner)
    {
        var answer = Json(new { error = new { code, message = "as the vault words it", innererror = inner is null ? null : new { code = inner } } });
        answer.StatusCode = status;
        return answer;
    }

    private static HttpResponseMessage Json(object value)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(value, s_json);
        return new HttpResponseMessage(HttpStatusCode.OK) { Content = new ByteArrayContent(body) { Headers = { ContentType = new("application/json") } } };
    }

    private sealed class Version(string id, RSA key, long created)
    {
        public string Id => id;

        public RSA Key { get; set; } = key;

        public long Created => created;

        public bool Enabled { get; set; } = true;
    }

    private sealed class Credential(List<string> scopes) : TokenCredential
    {
        public override AccessToken GetToken(TokenRequestContext requestContext, CancellationToken cancellationToken)
        {
            lock (scopes) scopes.AddRange(requestContext.Scopes);
            return new AccessToken("token", DateTimeOffset.MaxValue);
        }

        public override ValueTask<AccessToken> GetTokenAsync(TokenRequestContext requestContext, CancellationToken cancellationToken) => ValueTask.FromResult(GetToken(requestContext, cancellationToken));
    }
}
