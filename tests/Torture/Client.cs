using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;

namespace Skylight.Torture;

/// <summary>Speaks to the host as programs outside do, each request as the account that may make it.</summary>
internal sealed class Client : IDisposable
{
    private static readonly string[] Roles = ["technician", "radiologist", "medical-records", "institution-admin", "security-admin"];

    private readonly Dictionary<string, HttpClient> _clients;

    private Client(Dictionary<string, HttpClient> clients) => _clients = clients;

    /// <summary>Without an account, for addresses that carry their own permission.</summary>
    public HttpClient Anonymous { get; } = new() { Timeout = TimeSpan.FromSeconds(60) };

    public HttpClient Technician => _clients["technician"];

    public HttpClient Reader => _clients["radiologist"];

    public HttpClient Records => _clients["medical-records"];

    public HttpClient Administrator => _clients["institution-admin"];

    public HttpClient Security => _clients["security-admin"];

    /// <summary>Signs in with the development accounts of the data folder. The tokens outlive the host.</summary>
    public static async Task<Logins> SignInAsync(Uri host, string data, CancellationToken cancellationToken)
    {
        using var logins = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(data, "dev-accounts.json"), cancellationToken));
        var tokens = new Dictionary<string, string>();
        foreach (var role in Roles) tokens[role] = await SignInAsync(host, logins, role, cancellationToken);
        return new Logins(tokens);
    }

    /// <summary>A client of the host that now listens there.</summary>
    public static Client Of(Uri host, Logins logins) => new(logins.Tokens.ToDictionary(login => login.Key, login => Of(host, login.Value)));

    /// <summary>UIDs of the instances that a study shows; null when the host did not answer.</summary>
    public async Task<IReadOnlyList<string>?> ListAsync(string study, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"dicomweb/studies/{study}/instances");
        request.Headers.TryAddWithoutValidation("Accept", "application/dicom+json");
        using var answer = await Reader.SendAsync(request, cancellationToken);
        if ((int)answer.StatusCode is 404 or 204) return [];
        if (!answer.IsSuccessStatusCode) return null;
        using var json = JsonDocument.Parse(await answer.Content.ReadAsByteArrayAsync(cancellationToken));
        return [.. json.RootElement.EnumerateArray().Select(item => item.GetProperty("00080018").GetProperty("Value")[0].GetString()!)];
    }

    /// <summary>True when the file comes back exactly as it was sent; from the archive once it is rehydrated.</summary>
    public async Task<bool> ReadAsync(Sent sent, CancellationToken cancellationToken)
    {
        var path = new Uri($"api/studies/{sent.Study}/series/{sent.Series}/instances/{sent.Instance}/original", UriKind.Relative);
        var answer = await Reader.GetAsync(path, cancellationToken);
        for (var waited = 0; answer.StatusCode == HttpStatusCode.Accepted && waited < 600; waited++)
        {
            answer.Dispose();
            await Task.Delay(100, cancellationToken);
            answer = await Reader.GetAsync(path, cancellationToken);
        }

        using var last = answer;
        return answer.IsSuccessStatusCode && SHA256.HashData(await answer.Content.ReadAsByteArrayAsync(cancellationToken)).AsSpan().SequenceEqual(sent.Sha256);
    }

    /// <summary>Sends instances in one STOW-RS request and writes down what is acknowledged. False when not all of them were.</summary>
    public async Task<bool> StoreAsync(Ledger ledger, IReadOnlyCollection<(Sent Sent, byte[] File)> instances, bool reserve, CancellationToken cancellationToken) =>
        (await TryStoreAsync(ledger, instances, cancellationToken, reserve)).Stored;

    /// <inheritdoc cref="StoreAsync"/>
    public async Task<(HttpStatusCode Status, bool Stored)> TryStoreAsync(
        Ledger ledger, IReadOnlyCollection<(Sent Sent, byte[] File)> instances, CancellationToken cancellationToken, bool reserve = false)
    {
        using var content = new MultipartContent("related", "torture");
        content.Headers.ContentType!.Parameters.Add(new NameValueHeaderValue("type", "\"application/dicom\""));
        foreach (var (_, file) in instances)
        {
            var part = new ByteArrayContent(file);
            part.Headers.ContentType = new MediaTypeHeaderValue("application/dicom");
            content.Add(part);
        }

        using var answer = await Technician.PostAsync(new Uri("dicomweb/studies", UriKind.Relative), content, cancellationToken);
        var body = await answer.Content.ReadAsByteArrayAsync(cancellationToken);
        if ((int)answer.StatusCode is not (200 or 202)) return (answer.StatusCode, false);
        using var json = JsonDocument.Parse(body);
        if (!json.RootElement.TryGetProperty("00081199", out var stored)) return (answer.StatusCode, false);
        foreach (var study in instances.Select(item => item.Sent.Study).Distinct(StringComparer.Ordinal)) ledger.Answered.AddOrUpdate(study, 1, static (_, requests) => requests + 1);
        foreach (var item in stored.GetProperty("Value").EnumerateArray()) ledger.Acknowledge(item.GetProperty("00081155").GetProperty("Value")[0].GetString()!, reserve);
        return (answer.StatusCode, instances.All(item => item.Sent.Acknowledged));
    }

    /// <summary>The JSON of an answer of 200; null for any other.</summary>
    public static async Task<JsonElement?> GetAsync(HttpClient client, string path, CancellationToken cancellationToken)
    {
        using var answer = await client.GetAsync(new Uri(path, UriKind.Relative), cancellationToken);
        return answer.IsSuccessStatusCode ? await answer.Content.ReadFromJsonAsync<JsonElement>(cancellationToken) : null;
    }

    public void Dispose()
    {
        foreach (var client in _clients.Values) client.Dispose();
        Anonymous.Dispose();
    }

    private static HttpClient Of(Uri host, string token)
    {
        var client = new HttpClient { BaseAddress = host, Timeout = TimeSpan.FromSeconds(60) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return client;
    }

    private static async Task<string> SignInAsync(Uri host, JsonDocument logins, string role, CancellationToken cancellationToken)
    {
        var login = logins.RootElement.GetProperty("accounts").EnumerateArray().First(account => account.GetProperty("user").GetString()!.StartsWith(role + "@", StringComparison.Ordinal));
        using var client = new HttpClient { BaseAddress = host };
        using var answer = await client.PostAsJsonAsync(
            new Uri("api/login", UriKind.Relative), new { user = login.GetProperty("user").GetString(), password = login.GetProperty("password").GetString() }, cancellationToken);
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync<JsonElement>(cancellationToken)).GetProperty("accessToken").GetString()!;
    }
}

/// <summary>Bearer tokens of the accounts that act, by role.</summary>
internal sealed record Logins(IReadOnlyDictionary<string, string> Tokens);
