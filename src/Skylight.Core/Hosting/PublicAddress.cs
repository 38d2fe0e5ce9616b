using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Skylight.Core.Hosting;

/// <summary>Where this installation is reached from outside. Section <c>Skylight:Hosting</c>.</summary>
public sealed class HostingOptions
{
    public const string Section = "Skylight:Hosting";

    /// <summary>
    /// Scheme, host and optional port under which clients reach the service; the base of every URL that we hand out (upload URLs, issuer,
    /// retrieve URLs). Without it the edge uses the address that it listens on; in the cloud it is required.
    /// https, unless the host is a loopback address. No path, query or fragment.
    /// </summary>
    public Uri? PublicBaseUrl { get; set; }
}

/// <summary>The public base URL, known once the host listens (a port of 0 is chosen by the system).</summary>
public sealed class PublicAddress(IOptions<HostingOptions> options)
{
    private Uri? _listening;

    /// <summary>Absolute, with a trailing slash and no further path.</summary>
    /// <exception cref="InvalidOperationException">Nothing is configured and the host does not listen yet.</exception>
    public Uri BaseUrl => options.Value.PublicBaseUrl ?? _listening
        ?? throw new InvalidOperationException("The public address is known only after the host has started; set Skylight:Hosting:PublicBaseUrl to know it earlier.");

    /// <summary>Called by the host with the address that it listens on. A configured address wins.</summary>
    public void Announce(Uri listening) => _listening = listening;
}

public static class HostingServices
{
    public static IServiceCollection AddHosting(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<HostingOptions>().Bind(configuration.GetSection(HostingOptions.Section)).ValidateOnStart();
        services.AddSingleton<IValidateOptions<HostingOptions>, HostingOptionsValidator>();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<PublicAddress>();
        return services;
    }

    private sealed class HostingOptionsValidator : IValidateOptions<HostingOptions>
    {
        public ValidateOptionsResult Validate(string? name, HostingOptions options)
        {
            if (options.PublicBaseUrl is not { } url) return ValidateOptionsResult.Skip;
            if (!url.IsAbsoluteUri || url.Scheme is not ("https" or "http"))
                return ValidateOptionsResult.Fail("Skylight:Hosting:PublicBaseUrl must be an absolute https URL, such as https://images.example.org");
            if (url.AbsolutePath != "/" || url.Query.Length > 0 || url.Fragment.Length > 0 || url.UserInfo.Length > 0)
                return ValidateOptionsResult.Fail("Skylight:Hosting:PublicBaseUrl must have no path, query, fragment or user");
            return url.Scheme == "http" && !url.IsLoopback
                ? ValidateOptionsResult.Fail("Skylight:Hosting:PublicBaseUrl must be https, unless its host is a loopback address")
                : ValidateOptionsResult.Success;
        }
    }
}
