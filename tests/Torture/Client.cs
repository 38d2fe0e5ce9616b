using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;

namespace Skylight.Torture;

/// <summary>Sends instances by STOW-RS and reads them back, as programs outside do.</summary>
internal sealed class Client : IDisposable
{
    private readonly HttpClient _sender;
    private readonly HttpClient _reader;

    private Client(HttpClient sender, HttpClient reader) => (_sender, _reader) = (sender, reader);

    /// <summary>Signs in with the development accounts of the data folder. The tokens outlive the host.</summary>
    public static async Task<Logins> SignInAsync(Uri host, string data, CancellationToken cancellationToken)
    {
        using var logins = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(data, "dev-accounts.json"), cancellationToken));
        return new Logins(await SignInAsync(host, logins, "technician", cancellationToken), await SignInAsync(host, logins, "radiologist", cancellationToken));
    }

    /// <summary>A client of the host that now listens there.</summary>
    public static Client Of(Uri host, Logins logins) => new(Of(host, logins.Sender), Of(host, logins.Reader));

    /// <summary>Sends until the host is gone or the token says enough. What the host acknowledges is written down.</summary>
    public async Task SendAsync(Ledger ledger, Random random, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            using var content = new MultipartContent("related", "torture");
            content.Headers.ContentType!.Parameters.Add(new NameValueHeaderValue("type", "\"application/dicom\""));
            for (var count = 1 + (random.Next(3) == 0 ? random.Next(8) : 0); count > 0; count--)
            {
                var part = new ByteArrayContent((await ledger.MakeAsync(random)).File);
                part.Headers.ContentType = new MediaTypeHeaderValue("application/dicom");
                content.Add(part);
            }

            try
            {
                using var answer = await _sender.PostAsync(new Uri("dicomweb/studies", UriKind.Relative), content, cancellationToken);
                var body = await answer.Content.ReadAsByteArrayAsync(cancellationToken);
                if ((int)answer.StatusCode is 200 or 202) Acknowledge(ledger, body);
            }
            catch (Exception error) when (error is HttpRequestException or IOException or OperationCanceledException)
            {
                // Killed in the middle: nothing was promised.
                return;
            }
        }
    }

    /// <summary>UIDs of the instances that a study shows; null when the host did not answer.</summary>
    public async Task<IReadOnlyList<string>?> ListAsync(string study, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"dicomweb/studies/{study}/instances");
        request.Headers.TryAddWithoutValidation("Accept", "application/dicom+json");
        using var answer = await _reader.SendAsync(request, cancellationToken);
        if ((int)answer.StatusCode is 404 or 204) return [];
        if (!answer.IsSuccessStatusCode) return null;
        using var json = JsonDocument.Parse(await answer.Content.ReadAsByteArrayAsync(cancellationToken));
        return [.. json.RootElement.EnumerateArray().Select(item => item.GetProperty("00080018").GetProperty("Value")[0].GetString()!)];
    }

    /// <summary>True when the file comes back exactly as it was sent.</summary>
    public async Task<bool> ReadAsync(Sent sent, CancellationToken cancellationToken)
    {
        using var answer = await _reader.GetAsync(new Uri($"api/studies/{sent.Study}/series/{sent.Series}/instances/{sent.Instance}/original", UriKind.Relative), cancellationToken);
        return answer.IsSuccessStatusCode && SHA256.HashData(await answer.Content.ReadAsByteArrayAsync(cancellationToken)).AsSpan().SequenceEqual(sent.Sha256);
    }

    public void Dispose()
    {
        _sender.Dispose();
        _reader.Dispose();
    }

    private static void Acknowledge(Ledger ledger, byte[] body)
    {
        using var json = JsonDocument.Parse(body);
        if (!json.RootElement.TryGetProperty("00081199", out var stored)) return;
        foreach (var item in stored.GetProperty("Value").EnumerateArray())
            ledger.Acknowledge(item.GetProperty("00081155").GetProperty("Value")[0].GetString()!);
    }

    private static HttpClient Of(Uri host, string token)
    {
        var client = new HttpClient { BaseAddress = host, Timeout = TimeSpan.FromSeconds(60) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return client;
    }

    private static async Task<string> SignInAsync(Uri host, JsonDocument logins, string role, CancellationToken cancellationToken)
    {
        var login = logins.RootElement.GetProperty("accounts").EnumerateArray().First(account => account.GetProperty("role").GetString() == role);
        using var client = new HttpClient { BaseAddress = host };
        using var answer = await client.PostAsJsonAsync(
            new Uri("api/login", UriKind.Relative), new { user = login.GetProperty("user").GetString(), password = login.GetProperty("password").GetString() }, cancellationToken);
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync<JsonElement>(cancellationToken)).GetProperty("accessToken").GetString()!;
    }
}

/// <summary>Bearer tokens of the account that sends and of the one that reads.</summary>
internal sealed record Logins(string Sender, string Reader);
