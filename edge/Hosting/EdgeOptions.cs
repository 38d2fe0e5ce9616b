using System.ComponentModel.DataAnnotations;
using System.Net;
using Microsoft.Extensions.Options;
using Skylight.Edge.Runtime.Triggers;

namespace Skylight.Edge.Hosting;

/// <summary>How the edge host listens and stops. Section <c>Skylight:Edge</c>; read once, at start.</summary>
public sealed class EdgeOptions
{
    public const string Section = "Skylight:Edge";

    /// <summary>IP address to listen on. Default 127.0.0.1. Any other than a loopback address needs <see cref="CertificateFile"/>.</summary>
    public string Address { get; set; } = "127.0.0.1";

    /// <summary>TCP port, 0–65535; 0 takes a free one. Default 7071.</summary>
    [Range(0, 65535)]
    public int Port { get; set; } = 7071;

    /// <summary>PEM (with its chain) or PFX file of the server's certificate; with it the listener speaks TLS only.</summary>
    public string? CertificateFile { get; set; }

    /// <summary>PEM file of the private key; not with a PFX file.</summary>
    public string? CertificateKeyFile { get; set; }

    /// <summary>File whose first line is the password of the PFX or key file.</summary>
    public string? CertificatePasswordFile { get; set; }

    /// <summary>Seconds that running requests and functions get to finish after SIGTERM, 0–600; then their tokens are cancelled. Default 25.</summary>
    [Range(0, 600)]
    public int DrainSeconds { get; set; } = 25;

    /// <summary>Open connections at most, 10–100000; more are closed at once. Default 2000.</summary>
    [Range(10, 100_000)]
    public int MaxConnections { get; set; } = 2000;

    /// <summary>Below this many MiB of free space in the data folder the host reports not ready. Default 512; 0 switches the check off.</summary>
    [Range(0, 1 << 30)]
    public int MinFreeSpaceMiB { get; set; } = 512;

    /// <summary>Networks (CIDR) from which <c>/metrics</c> may be read, besides a direct connection from this machine. Default none.</summary>
    public IList<string> MetricsNetworks { get; } = [];

    /// <summary>Origins (scheme://host[:port]) of web pages elsewhere that may call the API. Default none: no cross-origin calls.</summary>
    public IList<string> CorsOrigins { get; } = [];

    /// <summary>Seconds that an invocation of the named function may take, 1–86400; wins over host.json's functionTimeout.</summary>
    public IDictionary<string, int> FunctionTimeoutSecondsOf { get; } = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Adds the messages of exceptions to the log. They may quote data: only for looking into a fault, never in regular service. Default false.</summary>
    public bool LogExceptionMessages { get; set; }

    public TimeSpan? TimeLimitOf(string function, HostSettings host) =>
        FunctionTimeoutSecondsOf.TryGetValue(function, out var seconds) ? TimeSpan.FromSeconds(seconds) : host.FunctionTimeout;
}

[OptionsValidator]
internal sealed partial class EdgeOptionsRanges : IValidateOptions<EdgeOptions>;

/// <summary>The rules that no single property shows.</summary>
internal sealed class EdgeOptionsRules(EdgeSetup setup) : IValidateOptions<EdgeOptions>
{
    public ValidateOptionsResult Validate(string? name, EdgeOptions options)
    {
        var errors = new List<string>();
        if (!IPAddress.TryParse(options.Address, out var address)) errors.Add($"{EdgeOptions.Section}:Address must be an IP address, such as 127.0.0.1 or 0.0.0.0.");
        else if (!IPAddress.IsLoopback(address) && options.CertificateFile is null)
            errors.Add($"{EdgeOptions.Section}:Address is not a loopback address, so the listener needs TLS: set Skylight:Edge:CertificateFile.");
        if (setup.Dev && address is not null && !IPAddress.IsLoopback(address)) errors.Add("--dev makes accounts with known passwords, so it works on a loopback address only.");
        try
        {
            Certificates.Load(options)?.Dispose();
        }
        catch (CertificateException error)
        {
            errors.Add($"{EdgeOptions.Section}:{error.Setting} {error.Message}.");
        }

        foreach (var network in options.MetricsNetworks)
        {
            if (!IPNetwork.TryParse(network, out _)) errors.Add($"{EdgeOptions.Section}:MetricsNetworks must hold networks such as 10.1.0.0/16.");
        }

        foreach (var origin in options.CorsOrigins)
        {
            if (!Uri.TryCreate(origin, UriKind.Absolute, out var url) || url.GetLeftPart(UriPartial.Authority) != origin)
                errors.Add($"{EdgeOptions.Section}:CorsOrigins must hold origins such as https://viewer.example.org, without a path.");
        }

        foreach (var (function, seconds) in options.FunctionTimeoutSecondsOf)
        {
            if (seconds is < 1 or > 86_400) errors.Add($"{EdgeOptions.Section}:FunctionTimeoutSecondsOf:{function} must be 1 to 86400.");
        }

        return errors.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(errors);
    }
}
