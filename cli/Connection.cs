using System.CommandLine;
using System.Net.Http.Headers;

namespace Skylight.Cli;

/// <summary>The options that every command talking to a host has, and the client made from them.</summary>
public static class Connection
{
    public const string UrlVariable = "SKYLIGHT_URL";
    public const string TokenVariable = "SKYLIGHT_TOKEN";

    public static Option<Uri> Url { get; } = new("--url")
    {
        Description = $"Address of the Skylight host. Default: ${UrlVariable}, else http://127.0.0.1:7071.",
        Recursive = true,
        CustomParser = result =>
        {
            if (Uri.TryCreate(result.Tokens[0].Value, UriKind.Absolute, out var url)) return url;
            result.AddError("--url must be an absolute http or https address.");
            return null;
        },
        // One that is none is refused where it is used, as one of another scheme is.
        DefaultValueFactory = _ => Uri.TryCreate(Environment.GetEnvironmentVariable(UrlVariable) ?? "http://127.0.0.1:7071", UriKind.Absolute, out var url) ? url : new Uri("about:blank"),
    };

    public static Option<string?> Token { get; } = new("--token")
    {
        Description = $"Bearer token. Default: ${TokenVariable} (preferred: a command line can be read by others on the machine).",
        Recursive = true,
    };

    public static Option<bool> Json { get; } = new("--json")
    {
        Description = "One JSON document on standard output instead of text; errors too (on standard error).",
        Recursive = true,
    };

    /// <summary>A client for the host named by the options. Nothing is sent yet.</summary>
    /// <exception cref="CliException">No token, or an address that is not http(s).</exception>
    public static HttpClient Open(ParseResult parsed)
    {
        var url = parsed.GetValue(Url)!;
        if (!url.IsAbsoluteUri || url.Scheme is not ("http" or "https")) throw new CliException(ExitCode.Usage, $"--url, or {UrlVariable}, must be an absolute http or https address.");
        if (url.Scheme == "http" && !url.IsLoopback) throw new CliException(ExitCode.Usage, "A token is sent over plain http only to this machine itself; use https.");
        // Read here, not as the option's default: help prints defaults.
        var token = parsed.GetValue(Token) ?? Environment.GetEnvironmentVariable(TokenVariable);
        if (string.IsNullOrWhiteSpace(token)) throw new CliException(ExitCode.Unauthorized, $"No token: set {TokenVariable} or give --token (on a development host: ./dev token ROLE).");
        var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) })
        {
            BaseAddress = url.AbsoluteUri.EndsWith('/') ? url : new Uri(url.AbsoluteUri + "/"),
            Timeout = TimeSpan.FromMinutes(10),
        };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return client;
    }
}
