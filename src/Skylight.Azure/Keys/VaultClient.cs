using System.Text.Json;
using Azure;
using Azure.Core;
using Azure.Core.Pipeline;

namespace Skylight.Azure.Keys;

/// <summary>
/// The requests of Key Vault's protocol that key wrapping needs: get a key, list its versions, wrap, unwrap. Throttled and failed requests are repeated as the
/// service says. Errors carry status and code alone; bodies and keys are in no message and no log.
/// </summary>
internal sealed class VaultClient
{
    private const string ApiVersion = "7.4";
    private const int Retries = 5;

    private readonly TokenCredential _credential;
    private readonly Action<ClientOptions>? _configure;
    private readonly Dictionary<string, HttpPipeline> _pipelines = [];
    private readonly Lock _lock = new();

    /// <param name="configure">For tests: another transport.</param>
    public VaultClient(TokenCredential credential, Action<ClientOptions>? configure = null) => (_credential, _configure) = (credential, configure);

    /// <summary>The JSON document at an address; the caller disposes it.</summary>
    /// <exception cref="RequestFailedException">The vault refused, or did not answer.</exception>
    public Task<JsonDocument> GetAsync(Uri address, CancellationToken cancellationToken) => SendAsync(RequestMethod.Get, address, null, cancellationToken);

    /// <inheritdoc cref="GetAsync"/>
    public Task<JsonDocument> PostAsync(Uri address, byte[] body, CancellationToken cancellationToken) => SendAsync(RequestMethod.Post, address, body, cancellationToken);

    /// <summary>An address under a key's, in the version of the protocol that is spoken here.</summary>
    public static Uri Under(string keyId, string operation) => new($"{keyId}{(operation.Length == 0 ? "" : "/")}{operation}?api-version={ApiVersion}");

    /// <summary>Whom a token for this host is asked for: a vault's parent domain, which differs between clouds.</summary>
    internal static string ScopeOf(Uri address) => $"https://{address.Host[(address.Host.IndexOf('.', StringComparison.Ordinal) + 1)..]}/.default";

    private async Task<JsonDocument> SendAsync(RequestMethod method, Uri address, byte[]? body, CancellationToken cancellationToken)
    {
        var pipeline = PipelineOf(address);
        using var message = pipeline.CreateMessage();
        message.Request.Method = method;
        message.Request.Uri.Reset(address);
        message.Request.Headers.Add("Accept", "application/json");
        if (body is not null)
        {
            message.Request.Headers.Add("Content-Type", "application/json");
            message.Request.Content = RequestContent.Create(body);
        }

        await pipeline.SendAsync(message, cancellationToken);
        if (message.Response.Status == 200) return await JsonDocument.ParseAsync(message.Response.ContentStream!, cancellationToken: cancellationToken);
        var code = await CodeAsync(message.Response, cancellationToken);
        throw new RequestFailedException(message.Response.Status, $"Key Vault answered {message.Response.Status} {code}.", code, null);
    }

    private HttpPipeline PipelineOf(Uri address)
    {
        var scope = ScopeOf(address);
        lock (_lock)
        {
            if (_pipelines.TryGetValue(scope, out var known)) return known;
            var options = new Options();
            options.Retry.MaxRetries = Retries;
            options.Diagnostics.IsLoggingEnabled = false;
            _configure?.Invoke(options);
            return _pipelines[scope] = HttpPipelineBuilder.Build(options, new BearerTokenAuthenticationPolicy(_credential, scope));
        }
    }

    /// <summary>The vault's word for the error: the inner one where there is one, as <c>KeyDisabled</c> within <c>Forbidden</c>.</summary>
    private static async Task<string?> CodeAsync(Response response, CancellationToken cancellationToken)
    {
        try
        {
            using var body = await JsonDocument.ParseAsync(response.ContentStream!, cancellationToken: cancellationToken);
            var error = body.RootElement.GetProperty("error");
            return (error.TryGetProperty("innererror", out var inner) && inner.TryGetProperty("code", out var code) ? code : error.GetProperty("code")).GetString();
        }
        catch (Exception unreadable) when (unreadable is JsonException or KeyNotFoundException or InvalidOperationException or ArgumentNullException)
        {
            return null;
        }
    }

    private sealed class Options : ClientOptions;
}
